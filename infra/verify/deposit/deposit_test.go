package deposit

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"sportello/infra/verify/finding"
)

// stored makes a zip of some files.
func stored(t testing.TB, files map[string][]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for name, body := range files {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(body); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// golden are the index and the metadata as the package's own tests have them: their files, none of their code.
func golden(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "domain", "preservation", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestGoldenIndexAndMetadata(t *testing.T) {
	var x index
	if err := readXML(golden(t, "PIndex.xml"), &x); err != nil || x.XMLName.Space+" "+x.XMLName.Local != sincro+"PIndex" || x.Time == "" ||
		len(x.Files) == 0 || len(x.Files[0].Path) != 1 || len(x.Files[0].External) != 1 || x.Files[0].External[0].Hash[0].Function != "SHA-256" {
		t.Errorf("index: %+v, %v", x, err)
	}
	var m documentMetadata
	if err := readXML(golden(t, "metadati-0004.xml"), &m); err != nil || m.ID.ID != "doc-4" || m.ID.digest() == "" || !m.stamped() ||
		m.ID.Stamp == "" || m.Case == "" || m.Attachments.Count != 1 || len(m.Attachments.Index) != 1 || m.Flow != "U" {
		t.Errorf("metadata: %+v, %v", m, err)
	}
	var c caseMetadata
	if err := readXML(golden(t, "fascicolo.xml"), &c); err != nil || c.ID == "" || len(c.Documents) < 7 {
		t.Errorf("case: %+v, %v", c, err)
	}
}

// A zip may not say less than it holds, nor name what is outside.
func TestUnzip(t *testing.T) {
	var twice bytes.Buffer
	z := zip.NewWriter(&twice)
	for range 2 {
		_, _ = z.CreateHeader(&zip.FileHeader{Name: "a", Method: zip.Store})
	}
	_ = z.Close()
	var deflated bytes.Buffer
	z = zip.NewWriter(&deflated)
	w, _ := z.Create("a")
	_, _ = w.Write(bytes.Repeat([]byte("a"), 1000))
	_ = z.Close()
	for name, data := range map[string][]byte{
		"twice": twice.Bytes(), "deflated": deflated.Bytes(), "above": stored(t, map[string][]byte{"../a": nil}),
		"absolute": stored(t, map[string][]byte{"/a": nil}), "backslash": stored(t, map[string][]byte{`a\b`: nil}), "nothing": nil,
	} {
		if _, err := Open(data); err == nil {
			t.Errorf("%s: taken for a package", name)
		} else if _, ok := finding.Of(err); !ok {
			t.Errorf("%s: no finding: %v", name, err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(stored(f, map[string][]byte{Index: golden(f, "PIndex.xml"), "fascicolo.xml": golden(f, "fascicolo.xml")}))
	f.Add([]byte("PK"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Open(data)
		if err != nil {
			if _, ok := finding.Of(err); !ok {
				t.Errorf("no finding: %v", err)
			}
			return
		}
		if p.Application == "" || len(p.Files) == 0 {
			t.Errorf("package %+v", p)
		}
	})
}

func FuzzIndex(f *testing.F) {
	f.Add(golden(f, "PIndex.xml"), golden(f, "metadati-0004.xml"))
	f.Add(golden(f, "PIndex.xml"), golden(f, "fascicolo.xml"))
	f.Fuzz(func(t *testing.T, x, m []byte) {
		_, _ = Open(stored(t, map[string][]byte{Index: x, "metadati/0001.xml": m, "fascicolo.xml": m}))
	})
}

func FuzzReceipt(f *testing.F) {
	f.Add([]byte(`<RapportoVersamento><IdPacchetto>a</IdPacchetto><DataOra>2026-12-31T10:00:00.000Z</DataOra><Impronta algoritmo="SHA-256">x</Impronta></RapportoVersamento>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := OpenReceipt(data, nil); err == nil {
			t.Error("an unsigned text is taken for a receipt")
		}
		r, err := parseReport(data)
		if err == nil && r.About("a", 0, "0", nil) == nil {
			t.Error("a receipt of no digest")
		}
	})
}
