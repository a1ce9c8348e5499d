package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Bucket is the archive in S3.
type Bucket struct {
	client *s3.Client
	name   string
}

// NewBucket reads a bucket. An emulator is asked by path: its host has no names for buckets.
func NewBucket(config aws.Config, name string, options ...func(*s3.Options)) *Bucket {
	options = append(options, func(o *s3.Options) {
		o.UsePathStyle = o.BaseEndpoint != nil
		o.DisableLogOutputChecksumValidationSkipped = true // not every emulator answers with one
	})
	return &Bucket{s3.NewFromConfig(config, options...), name}
}

// List implements Objects. All versions are listed, for the archive must have one of each object and no delete marker.
func (b *Bucket) List(ctx context.Context) ([]Object, error) {
	byKey := map[string]*Object{}
	at := func(key *string) *Object {
		o := byKey[aws.ToString(key)]
		if o == nil {
			o = &Object{Key: aws.ToString(key)}
			byKey[o.Key] = o
		}
		return o
	}
	contents := map[string]string{} // of each key, the content met first
	pages := s3.NewListObjectVersionsPaginator(b.client, &s3.ListObjectVersionsInput{Bucket: &b.name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("listing the archive: %w", err)
		}
		for _, v := range page.Versions {
			o := at(v.Key)
			if first, met := contents[o.Key]; !met || first != aws.ToString(v.ETag) {
				contents[o.Key] = aws.ToString(v.ETag)
				o.Versions++
			}
			if aws.ToBool(v.IsLatest) {
				o.Size = aws.ToInt64(v.Size)
			}
		}
		for _, m := range page.DeleteMarkers {
			if o := at(m.Key); aws.ToBool(m.IsLatest) {
				o.Deleted = true
			} else {
				o.Versions++
			}
		}
	}
	var objects []Object
	for _, o := range byKey {
		objects = append(objects, *o)
	}
	slices.SortFunc(objects, func(a, b Object) int { return cmp.Compare(a.Key, b.Key) })
	return objects, nil
}

// Get implements Objects. The checksum that the object was put with is compared on the way.
func (b *Bucket) Get(ctx context.Context, key string) ([]byte, error) {
	object, err := b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.name, Key: &key, ChecksumMode: types.ChecksumModeEnabled})
	var absent *types.NoSuchKey
	if errors.As(err, &absent) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("getting an object of the archive: %w", err)
	}
	defer object.Body.Close()
	body, err := io.ReadAll(object.Body)
	if err != nil {
		return nil, fmt.Errorf("getting an object of the archive: %w", err)
	}
	return body, nil
}

var _ Objects = (*Bucket)(nil)
