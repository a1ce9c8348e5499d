// Package table is the one way the sportello keeps rows: Get, Query and Commit, fitted to how its steps write.
//
// A step reads items, lets the domain compute new ones and commits them together, each on condition that it is
// absent or still at the version that was read. On a conflict the step reads again and decides again. So DynamoDB
// (package dynamo) and memory (this package) are one interface, held to one suite (package tabletest), and the
// simulation runs the same steps as the cloud.
package table

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"sportello/shared/domain/layout"
)

// Table is one strongly consistent table. Implementations are safe for concurrent use.
type Table interface {
	// Get returns one item for each key, in the order asked, as of now (strongly consistent one by one, not as a
	// snapshot of all). An item that does not exist has Version 0 and no Body.
	Get(ctx context.Context, keys ...Key) ([]Item, error)

	// Query returns the items of one partition in the order of the sort key. On the table itself it is strongly
	// consistent. On an index it may miss what was written a moment ago and show what is no longer so: an index
	// serves lists and sweeps, never a decision.
	Query(ctx context.Context, q Query) (Page, error)

	// Commit applies all changes or none. When it returns nil they are durable.
	//
	// It returns a *Conflict when a condition did not hold (nothing was written: read again and decide again), and
	// an error that is ErrUnclear when the outcome is unknown (the caller reads back what it would have written).
	// Any other error means that nothing was written. At most MaxChanges changes, no two of the same key.
	Commit(ctx context.Context, changes ...Change) error
}

// MaxChanges is how many changes one Commit may carry: the limit of DynamoDB's TransactWriteItems.
const MaxChanges = 100

// MaxItem is how large an item may be, in bytes: DynamoDB's 400 kB, less room for the attributes that are ours.
const MaxItem = 396 << 10

// Key names an item: partition and sort key, built only by package layout.
type Key = layout.Key

// Item is a row. Version is the token of optimistic concurrency: the version that was read, 0 for an item that does
// not exist. Commit stores Version+1. Nobody else computes versions, so a blind overwrite cannot be written.
type Item struct {
	Key
	Version int64
	// Schema is the format number of Body. A reader that meets a newer one than it knows must not guess: Decode
	// returns ErrNewerSchema, and the work is retried until the newer code is back (see DATA, "roll back").
	Schema int
	// Body is the item's JSON, kept byte for byte.
	Body []byte
	// Index places the item in secondary indexes; an index not named does not show the item.
	Index map[Index]Key
	// Expires lets the store remove the item some time after; readers check expiry themselves. Zero: never.
	Expires time.Time
}

// Exists tells whether the item was there when it was read.
func (i Item) Exists() bool { return i.Version > 0 }

// Index names a secondary index.
type Index = layout.Index

// Query asks for a range of one partition.
type Query struct {
	Index Index  // empty: the table itself
	PK    string // the partition, exact
	// Prefix, if set, bounds the sort keys by their beginning. Else From and To do, both inclusive, each optional.
	Prefix     string
	From, To   string
	Descending bool
	Limit      int     // 0: the implementation's page size
	After      *Cursor // continue after this item
}

// Page is an answer to a Query. Next is nil when there is no more.
type Page struct {
	Items []Item
	Next  *Cursor
}

// Cursor tells where a page ended: the item's key, and its place in the index that was asked. It is not
// authenticated: whoever hands it to a person signs it and rebuilds the partition from the person's rights.
type Cursor struct {
	Key   Key `json:"k"`
	Index Key `json:"i,omitzero"`
}

// Change is one part of a Commit; make it with Put, Delete or Check.
type Change struct {
	Op   Op
	Item Item
}

// Op says what a Change does.
type Op int

// The three changes.
const (
	OpPut Op = iota + 1
	OpDelete
	OpCheck
)

// Put writes a whole item on condition that it is still at item.Version (absent if 0).
func Put(item Item) Change { return Change{Op: OpPut, Item: item} }

// Delete removes an item on condition that it is still at item.Version. Deleting an absent item is a conflict.
func Delete(item Item) Change { return Change{Op: OpDelete, Item: item} }

// Check writes nothing and holds the commit to the item being still at item.Version (absent if 0).
func Check(item Item) Change { return Change{Op: OpCheck, Item: item} }

var (
	// ErrConflict is what a *Conflict is: nothing was written, read again.
	ErrConflict = errors.New("table: condition not met")
	// ErrUnclear is returned by Commit when the outcome is unknown: all is written, or nothing is. The caller must read
	// back before it says anything to anyone.
	ErrUnclear = errors.New("table: outcome of commit unknown")
	// ErrNotFound is returned by One for an item that does not exist.
	ErrNotFound = errors.New("table: no such item")
	// ErrNewerSchema is returned by Decode for an item written by newer code. Retry later, never guess.
	ErrNewerSchema = errors.New("table: item has a newer schema")
	// ErrInvalid is returned for a request that no table could serve: a programming error.
	ErrInvalid = errors.New("table: invalid request")
)

// Conflict tells which changes' conditions did not hold, by their place in the Commit. Failed may be empty when the
// store only says that somebody else was writing.
type Conflict struct{ Failed []int }

func (c *Conflict) Error() string { return fmt.Sprintf("%v (changes %v)", ErrConflict, c.Failed) }

// Is makes errors.Is(err, ErrConflict) true.
func (c *Conflict) Is(target error) bool { return target == ErrConflict }

// One gets a single item, or ErrNotFound.
func One(ctx context.Context, t Table, key Key) (Item, error) {
	items, err := t.Get(ctx, key)
	if err != nil {
		return Item{}, err
	}
	if !items[0].Exists() {
		return items[0], ErrNotFound
	}
	return items[0], nil
}

// Load gets a single item and decodes its body; the item comes back even when it does not exist (ErrNotFound), so
// that the caller can commit a new one in its place.
func Load[T any](ctx context.Context, t Table, key Key, schema int) (T, Item, error) {
	var v T
	item, err := One(ctx, t, key)
	if err != nil {
		return v, item, err
	}
	v, err = Decode[T](item, schema)
	return v, item, err
}

// Decode reads the item's body; schema is the newest format number the caller knows.
func Decode[T any](item Item, schema int) (T, error) {
	var v T
	if item.Schema > schema {
		kind, _, _ := strings.Cut(item.SK, "#") // the rest may name a person, and errors are logged
		return v, fmt.Errorf("reading %s: %w: %d > %d", kind, ErrNewerSchema, item.Schema, schema)
	}
	if err := json.Unmarshal(item.Body, &v); err != nil {
		return v, fmt.Errorf("decoding item: %w", err)
	}
	return v, nil
}

// With returns the item with a new body, keeping key and version: what a step commits after it read the item.
func (i Item) With(schema int, v any) (Item, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return Item{}, fmt.Errorf("encoding item: %w", err)
	}
	i.Schema, i.Body = schema, body
	i.Index, i.Expires = nil, time.Time{}
	return i, nil
}

// Indexed returns the item placed in an index; an empty key leaves it out.
func (i Item) Indexed(index Index, key Key) Item {
	if key.PK == "" {
		return i
	}
	places := make(map[Index]Key, len(i.Index)+1)
	for k, v := range i.Index {
		places[k] = v
	}
	places[index] = key
	i.Index = places
	return i
}

// All runs a query to its end, page by page.
func All(ctx context.Context, t Table, q Query) ([]Item, error) {
	var items []Item
	for {
		page, err := t.Query(ctx, q)
		if err != nil {
			return nil, err
		}
		items = append(items, page.Items...)
		if page.Next == nil {
			return items, nil
		}
		q.After = page.Next
	}
}
