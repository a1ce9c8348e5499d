package trustlist_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"sportello/shared/domain/layout"
	"sportello/shared/flow/flowtest"
	"sportello/shared/flow/trustlist"
)

var ctx = context.Background()

// paper publishes an edition, or an error.
type paper struct {
	edition trustlist.Edition
	err     error
}

func (p *paper) Fetch(context.Context) (trustlist.Edition, error) { return p.edition, p.err }

func edition(w *flowtest.World, sequence int, words string) trustlist.Edition {
	return trustlist.Edition{
		Raw: []byte("<list>" + words + "</list>"), Compact: []byte(words), Sequence: sequence, IssuedAt: w.Now(), NextUpdate: w.Now().Add(30 * 24 * time.Hour),
	}
}

func desk(t *testing.T, w *flowtest.World, p *paper) *trustlist.Desk {
	t.Helper()
	d, err := trustlist.New(trustlist.Config{Table: w.Applications, Documents: w.Documents, Publisher: p, Now: w.Now})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func load(w *flowtest.World) (string, error) {
	data, err := trustlist.Load(ctx, w.Applications, w.Documents)
	return string(data), err
}

func TestRefresh(t *testing.T) {
	w := flowtest.New(t)
	p := &paper{edition: edition(w, 7, "seventh")}
	d := desk(t, w, p)
	if _, err := load(w); !errors.Is(err, trustlist.ErrNone) {
		t.Errorf("before the first: %v", err)
	}
	for range 2 { // again is the same
		if err := d.Refresh(ctx); err != nil {
			t.Fatal(err)
		}
		if got, err := load(w); got != "seventh" || err != nil {
			t.Fatalf("%q, %v", got, err)
		}
	}
	w.Pass(2 * time.Hour)
	if s, err := d.Standing(ctx); err != nil || s.Age != 2*time.Hour || s.Left != 30*24*time.Hour-2*time.Hour {
		t.Errorf("%+v, %v", s, err)
	}
	p.edition = edition(w, 8, "eighth")
	if err := d.Refresh(ctx); err != nil {
		t.Fatal(err)
	}
	if got, err := load(w); got != "eighth" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// What is not an edition to rely on leaves the one in use in its place.
func TestRefreshRefuses(t *testing.T) {
	w := flowtest.New(t)
	p := &paper{edition: edition(w, 7, "seventh")}
	d := desk(t, w, p)
	if err := d.Refresh(ctx); err != nil {
		t.Fatal(err)
	}
	old, ended := edition(w, 6, "sixth"), edition(w, 8, "eighth")
	ended.NextUpdate = w.Now()
	for name, bad := range map[string]paper{"an older one": {edition: old}, "one that has ended": {edition: ended}, "no answer": {err: errors.New("down")}} {
		*p = bad
		if err := d.Refresh(ctx); err == nil {
			t.Errorf("%s was taken", name)
		}
		if got, err := load(w); got != "seventh" || err != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// The list decides who may sign: an object that is not the one that was kept is no list.
func TestLoadChecksTheObject(t *testing.T) {
	w := flowtest.New(t)
	p := &paper{edition: edition(w, 7, "seventh")}
	if err := desk(t, w, p).Refresh(ctx); err != nil {
		t.Fatal(err)
	}
	other := flowtest.New(t)
	row := w.Applications
	keys, err := w.Documents.List(ctx, "trust/", "", 10)
	if err != nil || len(keys) != 2 {
		t.Fatalf("%v, %v", keys, err)
	}
	for _, key := range keys {
		if err := other.Documents.Put(ctx, key, bytes.ToUpper([]byte("forged")), "application/gzip"); err != nil {
			t.Fatal(err)
		}
	}
	if data, err := trustlist.Load(ctx, row, other.Documents); err == nil {
		t.Errorf("%q was taken, kept under %v", data, layout.TrustList(trustlist.Territory))
	}
}
