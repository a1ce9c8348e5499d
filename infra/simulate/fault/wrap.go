package fault

import (
	"context"
	"fmt"

	"sportello/shared/platform/archive"
	"sportello/shared/platform/queue"
	"sportello/shared/platform/table"
)

// Table puts the injector in front of a table.
type Table struct {
	Inner table.Table
	Name  string
	*Injector
	// Part names the part of the step that a read of such a row begins, or "".
	Part func(step string, key table.Key) string
}

var _ table.Table = Table{}

// Get implements table.Table.
func (t Table) Get(ctx context.Context, keys ...table.Key) (items []table.Item, err error) {
	if f := t.Frame(); f != nil && f.probed {
		f.Part, f.probed = f.outer, false // there is no such book: nothing was opened
	}
	if f := t.Frame(); f != nil && t.Part != nil {
		if part := t.Part(f.Step, keys[0]); part != "" {
			f.Part = part
		}
	}
	err = t.Do(t.Name+".Get", Read, nil, func() (err error) {
		items, err = t.Inner.Get(ctx, keys...)
		return err
	})
	return items, err
}

// Query implements table.Table.
func (t Table) Query(ctx context.Context, q table.Query) (page table.Page, err error) {
	err = t.Do(t.Name+"."+queried(q), Read, nil, func() (err error) {
		page, err = t.Inner.Query(ctx, q)
		return err
	})
	return page, err
}

// Commit implements table.Table.
func (t Table) Commit(ctx context.Context, changes ...table.Change) error {
	return t.Do(t.Name+".Commit "+committed(changes), Write, table.ErrUnclear, func() error {
		return t.Inner.Commit(ctx, changes...)
	})
}

// Store puts the injector in front of a write-once store.
type Store struct {
	Inner archive.Store
	*Injector
	// Opening names the part of the step while a book's archive is compared with its table.
	Opening string
	// Down puts the store out of service for what is written.
	Down *bool
}

var _ archive.Store = Store{}

// Put implements archive.Store.
func (s Store) Put(ctx context.Context, key string, body []byte, mediaType string) error {
	return s.Do("archive.Put "+object(key), Write, nil, func() error {
		if *s.Down {
			return fmt.Errorf("%w: out of service", ErrInjected)
		}
		return s.Inner.Put(ctx, key, body, mediaType)
	})
}

// Get implements archive.Store.
func (s Store) Get(ctx context.Context, key string) (body []byte, err error) {
	err = s.Do("archive.Get "+object(key), Read, nil, func() (err error) {
		body, err = s.Inner.Get(ctx, key)
		return err
	})
	return body, err
}

// List implements archive.Store. In the registry's step, listing the blocks begins the comparison of a book with its archive; an empty list of
// seals ends it.
func (s Store) List(ctx context.Context, prefix, after string, limit int) (keys []string, err error) {
	f, what := s.Frame(), listed(prefix)
	if f != nil && f.Step == "register" && f.Part != s.Opening {
		f.Part, f.outer = s.Opening, f.Part
	}
	err = s.Do("archive.List "+what, Read, nil, func() (err error) {
		keys, err = s.Inner.List(ctx, prefix, after, limit)
		return err
	})
	if f != nil && f.Part == s.Opening {
		f.probed = what == "blocks" && limit == 1 && len(keys) == 0
	}
	if f != nil && f.Part == s.Opening && what == "seals" && len(keys) == 0 {
		f.Part = f.outer
	}
	return keys, err
}

// Documents puts the injector in front of a store of documents.
type Documents struct {
	Inner archive.Documents
	*Injector
}

var _ archive.Documents = Documents{}

// Presign implements archive.Documents. It is computed, not asked: nothing can fail.
func (d Documents) Presign(ctx context.Context, key string, file archive.File) (archive.Upload, error) {
	return d.Inner.Presign(ctx, key, file)
}

// Open implements archive.Documents.
func (d Documents) Open(ctx context.Context, key string) (o archive.Object, err error) {
	err = d.Do("documents.Open "+object(key), Read, nil, func() (err error) {
		o, err = d.Inner.Open(ctx, key)
		return err
	})
	return o, err
}

// Copy implements archive.Documents.
func (d Documents) Copy(ctx context.Context, from, to string) error {
	return d.Do("documents.Copy "+object(to), Write, nil, func() error { return d.Inner.Copy(ctx, from, to) })
}

// Put implements archive.Documents.
func (d Documents) Put(ctx context.Context, key string, body []byte, mediaType string) error {
	return d.Do("documents.Put "+object(key), Write, nil, func() error { return d.Inner.Put(ctx, key, body, mediaType) })
}

// Delete implements archive.Documents.
func (d Documents) Delete(ctx context.Context, key string) error {
	return d.Do("documents.Delete "+object(key), Write, nil, func() error { return d.Inner.Delete(ctx, key) })
}

// Link implements archive.Documents. It is computed, not asked.
func (d Documents) Link(ctx context.Context, key, name string) (string, error) {
	return d.Inner.Link(ctx, key, name)
}

// Sender puts the injector in front of a queue.
type Sender struct {
	Inner queue.Sender
	Name  string
	*Injector
}

var _ queue.Sender = Sender{}

// Send implements queue.Sender.
func (s Sender) Send(ctx context.Context, messages ...queue.Message) error {
	return s.Do("queue.Send "+s.Name, Write, nil, func() error { return s.Inner.Send(ctx, messages...) })
}
