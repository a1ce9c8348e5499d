package preservation

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sportello/shared/domain/register"
)

var update = flag.Bool("update", false, "write the golden files anew")

var day = time.Date(2026, 11, 22, 10, 15, 0, 123e6, time.UTC)

func document(id string, kind Kind, name, media, body string, after time.Duration, flow Flow) Document {
	sum := sha256.Sum256([]byte(body))
	return Document{
		ID: id, Kind: kind, Name: name, MediaType: media, Size: int64(len(body)), SHA256: hex.EncodeToString(sum[:]),
		At: day.Add(after), Flow: flow,
		Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(body)), nil },
	}
}

// complaint is a whole case: presented, completed, decided, sent.
func complaint() Case {
	in := &register.Stamp{Administration: "ESEMPIO_MI", AOO: "ESEMPIO_AOO_MI", Code: "PROT-MI", Number: "0000042", Date: "2026-11-22"}
	out := &register.Stamp{Administration: "ESEMPIO_MI", AOO: "ESEMPIO_AOO_MI", Code: "PROT-MI", Number: "0000057", Date: "2026-12-01"}
	application := document("doc-1", Application, "istanza.json", "application/json", `{"facts":"…"}`, 0, In)
	application.Protocol = in
	evidence := document("doc-2", Attachment, "Ricevuta “perché” <1>.pdf", "application/pdf", "%PDF-evidence", 0, In)
	evidence.Protocol, evidence.Primary = in, "doc-1"
	receipt := document("doc-3", Receipt, "ricevuta.pdf", "application/pdf", "%PDF-receipt", time.Second, Out)
	receipt.Sealed = true
	outcome := document("doc-4", Outcome, "esito.pdf.p7m", "application/pkcs7-mime", "signed", 200*time.Hour, Out)
	outcome.Protocol, outcome.Signed, outcome.Subject = out, true, "Esito del reclamo: «fondato» & rimedio"
	mail := document("doc-5", Mail, "messaggio.eml", "message/rfc822", "Subject: esito", 201*time.Hour, Out)
	mail.Protocol, mail.Primary = out, "doc-4"
	delivery := document("doc-6", MailReceipt, "consegna.eml", "message/rfc822", "Subject: CONSEGNA", 202*time.Hour, In)
	story := document("doc-7", Story, "cronologia.json", "application/json", "[]", 300*time.Hour, Internal)
	return Case{
		ID: "01939f3e-0000-7000-8000-0000000000aa", Application: "01939f3e-0000-7000-8000-0000000000aa",
		Producer: Administration{
			Name: "Camera di commercio di Milano Monza Brianza Lodi", TaxCode: "99000000051", IPA: "ESEMPIO_MI", AOO: "ESEMPIO_AOO_MI",
			Office: "Ufficio relazioni con il pubblico", PEC: "protocollo@milano.pec.example.it",
		},
		Service: "Reclami e segnalazioni", Subject: "Reclamo: ritardo nella risposta",
		Classification: Classification{Index: "01.06.02", Description: "Rapporti con il pubblico", Plan: "Titolario"},
		OpenedAt:       day, ClosedAt: day.Add(300 * time.Hour),
		Applicant:      Subject{Given: "Giulia", Family: "Rinaldi", TaxCode: "RNLGLI79D52F205F", Address: "giulia.rinaldi@pec.example.it"},
		Responsible:    &Subject{Given: "Anna", Family: "Colombo", TaxCode: "CLMNNA74P48F205H"},
		RetentionYears: Forever,
		Documents:      []Document{application, evidence, receipt, outcome, mail, delivery, story},
	}
}

func pack(t *testing.T, c Case) (map[string][]byte, Summary) {
	t.Helper()
	var out bytes.Buffer
	summary, err := Write(&out, c)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(out.Bytes())
	if summary.SHA256 != hex.EncodeToString(sum[:]) || summary.Size != int64(out.Len()) {
		t.Errorf("summary %+v of %d bytes", summary, out.Len())
	}
	archive, err := zip.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	var names []string
	for _, f := range archive.File {
		body, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if files[f.Name], err = io.ReadAll(body); err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		if f.Method != zip.Store || f.Flags != 0 || f.Mode() != 0o644 {
			t.Errorf("%s: method %d, flags %d, mode %v", f.Name, f.Method, f.Flags, f.Mode())
		}
		names = append(names, f.Name)
	}
	if !slices.IsSorted(names) || len(names) != summary.Files {
		t.Errorf("%d files: %v", summary.Files, names)
	}
	return files, summary
}

