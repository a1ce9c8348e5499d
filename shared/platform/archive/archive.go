// Package archive keeps objects: a write-once Store for what must outlive us, and Documents for the files of a case
// before and after they are filed. Memory is here; S3 is in package s3. One suite (package archivetest) holds both.
package archive

import (
	"context"
	"errors"
	"io"
	"time"
)

// Store is write-once. An object is never changed nor removed; keys are built only by package layout.
type Store interface {
	// Put stores body under key. When it returns nil the object is durable. The same bytes under the same key succeed
	// again, so a redelivery may repeat it; other bytes return ErrDifferent and change nothing.
	Put(ctx context.Context, key string, body []byte, mediaType string) error
	// Get returns the object's bytes, or ErrNotFound.
	Get(ctx context.Context, key string) ([]byte, error)
	// List returns the keys under prefix that sort after the key after (may be empty), in order, at most limit.
	List(ctx context.Context, prefix, after string, limit int) ([]string, error)
}

// Documents keeps uploads that a browser puts by itself, and the files of a case.
type Documents interface {
	// Presign returns how a browser puts exactly this file under key, once, within the next minutes: length, type and
	// SHA-256 are signed, and a second PUT of the same key answers 412 (which means: already there).
	Presign(ctx context.Context, key string, file File) (Upload, error)
	// Open streams an object: ErrNotFound if absent. The caller closes Body.
	Open(ctx context.Context, key string) (Object, error)
	// Copy makes to a copy of from, inside the store. Copying the same object again succeeds.
	Copy(ctx context.Context, from, to string) error
	// Put stores a small body that the sportello made itself. Same bytes again succeed; other bytes: ErrDifferent.
	Put(ctx context.Context, key string, body []byte, mediaType string) error
	// Delete removes an object; an absent one is no error. Only drafts' files are ever deleted.
	Delete(ctx context.Context, key string) error
	// Link returns an address from which a browser can download the object for some minutes, under the name given.
	Link(ctx context.Context, key, name string) (string, error)
}

// File describes what a browser says it will upload.
type File struct {
	Size      int64
	SHA256    [32]byte
	MediaType string
}

// Upload is what the browser must send: method, address, and every header exactly as given.
type Upload struct {
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
	Expires time.Time         `json:"-"`
}

// Object is an open object.
type Object struct {
	Body      io.ReadCloser
	Size      int64
	MediaType string
}

var (
	// ErrNotFound is returned for a key that holds nothing.
	ErrNotFound = errors.New("archive: no such object")
	// ErrDifferent is returned by Put when the key already holds other bytes: somebody is wrong, nothing was changed.
	ErrDifferent = errors.New("archive: key holds other bytes")
)
