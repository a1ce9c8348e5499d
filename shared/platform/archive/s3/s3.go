// Package s3 is the Store and the Documents of package archive on S3. What is kept in which bucket is the caller's: the
// archive's bucket has versions and Object Lock, and its policy refuses a put without If-None-Match.
package s3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"sportello/shared/platform/archive"
)

// uploadTime and linkTime are how long a signed address works: an upload of a large file over a slow line begins within
// the first, a click on a link follows at once.
const (
	uploadTime = 15 * time.Minute
	linkTime   = 2 * time.Minute
)

// NewClient makes the client that the buckets of a process share. An emulator is asked by path, since its host has no
// names for buckets. Retries are the configuration's: every call here may be repeated. Bodies are streamed, so the time of
// a whole exchange is bounded by the context.
func NewClient(config aws.Config) *s3.Client {
	return s3.NewFromConfig(config, func(o *s3.Options) { o.UsePathStyle = o.BaseEndpoint != nil })
}

// Bucket is one S3 bucket.
type Bucket struct {
	client  *s3.Client
	presign *s3.PresignClient
	name    string
	now     func() time.Time
}

var (
	_ archive.Store     = (*Bucket)(nil)
	_ archive.Documents = (*Bucket)(nil)
)

// New returns the bucket of that name. The clock is for what is told of a signed address; S3's own clock decides.
func New(client *s3.Client, name string, now func() time.Time) *Bucket {
	return &Bucket{client, s3.NewPresignClient(client), name, now}
}

// Put implements archive.Store and archive.Documents. The condition makes a second put of a key fail, whatever it holds; then
// what is there is read and compared. So an SDK retry of a put that was done, a redelivered step and two steps at once all
// end well, and a different object is never overwritten. The checksum makes S3 refuse bytes damaged on the way.
func (b *Bucket) Put(ctx context.Context, key string, body []byte, mediaType string) error {
	digest := sha256.Sum256(body)
	_, err := b.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &b.name, Key: &key, Body: bytes.NewReader(body), ContentLength: aws.Int64(int64(len(body))),
		ContentType: &mediaType, IfNoneMatch: aws.String("*"), ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(digest[:])),
	})
	if err == nil {
		return nil
	}
	if !isThere(err) {
		return fmt.Errorf("putting %s: %w", key, err)
	}
	return b.compare(ctx, key, body)
}

// isThere tells the answers to a conditional put of a key that exists, or that somebody else is putting this very moment.
func isThere(err error) bool {
	var answer *smithyhttp.ResponseError
	return errors.As(err, &answer) &&
		(answer.HTTPStatusCode() == http.StatusPreconditionFailed || answer.HTTPStatusCode() == http.StatusConflict)
}

func (b *Bucket) compare(ctx context.Context, key string, body []byte) error {
	stored, err := b.Get(ctx, key)
	switch {
	case err != nil:
		// After a 409 the other put may still fail: not there, so nothing was stored, and the caller tries again.
		return fmt.Errorf("putting what is there: %w", err)
	case !bytes.Equal(stored, body):
		return fmt.Errorf("putting %s: %w", key, archive.ErrDifferent)
	}
	return nil
}

// Get implements archive.Store.
func (b *Bucket) Get(ctx context.Context, key string) ([]byte, error) {
	object, err := b.Open(ctx, key)
	if err != nil {
		return nil, err
	}
	defer object.Body.Close()
	body, err := io.ReadAll(object.Body)
	if err != nil {
		return nil, fmt.Errorf("getting %s: %w", key, err)
	}
	return body, nil
}

// List implements archive.Store.
func (b *Bucket) List(ctx context.Context, prefix, after string, limit int) ([]string, error) {
	var keys []string
	in := &s3.ListObjectsV2Input{Bucket: &b.name, Prefix: &prefix, MaxKeys: aws.Int32(int32(min(limit, maxKeys)))}
	if after != "" {
		in.StartAfter = &after
	}
	for pages := s3.NewListObjectsV2Paginator(b.client, in); pages.HasMorePages() && len(keys) < limit; {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("listing %s: %w", prefix, err)
		}
		for _, object := range page.Contents {
			keys = append(keys, aws.ToString(object.Key))
		}
	}
	return keys[:min(len(keys), limit)], nil
}

// maxKeys is the most that S3 lists at once.
const maxKeys = 1000

// Open implements archive.Documents.
func (b *Bucket) Open(ctx context.Context, key string) (archive.Object, error) {
	out, err := b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.name, Key: &key})
	if err != nil {
		return archive.Object{}, fmt.Errorf("opening %s: %w", key, notFound(err))
	}
	return archive.Object{Body: out.Body, Size: aws.ToInt64(out.ContentLength), MediaType: aws.ToString(out.ContentType)}, nil
}

// notFound is ErrNotFound for S3's ways to say it.
func notFound(err error) error {
	var answer smithy.APIError
	if errors.As(err, &answer) && (answer.ErrorCode() == "NoSuchKey" || answer.ErrorCode() == "NotFound") {
		return fmt.Errorf("%w: %w", archive.ErrNotFound, err)
	}
	return err
}

// Copy implements archive.Documents. S3 copies by itself, up to 5 GB, type and checksum with it.
func (b *Bucket) Copy(ctx context.Context, from, to string) error {
	_, err := b.client.CopyObject(ctx, &s3.CopyObjectInput{
		Bucket: &b.name, Key: &to, CopySource: aws.String(copySource(b.name, from)),
		ChecksumAlgorithm: types.ChecksumAlgorithmSha256,
	})
	if err != nil {
		return fmt.Errorf("copying to %s: %w", to, notFound(err))
	}
	return nil
}

// copySource writes a header that S3 reads as a URL path.
func copySource(bucket, key string) string {
	parts := strings.Split(key, "/")
	for n, part := range parts {
		parts[n] = url.PathEscape(part)
	}
	return bucket + "/" + strings.Join(parts, "/")
}

// Delete implements archive.Documents.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	_, err := b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.name, Key: &key})
	if err != nil && !errors.Is(notFound(err), archive.ErrNotFound) {
		return fmt.Errorf("deleting %s: %w", key, err)
	}
	return nil
}
