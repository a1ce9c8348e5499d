package pdffile_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sportello/shared/platform/pdffile"
	"sportello/shared/platform/signing/signingtest"
)

func open(t *testing.T, data []byte) *pdffile.File {
	t.Helper()
	f, err := pdffile.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestOpen(t *testing.T) {
	for name, data := range map[string][]byte{"table": signingtest.PDF("ciao"), "stream": signingtest.Packed("ciao"),
		"two revisions": signingtest.Update(signingtest.PDF("x"), map[int]string{4: signingtest.Stream("", []byte("BT (ciao) Tj ET"))}),
		"mixed":         signingtest.Update(signingtest.Packed("x"), map[int]string{4: signingtest.Stream("", []byte("BT (ciao) Tj ET"))})} {
		f := open(t, data)
		root, err := f.Root()
		if err != nil || root["Type"] != pdffile.Name("Catalog") {
			t.Errorf("%s: %v, %v", name, root, err)
		}
		o, err := f.Object(4)
		s, ok := o.(*pdffile.Stream)
		if err != nil || !ok {
			t.Fatalf("%s: %v, %v", name, o, err)
		}
		if body, err := f.Unpack(s); err != nil || string(body) != "BT (ciao) Tj ET" {
			t.Errorf("%s: %q, %v", name, body, err)
		}
		if o, err := f.Object(999); o != nil || err != nil {
			t.Errorf("%s: an object that is not there: %v, %v", name, o, err)
		}
	}
}

func TestObjects(t *testing.T) {
	at := 0
	for text, want := range map[string]any{
		"null": nil, "true": true, "-1.5": -1.5, "+3": 3.0, "7 0 R": pdffile.Ref{Number: 7}, "/A#42c": pdffile.Name("ABc"),
		"[1 2 0 R]":                     pdffile.Array{1.0, pdffile.Ref{Number: 2}},
		"[1 2 3]":                       pdffile.Array{1.0, 2.0, 3.0},
		"<< /A /B%x\n/C << /D [] >> >>": pdffile.Dict{"A": pdffile.Name("B"), "C": pdffile.Dict{"D": pdffile.Array{}}},
		"(a(b)\\)c)":                    pdffile.String{Value: []byte("a(b)\\)c")},
		"<4 1 6>":                       pdffile.String{Value: []byte("A\x60"), Hex: true},
	} {
		f := open(t, signingtest.Update(signingtest.PDF("x"), map[int]string{9: text}))
		got, err := f.Object(9)
		if s, ok := got.(pdffile.String); ok {
			at, s.At, s.End = s.End-s.At, 0, 0
			if got = s; at != len(text) {
				t.Errorf("%s stands on %d bytes", text, at)
			}
		}
		if err != nil || !cmp.Equal(want, got) {
			t.Errorf("%s: %#v, %v", text, got, err)
		}
	}
	for _, text := range []string{"<< /A 1 /A 2 >>", "<< /A >>", "[ 1", "(a", "<4x>", "<< 1 2 >>", strings.Repeat("[", 100), ">>", "nonsense", "1e3", "[0x1p4]", "+Inf", "1_0"} {
		f := open(t, signingtest.Update(signingtest.PDF("x"), map[int]string{9: text}))
		if o, err := f.Object(9); !errors.Is(err, pdffile.ErrMalformed) {
			t.Errorf("%s: %#v, %v", text, o, err)
		}
	}
}

func TestMalformed(t *testing.T) {
	good := string(signingtest.PDF("ciao"))
	for name, data := range map[string]string{
		"empty": "", "no PDF": "ciao", "head alone": "%PDF-1.7\n", "no end": strings.TrimSuffix(good, "%%EOF\n"), "bytes after the end": good + "x",
		"points outside": good[:strings.LastIndex(good, "startxref")] + "startxref\n999999\n%%EOF\n",
		"points at text": good[:strings.LastIndex(good, "startxref")] + "startxref\n12\n%%EOF\n",
		"circle":         strings.Replace(good, "/Size 1000", fmt.Sprintf("/Prev %d", strings.Index(good, "xref\n")), 1),
		"entry twice":    strings.Replace(good, "2 1\n", "1 1\n", 1),
		"odd previous":   strings.Replace(good, "/Size 1000", "/Prev 9 0 R", 1),
		"comment inside": strings.Replace(good, "\n3 1\n", "\n3 1%\n", 1),
	} {
		if _, err := pdffile.Open([]byte(data)); !errors.Is(err, pdffile.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	f := open(t, []byte(strings.Replace(good, "\n4 0 obj", "\n8 0 obj", 1)))
	if _, err := f.Object(4); !errors.Is(err, pdffile.ErrMalformed) {
		t.Errorf("an entry that leads to another object: %v", err)
	}
}

// A stream that unpacks to more than structure may is refused, however it is asked for.
func TestBomb(t *testing.T) {
	f := open(t, signingtest.Update(signingtest.PDF("x"), map[int]string{9: signingtest.Bomb(300, false)}))
	o, err := f.Object(9)
	s, ok := o.(*pdffile.Stream)
	if err != nil || !ok {
		t.Fatal(o, err)
	}
	if _, err := f.Unpack(s); !errors.Is(err, pdffile.ErrUnpacked) {
		t.Errorf("unpacked: %v", err)
	}
	if err := f.Measure(s); !errors.Is(err, pdffile.ErrUnpacked) {
		t.Errorf("measured: %v", err)
	}
}

func TestPredictor(t *testing.T) {
	// Two rows of three bytes: as they are after none, after up, and each of the others once.
	rows := []byte{0, 1, 2, 3, 2, 1, 1, 1, 1, 5, 1, 1, 3, 2, 2, 2, 4, 1, 1, 1}
	f := open(t, signingtest.Update(signingtest.PDF("x"), map[int]string{9: signingtest.Deflated("/DecodeParms << /Predictor 15 /Columns 3 >>", rows)}))
	o, err := f.Object(9)
	s, ok := o.(*pdffile.Stream)
	if err != nil || !ok {
		t.Fatal(o, err)
	}
	got, err := f.Unpack(s)
	if want := []byte{1, 2, 3, 2, 3, 4, 5, 6, 7, 4, 7, 9, 5, 8, 10}; err != nil || !bytes.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
}

// A string of an object stream stands nowhere in the file: no byte range may be held against it.
func TestPackedStrings(t *testing.T) {
	f := open(t, signingtest.Packed("x", "/Lang (it) /Id <4142>"))
	root, err := f.Root()
	for _, key := range []pdffile.Name{"Lang", "Id"} {
		if s, ok := root[key].(pdffile.String); err != nil || !ok || s.At != -1 || s.End != -1 {
			t.Errorf("%s: %+v, %v", key, root[key], err)
		}
	}
}

// Some kilobytes, packed, must not become millions of things in memory.
func TestLittleBecomesMuch(t *testing.T) {
	table := func(from string) []byte {
		dict := "/Type /XRef /Size 2000000 /Root 1 0 R /W [1 1 0] " + from
		out := []byte("%PDF-1.7\n")
		return fmt.Appendf(out, "7 0 obj\n%s\nendobj\nstartxref\n%d\n%%%%EOF\n", signingtest.Deflated(dict, make([]byte, 4_000_000)), len(out))
	}
	if _, err := pdffile.Open(table("")); !errors.Is(err, pdffile.ErrTooMuch) {
		t.Errorf("entries: %v", err)
	}
	for _, text := range []string{"()", "[]", "<<>>"} {
		many := "[" + strings.Repeat("["+strings.Repeat(text, 100_000)+"]", 20) + "]"
		f := open(t, signingtest.Update(signingtest.PDF("x"), map[int]string{9: many}))
		if _, err := f.Object(9); !errors.Is(err, pdffile.ErrTooMuch) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestAdded(t *testing.T) {
	first := signingtest.PDF("x")
	good := signingtest.Update(first, map[int]string{4: signingtest.Stream("", []byte("4 0 obj")), 9: "<< /A (b) >>"})
	for name, c := range map[string]struct {
		data []byte
		want error
	}{
		"as it should be": {good, nil},
		"unnamed":         {signingtest.Update(append(bytes.Clone(first), "8 0 obj\n1\nendobj\n"...), map[int]string{9: "1"}), pdffile.ErrMalformed},
		"unnamed, twice":  {signingtest.Update(append(bytes.Clone(first), "9 0 obj\n2\nendobj\n"...), map[int]string{9: "1"}), pdffile.ErrMalformed},
		"not an object":   {signingtest.Update(append(bytes.Clone(first), "altro\n"...), map[int]string{9: "1"}), pdffile.ErrMalformed},
		"left open":       {signingtest.Update(first, map[int]string{9: "1 endobj 4 0 obj 2"}), pdffile.ErrMalformed},
	} {
		f := open(t, c.data)
		if err := f.Added(len(first), f.Sections[:1]); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	packed := signingtest.Packed("x")
	if f := open(t, packed); f.Added(len("%PDF-1.7\n"), f.Sections) != nil {
		t.Error("a stream of cross-references is not known")
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(signingtest.PDF("ciao"))
	f.Add(signingtest.Packed("ciao"))
	f.Add(signingtest.Update(signingtest.Packed("ciao"), map[int]string{4: "null"}))
	f.Add([]byte("%PDF-1.7\nxref\n0 1\n0000000000 65535 f \ntrailer\n<< /Root 1 0 R /XRefStm 9 /Prev 9 >>\nstartxref\n9\n%%EOF"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := pdffile.Open(data)
		if err != nil {
			if !errors.Is(err, pdffile.ErrMalformed) && !errors.Is(err, pdffile.ErrTooMuch) {
				t.Skip(err) // a filter that is not read
			}
			return
		}
		_ = file.All(func(_ int, o any) error {
			if s, ok := o.(*pdffile.Stream); ok {
				return file.Measure(s)
			}
			return nil
		})
		_ = file.Scan(func(any) error { return nil })
		_ = file.Added(len(data)/2, file.Sections)
	})
}
