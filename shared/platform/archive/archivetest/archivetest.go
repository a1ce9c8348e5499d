// Package archivetest is the suite that every archive.Store and archive.Documents must pass: memory and S3 are one contract.
package archivetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sportello/shared/platform/archive"
)

// RunStore runs the suite of archive.Store; open returns a store that is the test's own, empty.
func RunStore(t *testing.T, open func(t *testing.T) archive.Store) {
	for name, test := range map[string]func(*testing.T, archive.Store){
		"PutAndGet": putAndGet, "WriteOnce": writeOnce, "OneOfMany": oneOfMany, "List": list,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// Browser makes an upload as a browser would: it sends the body with the headers given. It returns nil when the store answers
// that it has the file, now or from before (412).
type Browser func(ctx context.Context, key string, upload archive.Upload, body []byte) error

// RunDocuments runs the suite of archive.Documents.
func RunDocuments(t *testing.T, open func(t *testing.T) (archive.Documents, Browser)) {
	for name, test := range map[string]func(*testing.T, archive.Documents, Browser){
		"Upload": upload, "UploadOfAnotherFile": uploadOfAnotherFile, "PutCopyDelete": putCopyDelete,
	} {
		t.Run(name, func(t *testing.T) {
			documents, browser := open(t)
			test(t, documents, browser)
		})
	}
}

func put(t *testing.T, s archive.Store, key, body string) {
	t.Helper()
	if err := s.Put(context.Background(), key, []byte(body), "text/plain"); err != nil {
		t.Fatalf("putting %s: %v", key, err)
	}
}

func putAndGet(t *testing.T, s archive.Store) {
	for _, body := range []string{"hello", "", "\x00\xff", string(bytes.Repeat([]byte("0123456789"), 100_000))} {
		key := fmt.Sprintf("register/milano/%x", sha256.Sum256([]byte(body)))
		put(t, s, key, body)
		got, err := s.Get(context.Background(), key)
		if err != nil || string(got) != body {
			t.Errorf("got %d bytes of %d, %v", len(got), len(body), err)
		}
	}
	if _, err := s.Get(context.Background(), "register/nobody"); !errors.Is(err, archive.ErrNotFound) {
		t.Errorf("absent object: %v", err)
	}
}

func writeOnce(t *testing.T, s archive.Store) {
	const key = "register/milano/2026/blocks/0000000001.jsonl"
	put(t, s, key, "first")
	put(t, s, key, "first")
	for _, other := range []string{"other", "firs", "first ", ""} {
		if err := s.Put(context.Background(), key, []byte(other), "text/plain"); !errors.Is(err, archive.ErrDifferent) {
			t.Errorf("putting %q: %v", other, err)
		}
	}
	if got, err := s.Get(context.Background(), key); err != nil || string(got) != "first" {
		t.Errorf("now it holds %q, %v", got, err)
	}
}

// Of many who put different bytes under one key, one succeeds and its bytes stay.
func oneOfMany(t *testing.T, s archive.Store) {
	var winners atomic.Int32
	var won atomic.Value
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			body := fmt.Sprintf("writer %d", n)
			err := s.Put(context.Background(), "one", []byte(body), "text/plain")
			switch {
			case err == nil:
				winners.Add(1)
				won.Store(body)
			case !errors.Is(err, archive.ErrDifferent) && !errors.Is(err, archive.ErrNotFound):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	got, err := s.Get(context.Background(), "one")
	if err != nil || winners.Load() != 1 || string(got) != won.Load() {
		t.Errorf("%d winners, last %v, stored %q, %v", winners.Load(), won.Load(), got, err)
	}
}

func list(t *testing.T, s archive.Store) {
	for _, key := range []string{"a/3", "a/1", "a/2", "a/10", "b/1"} {
		put(t, s, key, key)
	}
	for _, c := range []struct {
		prefix, after string
		limit         int
		want          []string
	}{
		{"a/", "", 10, []string{"a/1", "a/10", "a/2", "a/3"}},
		{"a/", "a/10", 10, []string{"a/2", "a/3"}},
		{"a/", "", 2, []string{"a/1", "a/10"}},
		{"a/", "a/3", 2, nil},
		{"c/", "", 2, nil},
		{"", "", 10, []string{"a/1", "a/10", "a/2", "a/3", "b/1"}},
	} {
		got, err := s.List(context.Background(), c.prefix, c.after, c.limit)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(c.want) || len(got) > 0 && !cmp.Equal(c.want, got) {
			t.Errorf("list %q after %q: %v, want %v", c.prefix, c.after, got, c.want)
		}
	}
}

func fileOf(body string) archive.File {
	return archive.File{Size: int64(len(body)), SHA256: sha256.Sum256([]byte(body)), MediaType: "application/pdf"}
}

func wantObject(t *testing.T, d archive.Documents, key, body, mediaType string) {
	t.Helper()
	object, err := d.Open(context.Background(), key)
	if err != nil {
		t.Errorf("opening %s: %v", key, err)
		return
	}
	defer object.Body.Close()
	got, err := io.ReadAll(object.Body)
	if err != nil || string(got) != body || object.Size != int64(len(body)) || object.MediaType != mediaType {
		t.Errorf("%s is %q, %d bytes of %s, %v", key, got, object.Size, object.MediaType, err)
	}
}

func upload(t *testing.T, d archive.Documents, browser Browser) {
	ctx, key, body := context.Background(), "uploads/019aab6e/1", "%PDF-1.7 a file"
	up, err := d.Presign(ctx, key, fileOf(body))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Open(ctx, key); !errors.Is(err, archive.ErrNotFound) {
		t.Errorf("before the upload: %v", err)
	}
	for range 2 {
		if err := browser(ctx, key, up, []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	wantObject(t, d, key, body, "application/pdf")
}

func uploadOfAnotherFile(t *testing.T, d archive.Documents, browser Browser) {
	ctx, body := context.Background(), "%PDF-1.7 the file"
	for name, other := range map[string]string{
		"longer": body + "!", "shorter": body[1:], "changed": "%PDF-1.7 another", "empty": "",
	} {
		key := "uploads/019aab6e/" + name
		up, err := d.Presign(ctx, key, fileOf(body))
		if err != nil {
			t.Fatal(err)
		}
		if err := browser(ctx, key, up, []byte(other)); err == nil {
			t.Errorf("a %s file was taken", name)
		}
		if _, err := d.Open(ctx, key); !errors.Is(err, archive.ErrNotFound) {
			t.Errorf("after a %s file: %v", name, err)
		}
	}
}

func putCopyDelete(t *testing.T, d archive.Documents, _ Browser) {
	ctx := context.Background()
	const from, to = "snapshots/019aab6e/ab.json", "documents/019aab6e/a b+c è"
	for range 2 {
		if err := d.Put(ctx, from, []byte(`{}`), "application/json"); err != nil {
			t.Fatal(err)
		}
		if err := d.Copy(ctx, from, to); err != nil {
			t.Fatal(err)
		}
	}
	wantObject(t, d, to, `{}`, "application/json")
	if err := d.Put(ctx, from, []byte(`[]`), "application/json"); !errors.Is(err, archive.ErrDifferent) {
		t.Errorf("other bytes: %v", err)
	}
	if err := d.Copy(ctx, "snapshots/nobody", "x"); !errors.Is(err, archive.ErrNotFound) {
		t.Errorf("copying nothing: %v", err)
	}
	for range 2 {
		if err := d.Delete(ctx, from); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.Open(ctx, from); !errors.Is(err, archive.ErrNotFound) {
		t.Errorf("after deletion: %v", err)
	}
	wantObject(t, d, to, `{}`, "application/json")
}
