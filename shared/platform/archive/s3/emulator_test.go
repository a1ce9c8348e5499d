//go:build emulator

package s3_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"testing"
	"time"

	"sportello/shared/platform/archive"
	"sportello/shared/platform/archive/archivetest"
	"sportello/shared/platform/archive/s3"
	"sportello/shared/platform/emulatortest"
)

func TestS3(t *testing.T) {
	config := emulatortest.S3(t)
	client := s3.NewClient(config)
	bucket := func(t *testing.T, locked bool) *s3.Bucket {
		return s3.New(client, emulatortest.Bucket(t, config, locked), time.Now)
	}
	archivetest.RunStore(t, func(t *testing.T) archive.Store { return bucket(t, true) })
	archivetest.RunDocuments(t, func(t *testing.T) (archive.Documents, archivetest.Browser) { return bucket(t, false), browser })
	t.Run("List1500", func(t *testing.T) { listMany(t, bucket(t, false)) })
	t.Run("Link", func(t *testing.T) { link(t, bucket(t, false)) })
	t.Run("UploadNotAsSigned", func(t *testing.T) { notAsSigned(t, bucket(t, false)) })
}

// browser sends what a page would send: Content-Length is the browser's own.
func browser(ctx context.Context, _ string, upload archive.Upload, body []byte) error {
	status, err := send(ctx, upload, body)
	if err != nil {
		return err
	}
	if status != http.StatusOK && status != http.StatusPreconditionFailed {
		return fmt.Errorf("upload answered %d", status)
	}
	return nil
}

func send(ctx context.Context, upload archive.Upload, body []byte) (int, error) {
	request, err := http.NewRequestWithContext(ctx, upload.Method, upload.URL, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	for name, value := range upload.Headers {
		request.Header.Set(name, value)
	}
	request.ContentLength = int64(len(body))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

// Every header given is under the signature: none can be left out or changed.
func notAsSigned(t *testing.T, b *s3.Bucket) {
	ctx, body := context.Background(), []byte("%PDF-1.7")
	file := archive.File{Size: 8, MediaType: "application/pdf", SHA256: digest(body)}
	for _, name := range []string{"Content-Type", "X-Amz-Checksum-Sha256", "If-None-Match"} {
		for _, value := range []string{"", "text/html"} {
			upload, err := b.Presign(ctx, "uploads/"+name+value, file)
			if err != nil {
				t.Fatal(err)
			}
			if _, given := upload.Headers[name]; !given {
				t.Errorf("%s is not signed: %v", name, upload.Headers)
			}
			upload.Headers[name] = value
			if value == "" {
				delete(upload.Headers, name)
			}
			if status, err := send(ctx, upload, body); err != nil || status < 400 {
				t.Errorf("%s changed to %q: %d, %v", name, value, status, err)
			}
		}
	}
}

func link(t *testing.T, b *s3.Bucket) {
	ctx := context.Background()
	if err := b.Put(ctx, "documents/1/a", []byte("<script>"), "text/html"); err != nil {
		t.Fatal(err)
	}
	address, err := b.Link(ctx, "documents/1/a", "Ricevuta n. 7 «è».pdf")
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK || string(body) != "<script>" {
		t.Errorf("%d %q, %v", response.StatusCode, body, err)
	}
	kind, parameters, err := mime.ParseMediaType(response.Header.Get("Content-Disposition"))
	if err != nil || kind != "attachment" || parameters["filename"] != "Ricevuta n. 7 «è».pdf" {
		t.Errorf("%s %v, %v", kind, parameters, err)
	}
}

func listMany(t *testing.T, b *s3.Bucket) {
	ctx := context.Background()
	const many = 1100
	for n := range many {
		if err := b.Put(ctx, fmt.Sprintf("p/%04d", n), nil, "text/plain"); err != nil {
			t.Fatal(err)
		}
	}
	for _, limit := range []int{1, 1000, 1050, 2000} {
		keys, err := b.List(ctx, "p/", "p/0000", limit)
		if err != nil || len(keys) != min(limit, many-1) || keys[0] != "p/0001" {
			t.Errorf("limit %d: %d keys, %v", limit, len(keys), err)
		}
	}
}
