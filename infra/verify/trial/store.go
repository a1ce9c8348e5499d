// Package trial changes a copy of a register and its archive and sees what the audit says: bit by bit, and in the ways of somebody who knows how they
// are made. The copy is in memory; what was read is never written.
package trial

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"sportello/infra/verify/audit"
	"sportello/infra/verify/finding"
	"sportello/infra/verify/source"
)

// Store is a register and its archive, read into memory, in which everything holds.
type Store struct {
	config   audit.Config
	report   audit.Report // on the store as it is
	objects  map[string][]byte
	listed   []source.Object
	register rows
}

// key is a row's.
type key struct{ pk, sk string }

func (k key) String() string { return "tabella registro, " + k.pk + "/" + k.sk }

// rows is a table in memory.
type rows map[key]string

// Get implements source.Rows.
func (r rows) Get(_ context.Context, pk, sk string) (source.Row, error) {
	if body, there := r[key{pk, sk}]; there {
		return source.Row{PK: pk, SK: sk, Body: body}, nil
	}
	return source.Row{}, source.ErrNotFound
}

// Scan implements source.Rows.
func (r rows) Scan(_ context.Context, visit func(source.Row) error) error {
	for k, body := range r {
		if err := visit(source.Row{PK: k.pk, SK: k.sk, Body: body}); err != nil {
			return err
		}
	}
	return nil
}

func read(ctx context.Context, table source.Rows) (rows, error) {
	r := rows{}
	return r, table.Scan(ctx, func(row source.Row) error {
		r[key{row.PK, row.SK}] = row.Body
		return nil
	})
}

// Open reads everything and audits it. Before anything is changed everything must hold.
func Open(ctx context.Context, from audit.Config) (*Store, error) {
	if from.Register == nil {
		return nil, errors.New("serve anche la tabella del registro")
	}
	s := &Store{config: from, objects: map[string][]byte{}}
	var err error
	if s.listed, err = from.Objects.List(ctx); err != nil {
		return nil, err
	}
	for _, o := range s.listed {
		if s.objects[o.Key], err = from.Objects.Get(ctx, o.Key); err != nil {
			return nil, err
		}
	}
	if s.register, err = read(ctx, from.Register); err != nil {
		return nil, err
	}
	if from.Applications != nil {
		if s.config.Applications, err = read(ctx, from.Applications); err != nil {
			return nil, err
		}
	}
	s.report, s.config.Known, err = audit.Learn(ctx, s.as(variant{}))
	if err == nil && !s.report.OK {
		err = fmt.Errorf("prima di cambiare qualcosa deve tornare tutto: %w", s.report.Broken)
	}
	return s, err
}

// variant is what differs from the store: objects and rows in other words, nil for those that are gone.
type variant struct {
	objects map[string][]byte
	rows    map[key]*string
}

// as is the audit's view of the store with a variant in it.
func (s *Store) as(v variant) audit.Config {
	c := s.config
	c.Objects, c.Register = varied{s, v}, s.register
	if len(v.rows) > 0 {
		changed := maps.Clone(s.register)
		for k, body := range v.rows {
			if delete(changed, k); body != nil {
				changed[k] = *body
			}
		}
		c.Register = changed
	}
	return c
}

type varied struct {
	*Store
	variant
}

// List implements source.Objects.
func (v varied) List(context.Context) ([]source.Object, error) {
	return slices.DeleteFunc(slices.Clone(v.listed), func(o source.Object) bool {
		body, changed := v.variant.objects[o.Key]
		return changed && body == nil
	}), nil
}

// Get implements source.Objects.
func (v varied) Get(_ context.Context, name string) ([]byte, error) {
	if body, changed := v.variant.objects[name]; changed && body != nil {
		return body, nil
	} else if body, there := v.Store.objects[name]; there && !changed {
		return body, nil
	}
	return nil, source.ErrNotFound
}

// audit judges a variant, with what is known of the store.
func (s *Store) audit(ctx context.Context, v variant) (audit.Report, error) {
	return audit.Run(ctx, s.as(v))
}

// anew judges a variant with nothing known beforehand.
func (s *Store) anew(ctx context.Context, v variant) (audit.Report, error) {
	c := s.as(v)
	c.Known = nil
	return audit.Run(ctx, c)
}

// Open are the bytes that nothing authenticates.
func (s *Store) Open() []finding.Open { return s.report.Open }