func TestPackageGolden(t *testing.T) {
	files, _ := pack(t, complaint())
	for _, name := range []string{"PIndex.xml", "fascicolo.xml", "metadati/0001.xml", "metadati/0002.xml", "metadati/0004.xml", "metadati/0007.xml"} {
		path := filepath.Join("testdata", strings.ReplaceAll(name, "/", "-"))
		if *update {
			if err := os.WriteFile(path, files[name], 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(files[name])); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	want := []string{
		"PIndex.xml", "documenti/0001-istanza.json", "documenti/0002-Ricevuta-perche-1-.pdf", "documenti/0003-ricevuta.pdf",
		"documenti/0004-esito.pdf.p7m", "documenti/0005-messaggio.eml", "documenti/0006-consegna.eml", "documenti/0007-cronologia.json",
		"fascicolo.xml", "metadati/0001.xml", "metadati/0002.xml", "metadati/0003.xml", "metadati/0004.xml", "metadati/0005.xml",
		"metadati/0006.xml", "metadati/0007.xml",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// The index tells of every file in the package what its bytes are.
func TestIndexTellsTheTruth(t *testing.T) {
	files, _ := pack(t, complaint())
	decoder := xml.NewDecoder(bytes.NewReader(files["PIndex.xml"]))
	var path string
	told := map[string]bool{}
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		start, ok := token.(xml.StartElement)
		if !ok || (start.Name.Local != "Path" && start.Name.Local != "Hash") {
			continue
		}
		var text string
		if err := decoder.DecodeElement(&text, &start); err != nil {
			t.Fatal(err)
		}
		if start.Name.Local == "Path" {
			path = text
			continue
		}
		sum := sha256.Sum256(files[path])
		if want := (Document{SHA256: hex.EncodeToString(sum[:])}).base64(); text != want {
			t.Errorf("%s: %s, want %s", path, text, want)
		}
		told[path] = true
	}
	for name := range files {
		if !told[name] && name != "PIndex.xml" {
			t.Errorf("%s is in the package and not in the index", name)
		}
	}
}

func TestSameCaseSameBytes(t *testing.T) {
	_, first := pack(t, complaint())
	shuffled := complaint()
	slices.Reverse(shuffled.Documents)
	shuffled.ClosedAt = shuffled.ClosedAt.In(time.FixedZone("elsewhere", 3600))
	if _, second := pack(t, shuffled); second != first {
		t.Errorf("%+v, then %+v", first, second)
	}
	other := complaint()
	other.Subject += "."
	if _, third := pack(t, other); third.SHA256 == first.SHA256 {
		t.Error("another case, the same package")
	}
}

func TestChangedDocuments(t *testing.T) {
	opened := 0
	body := func(text string) func() (io.ReadCloser, error) {
		return func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }
	}
	for name, change := range map[string]func(*Document){
		"shorter":    func(d *Document) { d.Open = body("sign") },
		"longer":     func(d *Document) { d.Open = body("signed twice") },
		"other":      func(d *Document) { d.Open = body("Signed") },
		"size wrong": func(d *Document) { d.Size++ },
		"changed between the two readings": func(d *Document) {
			d.Open = func() (io.ReadCloser, error) {
				if opened++; opened == 1 {
					return body("signed")()
				}
				return body("forged")()
			}
		},
	} {
		c := complaint()
		change(&c.Documents[3])
		if _, err := Write(io.Discard, c); !errors.Is(err, ErrMismatch) {
			t.Errorf("%s: %v", name, err)
		}
	}
	broken := errors.New("bucket is gone")
	c := complaint()
	c.Documents[3].Open = func() (io.ReadCloser, error) { return nil, broken }
	if _, err := Write(io.Discard, c); !errors.Is(err, broken) || errors.Is(err, ErrMismatch) {
		t.Errorf("unreadable: %v", err)
	}
}

func TestInvalidCases(t *testing.T) {
	for name, change := range map[string]func(*Case){
		"no id":                    func(c *Case) { c.ID = "" },
		"no subject":               func(c *Case) { c.Subject = "" },
		"no classification":        func(c *Case) { c.Classification.Index = "" },
		"no producer":              func(c *Case) { c.Producer.Name = "" },
		"producer's code":          func(c *Case) { c.Producer.TaxCode = "IT-1" },
		"no applicant":             func(c *Case) { c.Applicant = Subject{} },
		"never opened":             func(c *Case) { c.OpenedAt = time.Time{} },
		"closed before opened":     func(c *Case) { c.ClosedAt = c.OpenedAt.Add(-1) },
		"no retention":             func(c *Case) { c.RetentionYears = 0 },
		"no documents":             func(c *Case) { c.Documents = nil },
		"document twice":           func(c *Case) { c.Documents[1].ID = "doc-1" },
		"document without id":      func(c *Case) { c.Documents[1].ID = "" },
		"unknown kind":             func(c *Case) { c.Documents[1].Kind = "selfie" },
		"digest":                   func(c *Case) { c.Documents[1].SHA256 = "00" },
		"media type":               func(c *Case) { c.Documents[1].MediaType = "pdf" },
		"flow":                     func(c *Case) { c.Documents[1].Flow = "X" },
		"attached to nothing":      func(c *Case) { c.Documents[1].Primary = "doc-9" },
		"attached to itself":       func(c *Case) { c.Documents[1].Primary = "doc-2" },
		"document without a time":  func(c *Case) { c.Documents[1].At = time.Time{} },
		"document without content": func(c *Case) { c.Documents[1].Open = nil },
	} {
		c := complaint()
		change(&c)
		var out bytes.Buffer
		if _, err := Write(&out, c); !errors.Is(err, ErrInvalid) || out.Len() > 0 {
			t.Errorf("%s: %v, %d bytes", name, err, out.Len())
		}
	}
}

func TestSafeName(t *testing.T) {
	for in, want := range map[string]string{
		"istanza.pdf": "istanza.pdf", "Perché no.PDF": "Perche-no.PDF", "../../etc/passwd": "etc-passwd", "": "documento",
		"…": "documento", ".htaccess": "htaccess", "a/b\\c.pdf": "a-b-c.pdf", "CON": "CON", "a\x00b": "a-b",
		strings.Repeat("x", 200) + ".pdf.p7m": strings.Repeat("x", 72) + ".pdf.p7m",
	} {
		if got := safeName(in); got != want {
			t.Errorf("safeName(%q) = %q, want %q", in, got, want)
		}
	}
}

// Whatever people call their files and write in a subject, the package is sound and the XML is XML.
func TestAnyTexts(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := complaint()
		c.Subject = "Oggetto " + rapid.String().Draw(rt, "subject")
		c.Applicant.Family = "N" + rapid.String().Draw(rt, "family")
		c.Documents[1].Name = rapid.String().Draw(rt, "name")
		files, _ := pack(t, c)
		for name, body := range files {
			if strings.Contains(name, "..") || strings.HasPrefix(name, "/") || len(name) > 120 {
				rt.Fatalf("name %q", name)
			}
			if strings.HasSuffix(name, ".xml") {
				if err := xml.Unmarshal(body, new(struct{})); err != nil {
					rt.Fatalf("%s: %v", name, err)
				}
			}
		}
	})
}

// A day of the register is a series of documents, of no procedure and no applicant's.
func TestDayOfTheRegister(t *testing.T) {
	c := complaint()
	c.Series, c.Application, c.Service = true, "registro-milano-2026-11-20", "Registro giornaliero di protocollo"
	files, _ := pack(t, c)
	about := string(files["fascicolo.xml"])
	if !strings.Contains(about, "<TipoAggregazione>Serie Documentale</TipoAggregazione>") ||
		strings.Contains(about, "Procedimento") || strings.Contains(string(files["PIndex.xml"]), "pratica") {
		t.Errorf("%s", about)
	}
}
