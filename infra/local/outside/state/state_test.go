package state

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

type record struct{ N int }

func TestCollectionSurvivesReopening(t *testing.T) {
	dir := t.TempDir()
	c, err := OpenCollection[record](dir)
	if err != nil {
		t.Fatal(err)
	}
	ids := []string{"a", "../../escape", "x-1", "Ünïcode/…", ""}
	for i, id := range ids {
		if err := c.Put(id, record{i}); err != nil {
			t.Fatalf("putting %q: %v", id, err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "a.json-1.tmp"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err = OpenCollection[record](dir)
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range ids {
		if got, ok := c.Get(id); !ok || got.N != i {
			t.Errorf("Get(%q) = %v, %v after reopening; want %d", id, got, ok, i)
		}
	}
	if got := len(c.All()); got != len(ids) {
		t.Errorf("All: %d records, want %d", got, len(ids))
	}
}

func TestCollectionTakeIsOnce(t *testing.T) {
	c, err := OpenCollection[record](t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Put("code", record{7}); err != nil {
		t.Fatal(err)
	}
	if v, ok, err := c.Take("code"); err != nil || !ok || v.N != 7 {
		t.Fatalf("first Take = %v, %v, %v", v, ok, err)
	}
	if _, ok, err := c.Take("code"); ok || err != nil {
		t.Fatalf("second Take = %v, %v; want nothing", ok, err)
	}
}

func TestCollectionUpdate(t *testing.T) {
	c, err := OpenCollection[record](t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	boom := errors.New("boom")
	if err := c.Update("a", func(r *record, found bool) error { r.N = 1; return boom }); !errors.Is(err, boom) {
		t.Fatalf("Update returned %v, want boom", err)
	}
	if _, ok := c.Get("a"); ok {
		t.Error("a failed update wrote the record")
	}
	if err := c.Update("a", func(r *record, found bool) error { r.N = 1; return ErrSkip }); err != nil {
		t.Fatal(err)
	}
	if _, ok := c.Get("a"); ok {
		t.Error("a skipped update wrote the record")
	}
}

func TestClockReadsTheFileAtEachUse(t *testing.T) {
	file := filepath.Join(t.TempDir(), "clock")
	c := Clock{File: file}
	near := func(want time.Duration) {
		t.Helper()
		if got := time.Until(c.Now()); got < want-time.Minute || got > want+time.Minute {
			t.Errorf("offset %v, want about %v", got, want)
		}
	}
	near(0)
	if err := os.WriteFile(file, []byte("93600000\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	near(26 * time.Hour)
	if err := os.WriteFile(file, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	near(0)
}
