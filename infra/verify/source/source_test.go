package source

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestFolder(t *testing.T) {
	dir := t.TempDir()
	for _, key := range []string{"b/2", "a/1", "b/1", scratch + "/x"} {
		write(t, filepath.Join(dir, key), key)
	}
	f, err := OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	got, err := f.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []Object{{Key: "a/1", Size: 3, Versions: 1}, {Key: "b/1", Size: 3, Versions: 1}, {Key: "b/2", Size: 3, Versions: 1}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if body, err := f.Get(t.Context(), "b/2"); err != nil || string(body) != "b/2" {
		t.Errorf("%s, %v", body, err)
	}
	if _, err := f.Get(t.Context(), "none"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if _, err := f.Get(t.Context(), "../"+filepath.Base(dir)+"/a/1"); err == nil {
		t.Error("a key leads out of the folder")
	}
}

// What the local cloud's S3 keeps of replaced objects is counted, by the digest of the key.
func TestFolderWithVersions(t *testing.T) {
	dir, versions := t.TempDir(), t.TempDir()
	write(t, filepath.Join(dir, "a"), "new")
	write(t, filepath.Join(versions, "ca", "97", "81", "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb", "1"), "old")
	write(t, filepath.Join(versions, "00", "0000", "1"), "gone")
	f, err := openFolder(dir, versions)
	if err != nil {
		t.Fatal(err)
	}
	got, err := f.List(t.Context())
	want := []Object{{Key: "(oggetto tolto) 0000", Versions: 1, Deleted: true}, {Key: "a", Size: 3, Versions: 2}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

// An export may have any of the forms that AWS writes.
func TestExport(t *testing.T) {
	forms := map[string]string{
		"plain":  `{"pk":"p","sk":"s","b":"{\"a\":1}"}` + "\n" + `{"pk":"q","sk":"s","b":"x"}`,
		"typed":  `{"pk":{"S":"p"},"sk":{"S":"s"},"b":{"S":"{\"a\":1}"},"v":{"N":"1"}}{"pk":{"S":"q"},"sk":{"S":"s"},"b":{"S":"x"}}`,
		"export": `{"Item":{"pk":{"S":"p"},"sk":{"S":"s"},"b":{"S":"{\"a\":1}"}}}` + "\n" + `{"Item":{"pk":{"S":"q"},"sk":{"S":"s"},"b":{"S":"x"}}}` + "\n",
		"scan":   `{"Items":[{"pk":{"S":"p"},"sk":{"S":"s"},"b":{"S":"{\"a\":1}"}},{"pk":{"S":"q"},"sk":{"S":"s"},"b":{"S":"x"}}],"Count":2,"ScannedCount":2}`,
	}
	for name, text := range forms {
		for _, zipped := range []bool{false, true} {
			file := filepath.Join(t.TempDir(), "rows")
			if zipped {
				text = gzipped(text)
			}
			write(t, file, text)
			e, err := OpenExport(filepath.Dir(file))
			if err != nil {
				t.Fatal(name, err)
			}
			n := 0
			if err := e.Scan(t.Context(), func(Row) error { n++; return nil }); err != nil || n != 2 {
				t.Errorf("%s: %d rows, %v", name, n, err)
			}
			row, err := e.Get(t.Context(), "p", "s")
			if diff := cmp.Diff(Row{"p", "s", `{"a":1}`}, row); diff != "" || err != nil {
				t.Error(name, diff, err)
			}
			if _, err := e.Get(t.Context(), "p", "t"); !errors.Is(err, ErrNotFound) {
				t.Error(err)
			}
		}
	}
	for _, bad := range []string{"{", `{"pk":"p"}`, `{"pk":1,"sk":"s"}`, `[]`, `{"pk":"p","sk":"s"}{"pk":"p","sk":"s"}`} {
		if err := (&Export{rows: map[[2]string]Row{}}).read(strings.NewReader(bad)); err == nil {
			t.Errorf("%s is taken for an export", bad)
		}
	}
}

func gzipped(text string) string {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return out.String()
}

func FuzzExport(f *testing.F) {
	f.Add([]byte(`{"Item":{"pk":{"S":"p"},"sk":{"S":"s"},"b":{"S":"x"}}}`))
	f.Add([]byte(`{"pk":"p","sk":"s","b":"x"}`))
	f.Add([]byte(`{"Items":[{}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e := &Export{rows: map[[2]string]Row{}}
		if e.read(bytes.NewReader(data)) != nil {
			return
		}
		for key, row := range e.rows {
			if row.PK == "" || row.SK == "" || key != [2]string{row.PK, row.SK} {
				t.Errorf("row %+v", row)
			}
		}
	})
}

// slow answers each key with itself, but for those that fail.
type slow struct{ fails string }

func (s slow) List(context.Context) ([]Object, error) { return nil, nil }
func (s slow) Get(_ context.Context, key string) ([]byte, error) {
	if key == s.fails {
		return nil, ErrNotFound
	}
	return []byte(key), nil
}

func TestEachKeepsTheOrder(t *testing.T) {
	var keys []string
	for n := range 200 {
		keys = append(keys, fmt.Sprintf("%03d", n))
	}
	var got []string
	err := Each(t.Context(), slow{}, keys, func(key string, body []byte) error {
		if string(body) != key {
			t.Errorf("%s has the bytes of %s", key, body)
		}
		got = append(got, key)
		return nil
	})
	if diff := cmp.Diff(keys, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	err = Each(t.Context(), slow{"100"}, keys, func(key string, _ []byte) error {
		if key > "099" {
			t.Errorf("%s after the failure", key)
		}
		return nil
	})
	if !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	enough := errors.New("enough")
	if err := Each(t.Context(), slow{}, keys, func(string, []byte) error { return enough }); !errors.Is(err, enough) {
		t.Error(err)
	}
}
