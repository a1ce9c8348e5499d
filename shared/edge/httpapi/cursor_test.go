package httpapi

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"strings"
	"testing"

	"sportello/shared/domain/problem"
)

type place struct{ PK, SK string }

func newCursors(t testing.TB, fill byte) *Cursors {
	t.Helper()
	c, err := NewCursors(bytes.Repeat([]byte{fill}, 32))
	must(t, err)
	return c
}

func TestCursor(t *testing.T) {
	c, in := newCursors(t, 1), place{"OWN#RSSMRA80A01F205X", "1795342530123#a"}
	text, err := c.Seal(in, "applications", "RSSMRA80A01F205X", "")
	must(t, err)
	var out place
	if err := newCursors(t, 1).Open(text, &out, "applications", "RSSMRA80A01F205X", ""); err != nil || out != in {
		t.Errorf("%+v, %v", out, err)
	}
	decoded, err := base64.RawURLEncoding.DecodeString(text)
	must(t, err)
	if bytes.Contains(decoded, []byte("RSSMRA")) {
		t.Error("a cursor shows a tax code")
	}
	if again, _ := c.Seal(in, "applications", "RSSMRA80A01F205X", ""); again == text {
		t.Error("two cursors for one place are the same: one can be told from the other's")
	}
}

// A cursor is good for its own list only.
func TestCursorScope(t *testing.T) {
	c := newCursors(t, 1)
	text, err := c.Seal(place{"a", "b"}, "office", "milano", "draft")
	must(t, err)
	for _, scope := range [][]string{
		nil, {"office", "milano"}, {"office", "varese", "draft"}, {"officem", "ilano", "draft"}, {"office", "milano", "draft", ""}, {"office", "draft", "milano"},
	} {
		var out place
		if err := c.Open(text, &out, scope...); !problem.Is(err, problem.Malformed) || out != (place{}) {
			t.Errorf("%v: %+v, %v", scope, out, err)
		}
	}
	if err := newCursors(t, 2).Open(text, &place{}, "office", "milano", "draft"); !problem.Is(err, problem.Malformed) {
		t.Errorf("another key: %v", err)
	}
}

func TestCursorTampered(t *testing.T) {
	c := newCursors(t, 1)
	text, err := c.Seal(place{"a", "b"}, "list")
	must(t, err)
	for n := range text {
		for _, char := range []string{"A", "_", "=", ""} {
			changed := text[:n] + char + text[n+1:]
			if changed != text && c.Open(changed, &place{}, "list") == nil {
				t.Errorf("took %s, made was %s", changed, text)
			}
		}
	}
	for _, other := range []string{"", "AAAA", strings.Repeat("A", 100), text + "A", " " + text, text + "\n"} {
		if err := c.Open(other, &place{}, "list"); !problem.Is(err, problem.Malformed) {
			t.Errorf("%q: %v", other, err)
		}
	}
	number, err := c.Seal(7, "list")
	must(t, err)
	if err := c.Open(number, &place{}, "list"); !problem.Is(err, problem.Malformed) {
		t.Errorf("another shape: %v", err)
	}
}

func TestCursorKey(t *testing.T) {
	for _, size := range []int{0, 16, 31, 33} {
		if _, err := NewCursors(make([]byte, size)); err == nil {
			t.Errorf("took a key of %d bytes", size)
		}
	}
}

// FuzzCursor: nothing that we did not make is read.
func FuzzCursor(f *testing.F) {
	key := make([]byte, cursorKeySize)
	_, _ = rand.Read(key) // each worker has a key of its own, so what others made is foreign to it
	c, err := NewCursors(key)
	must(f, err)
	made, err := c.Seal(place{"a", "b"}, "list")
	must(f, err)
	f.Add(made)
	f.Add("")
	f.Add("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, text string) {
		var out place
		if err := c.Open(text, &out, "list"); err == nil && text != made {
			t.Errorf("took %q as %+v", text, out)
		}
	})
}
