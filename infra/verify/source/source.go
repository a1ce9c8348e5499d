// Package source is where the verifier reads from: the archive as a bucket or as a folder, the tables as they are or as an export. It only
// reads. Nothing here knows what the bytes mean.
package source

import (
	"context"
	"errors"
)

// Object is an object of the archive.
type Object struct {
	Key  string
	Size int64
	// Versions is how many different contents the bucket has of it, 1 where the source knows of no others. The archive is write-once: a
	// second content is a break in itself. The same bytes put by two writers at the same instant are one content: S3 lets only one
	// of them through, the local cloud's S3 now and then both.
	Versions int
	// Deleted tells that a delete marker hides it: it is not there for who asks, and its versions are.
	Deleted bool
}

// Objects is the archive. Get may be called by several goroutines.
type Objects interface {
	// List returns all objects in the order of their keys.
	List(ctx context.Context) ([]Object, error)
	// Get returns an object's bytes, or ErrNotFound.
	Get(ctx context.Context, key string) ([]byte, error)
}

// Row is a row of a table: its key and the JSON that it holds.
type Row struct{ PK, SK, Body string }

// Rows is a table.
type Rows interface {
	// Get returns a row as of now, or ErrNotFound.
	Get(ctx context.Context, pk, sk string) (Row, error)
	// Scan visits every row, in no order, and ends at visit's first error.
	Scan(ctx context.Context, visit func(Row) error) error
}

// ErrNotFound is returned by Get for what is not there.
var ErrNotFound = errors.New("source: not found")

// ahead is how many objects are asked for before the first of them was visited.
const ahead = 16

// Each gets objects, several at once, and visits them in the order given. It ends at the first error of either.
func Each(ctx context.Context, from Objects, keys []string, visit func(key string, body []byte) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type answer struct {
		body []byte
		err  error
	}
	waiting := make(chan chan answer, ahead)
	go func() {
		defer close(waiting)
		for _, key := range keys {
			one := make(chan answer, 1)
			select {
			case waiting <- one:
			case <-ctx.Done():
				return
			}
			go func() {
				body, err := from.Get(ctx, key)
				one <- answer{body, err}
			}()
		}
	}()
	for _, key := range keys {
		one, ok := <-waiting
		if !ok {
			return context.Cause(ctx)
		}
		got := <-one
		if got.err != nil {
			return got.err
		}
		if err := visit(key, got.body); err != nil {
			return err
		}
	}
	return nil
}
