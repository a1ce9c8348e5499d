package signingdesk

import (
	"bytes"
	"compress/zlib"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/smallstep/pkcs7"

	"sportello/infra/local/outside/state"
	"sportello/infra/local/outside/trustworld"
)

// keysDir has the keys that every test's desk signs with: they are what takes time.
var keysDir string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "desk-keys-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	keysDir = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

func start(t *testing.T) *Desk {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	trust, err := trustworld.Open(trustworld.Config{Base: "http://localhost:8090", Keys: keysDir, Dir: t.TempDir(), Clock: state.Clock{}, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	d, err := New(Config{Trust: trust, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func sample(t *testing.T) []byte {
	t.Helper()
	raw, err := SamplePDF(time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func (d *Desk) mustSign(t *testing.T, r Request) File {
	t.Helper()
	if r.Persona == "" {
		r.Persona = "giulia"
	}
	if r.Name == "" {
		r.Name = "listino.pdf"
	}
	if r.Content == nil {
		r.Content = sample(t)
	}
	f, err := d.Sign(r)
	if err != nil {
		t.Fatalf("%s %s %s: %v", r.Style, r.Key, r.Fault, err)
	}
	return f
}

// openssl runs OpenSSL, another's code; a machine without it skips.
func openssl(t *testing.T, args ...string) (string, error) {
	t.Helper()
	path, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not on this machine: the check by another's code is skipped")
	}
	out, err := exec.Command(path, args...).CombinedOutput()
	return string(out), err
}

// verify has OpenSSL verify a CMS, attached when content is nil, and returns the content.
func (d *Desk) verify(t *testing.T, form string, signed, content []byte) ([]byte, error) {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, raw []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var roots bytes.Buffer
	for _, a := range d.Trust.Authorities() {
		if a.Name == trustworld.Root {
			roots.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Certificate.Raw}))
		}
	}
	out := filepath.Join(dir, "out")
	args := []string{"cms", "-verify", "-cades", "-binary", "-inform", form, "-in", write("signed", signed), "-CAfile", write("roots.pem", roots.Bytes()),
		"-purpose", "any", "-out", out}
	if content != nil {
		args = append(args, "-content", write("content", content))
	}
	text, err := openssl(t, args...)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, text)
	}
	raw, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return raw, nil
}

// TestEnvelopes has each shape with each key verified by another's code.
func TestEnvelopes(t *testing.T) {
	d := start(t)
	content := sample(t)
	for _, key := range []string{"rsa2048", "rsa3072", "pss", "p256"} {
		for _, style := range []string{"cades", "cades-pem", "cades-base64", "cades-ber", "cades-nested", "cades-t", "cades-detached"} {
			if key != "rsa2048" && style != "cades" && style != "cades-t" {
				continue
			}
			t.Run(key+" "+style, func(t *testing.T) {
				f := d.mustSign(t, Request{Style: style, Key: key, Content: content})
				form, raw, beside := "DER", f.Content, []byte(nil)
				switch style {
				case "cades-pem":
					form = "PEM"
				case "cades-base64":
					var err error
					if raw, err = base64.StdEncoding.DecodeString(strings.ReplaceAll(string(raw), "\r\n", "")); err != nil {
						t.Fatal(err)
					}
				case "cades-detached":
					beside = content
				}
				got, err := d.verify(t, form, raw, beside)
				if err != nil {
					t.Fatal(err)
				}
				if style == "cades-nested" {
					if got, err = d.verify(t, "DER", got, nil); err != nil {
						t.Fatal(err)
					}
				}
				if !bytes.Equal(got, content) {
					t.Error("the content is another")
				}
			})
		}
	}
	for style, want := range map[string]string{"cades": "listino.pdf.p7m", "cades-nested": "listino.pdf.p7m.p7m", "cades-detached": "listino.pdf.p7s", "pades": "listino-firmato.pdf"} {
		if got := d.mustSign(t, Request{Style: style, Name: `C:\carte\listino.pdf`}).Name; got != want {
			t.Errorf("%s is called %q, want %q", style, got, want)
		}
	}
}

var byteRange = regexp.MustCompile(`/ByteRange \[0 (\d+) (\d+) (\d+)\] *`)

// covered splits a PDF into the signatures it has: what each covers, and its CMS.
func covered(t *testing.T, raw []byte) (contents, signatures [][]byte) {
	t.Helper()
	for _, m := range byteRange.FindAllSubmatch(raw, -1) {
		var at [3]int
		for i := range at {
			n, err := strconv.Atoi(string(m[i+1]))
			if err != nil {
				t.Fatal(err)
			}
			at[i] = n
		}
		hole := raw[at[0]:at[1]]
		if hole[0] != '<' || hole[len(hole)-1] != '>' {
			t.Fatalf("the hole is %q…%q", hole[0], hole[len(hole)-1])
		}
		var padded []byte
		if _, err := fmt.Sscanf(string(hole[1:len(hole)-1]), "%x", &padded); err != nil {
			t.Fatal(err)
		}
		n := 4 + int(padded[2])<<8 + int(padded[3]) // 30 82 hh ll
		contents = append(contents, append(bytes.Clone(raw[:at[0]]), raw[at[1]:at[1]+at[2]]...))
		signatures = append(signatures, padded[:n])
	}
	return contents, signatures
}

func TestSignaturesInsidePDF(t *testing.T) {
	d := start(t)
	original := sample(t)
	for _, key := range []string{"rsa2048", "pss", "p256"} {
		for style, want := range map[string]int{"pades": 1, "pades-t": 1, "pades-twice": 2, "pades-adbe": 1} {
			t.Run(key+" "+style, func(t *testing.T) {
				raw := d.mustSign(t, Request{Style: style, Key: key, Content: original}).Content
				if !bytes.HasPrefix(raw, original) {
					t.Error("the original is not what the file begins with")
				}
				contents, signatures := covered(t, raw)
				if len(signatures) != want {
					t.Fatalf("%d signatures, want %d", len(signatures), want)
				}
				for i := range signatures {
					if _, err := d.verify(t, "DER", signatures[i], contents[i]); err != nil {
						t.Error(err)
					}
				}
				if last := contents[want-1]; len(last)+2*room+2 != len(raw) {
					t.Error("the last signature does not cover the whole file")
				}
				doc, err := openPDF(raw)
				if err != nil {
					t.Fatal(err)
				}
				_, root, err := doc.catalog()
				if err != nil {
					t.Fatal(err)
				}
				ref, _ := root.get("AcroForm")
				form, err := doc.dictionary(number(ref))
				if err != nil {
					t.Fatal(err)
				}
				if fields, _ := form.get("Fields"); strings.Count(fields, " R") != want {
					t.Errorf("fields %s", fields)
				}
				timed := bytes.Contains(signatures[0], []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 5})
				if timed != (style == "pades-adbe" || style == "pades-t") { // the timestamp has its own signing time
					t.Errorf("signing time in the CMS: %v", timed)
				}
			})
		}
	}
}

// TestFaults tells of every fault in every shape it fits: that it is made, and that what a verifier
// of signatures alone can see is seen.
func TestFaults(t *testing.T) {
	d := start(t)
	broken := []string{"broken", "changed-after", "wrong-certid", "no-signer-cert", "expired", "not-yet-valid", "untrusted", "self-signed", "withdrawn-service"}
	for _, style := range Styles() {
		for _, fault := range style.Faults {
			f := d.mustSign(t, Request{Style: style.ID, Fault: fault})
			switch {
			case fault == "empty":
				if len(f.Content) != 0 {
					t.Errorf("%s: empty has %d bytes", style.ID, len(f.Content))
				}
			case style.ID == "cades":
				_, err := d.verify(t, "DER", f.Content, nil)
				bad := slices.Contains(broken, fault) || fault == "truncated" || fault == "no-certid" || fault == "expired-with-timestamp" // openssl looks at no timestamp here
				if (err != nil) != bad {
					t.Errorf("%s: openssl says %v", fault, err)
				}
			case style.ID == "pades" && fault != "truncated":
				contents, signatures := covered(t, f.Content)
				_, err := d.verify(t, "DER", signatures[0], contents[0])
				bad := slices.Contains(broken, fault) || fault == "no-certid" || fault == "expired-with-timestamp"
				if (err != nil) != bad {
					t.Errorf("pades %s: openssl says %v", fault, err)
				}
			}
		}
	}
}

func TestWhoSigned(t *testing.T) {
	d := start(t)
	signer := func(r Request) *x509.Certificate {
		t.Helper()
		p, err := pkcs7.Parse(d.mustSign(t, r).Content)
		if err != nil {
			t.Fatal(err)
		}
		return p.GetOnlySigner()
	}
	if got := signer(Request{Persona: "giulia"}).Subject.CommonName; got != "Giulia Rinaldi" {
		t.Errorf("signed by %s", got)
	}
	if got := signer(Request{Persona: "giulia", Fault: "other-person"}).Subject.CommonName; got != "Sofia Conti" {
		t.Errorf("other person: signed by %s", got)
	}
	nested := d.mustSign(t, Request{Persona: "giulia", Second: "marco", Style: "cades-nested"}).Content
	p, err := pkcs7.Parse(nested)
	if err != nil {
		t.Fatal(err)
	}
	if got := p.GetOnlySigner().Subject.CommonName; got != "Marco Bellini" {
		t.Errorf("the outer envelope is signed by %s", got)
	}
}

func TestContentsThatAreNotToBeTaken(t *testing.T) {
	d := start(t)
	p, err := pkcs7.Parse(d.mustSign(t, Request{Fault: "executable-inside"}).Content)
	if err != nil || !bytes.HasPrefix(p.Content, []byte("MZ")) {
		t.Errorf("executable: %v", err)
	}
	script := d.mustSign(t, Request{Style: "pades", Fault: "pdf-javascript"}).Content
	if !bytes.Contains(script, []byte("/S /JavaScript")) {
		t.Error("no script")
	}
	raw := d.mustSign(t, Request{Style: "pades", Fault: "pdf-bomb"}).Content
	if len(raw) > 2<<20 {
		t.Errorf("the bomb makes a file of %d bytes", len(raw))
	}
	m := regexp.MustCompile(`<< /Filter /FlateDecode /Length (\d+) >>\nstream\n`).FindSubmatchIndex(raw)
	z, err := zlib.NewReader(bytes.NewReader(raw[m[1]:]))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, z); err != nil || n <= 1<<30 {
		t.Errorf("the bomb holds %d bytes, %v", n, err)
	}
	if at := len(sample(t)); !bytes.Equal(raw[:at], sample(t)) {
		t.Error("the bomb is not after the original")
	}
}

func TestWhatCannotBeSigned(t *testing.T) {
	d := start(t)
	pdf := sample(t)
	noTable := bytes.Replace(pdf, []byte("xref\n0 "), []byte("9 0 obj"), 1)
	encrypted := bytes.Replace(pdf, []byte("/Info 9 0 R"), []byte("/Encrypt 9 0 R"), 1)
	for name, c := range map[string]struct {
		r     Request
		field string
	}{
		"persona":           {Request{Persona: "nessuno", Content: pdf}, "persona"},
		"second":            {Request{Persona: "giulia", Second: "nessuno", Content: pdf}, "second"},
		"style":             {Request{Persona: "giulia", Style: "xades", Content: pdf}, "style"},
		"key":               {Request{Persona: "giulia", Key: "dsa", Content: pdf}, "key"},
		"fault":             {Request{Persona: "giulia", Fault: "?", Content: pdf}, "fault"},
		"fault elsewhere":   {Request{Persona: "giulia", Fault: "appended", Content: pdf}, "fault"},
		"no file":           {Request{Persona: "giulia"}, "file"},
		"not a PDF":         {Request{Persona: "giulia", Style: "pades", Content: []byte("testo")}, "file"},
		"PDF with nothing":  {Request{Persona: "giulia", Style: "pades", Content: []byte("%PDF-1.4\nstartxref\n99999\n%%EOF")}, "file"},
		"PDF with no table": {Request{Persona: "giulia", Style: "pades", Content: noTable}, "file"},
		"encrypted PDF":     {Request{Persona: "giulia", Style: "pades", Content: encrypted}, "file"},
		"bomb in a text":    {Request{Persona: "giulia", Fault: "pdf-bomb", Content: []byte("testo")}, "file"},
	} {
		_, err := d.Sign(c.r)
		var wrong *FieldError
		if !errors.As(err, &wrong) || wrong.Field != c.field || wrong.Text == "" {
			t.Errorf("%s: %v, want a word about %s", name, err, c.field)
		}
	}
}

// packedPDF is a PDF as recent programs write it: objects in a compressed stream, and a compressed
// cross-reference stream with the predictor "up".
func packedPDF(t *testing.T) []byte {
	t.Helper()
	squeeze := func(raw []byte) []byte {
		var b bytes.Buffer
		z := zlib.NewWriter(&b)
		if _, err := z.Write(raw); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	var b bytes.Buffer
	b.WriteString("%PDF-1.5\n")
	inner := []string{
		"<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>",
		"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Contents 5 0 R/Resources<<>>>>",
	}
	var pairs, values string
	for i, v := range inner {
		pairs += fmt.Sprintf("%d %d ", i+1, len(values))
		values += v + " "
	}
	packed := squeeze([]byte(pairs + values))
	objects := b.Len()
	fmt.Fprintf(&b, "4 0 obj\n<</Type/ObjStm/N 3/First %d/Filter/FlateDecode/Length 7 0 R>>\nstream\n%s\nendstream\nendobj\n", len(pairs), packed)
	content := b.Len()
	b.WriteString("5 0 obj\n<</Length 0>>\nstream\n\nendstream\nendobj\n")
	length := b.Len()
	fmt.Fprintf(&b, "7 0 obj\n%d\nendobj\n", len(packed))
	table := b.Len()
	var rows []byte
	var above [4]byte
	for _, r := range [][4]byte{
		{0, 0, 0, 0}, {2, 0, 4, 0}, {2, 0, 4, 1}, {2, 0, 4, 2}, {1, byte(objects >> 8), byte(objects)}, {1, byte(content >> 8), byte(content)},
		{1, byte(table >> 8), byte(table)}, {1, byte(length >> 8), byte(length)},
	} {
		rows = append(rows, 2)
		for i := range r {
			rows = append(rows, r[i]-above[i])
		}
		above = r
	}
	rows = squeeze(rows)
	fmt.Fprintf(&b, "6 0 obj\n<</Type/XRef/Size 8/W[1 2 1]/Root 1 0 R/Filter/FlateDecode/DecodeParms<</Predictor 12/Columns 4>>/Length %d>>\n"+
		"stream\n%s\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n", len(rows), rows, table)
	return b.Bytes()
}

func TestSignaturesInsidePackedPDF(t *testing.T) {
	d := start(t)
	original := packedPDF(t)
	raw := d.mustSign(t, Request{Style: "pades-twice", Content: original}).Content
	contents, signatures := covered(t, raw)
	if len(signatures) != 2 || !bytes.HasPrefix(raw, original) || bytes.Contains(raw, []byte("trailer")) {
		t.Fatalf("%d signatures; a table after a stream: %v", len(signatures), bytes.Contains(raw, []byte("trailer")))
	}
	for i := range signatures {
		if _, err := d.verify(t, "DER", signatures[i], contents[i]); err != nil {
			t.Error(err)
		}
	}
	doc, err := openPDF(raw)
	if err != nil {
		t.Fatal(err)
	}
	_, page, err := doc.firstPage()
	if err != nil {
		t.Fatal(err)
	}
	if annotations, _ := page.get("Annots"); strings.Count(annotations, " R") != 2 {
		t.Errorf("the page has the annotations %s", annotations)
	}
}

// FuzzOpenPDF: whatever is uploaded is signed or refused, without a panic.
func FuzzOpenPDF(f *testing.F) {
	raw, err := SamplePDF(time.Unix(0, 0))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte("%PDF-1.4\nxref\n0 1\n0 65535 f\ntrailer <</Root 1 0 R /Size 2 /Prev 9>>\nstartxref\n9"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		doc, err := openPDF(raw)
		if err != nil {
			return
		}
		u, err := doc.update()
		if err == nil && u.addField(1) == nil {
			u.write()
		}
	})
}

func TestWire(t *testing.T) {
	d := start(t)
	mux := http.NewServeMux()
	d.Routes(mux)
	call := func(method, path, kind string, body []byte) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(method, path, bytes.NewReader(body))
		r.Header.Set("Content-Type", kind)
		mux.ServeHTTP(w, r)
		return w
	}
	var list struct {
		Personas []string
		Styles   []struct {
			ID     string
			Faults []string
		}
		Faults []struct{ ID, Text, Expected string }
	}
	if err := json.Unmarshal(call("GET", "/control/sign", "", nil).Body.Bytes(), &list); err != nil || len(list.Styles) != 11 || len(list.Faults) != len(faults) {
		t.Errorf("list: %v, %d styles, %d faults", err, len(list.Styles), len(list.Faults))
	}
	pdf := call("GET", "/control/sign/sample.pdf", "", nil)
	if !bytes.HasPrefix(pdf.Body.Bytes(), []byte("%PDF-")) {
		t.Error("no sample")
	}
	signed := call("POST", "/control/sign?persona=giulia&style=cades&name=caff%C3%A8.pdf", "application/pdf", pdf.Body.Bytes())
	_, params, err := mime.ParseMediaType(signed.Header().Get("Content-Disposition"))
	if err != nil || signed.Code != http.StatusOK || params["filename"] != "caffè.pdf.p7m" {
		t.Errorf("%d %v %v", signed.Code, params, err)
	}
	if w := call("POST", "/control/sign?persona=giulia&style=pades", "text/plain", []byte("testo")); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "non comincia come un PDF") {
		t.Errorf("not a PDF: %d %s", w.Code, w.Body)
	}
	form := func(fault string, file []byte) *httptest.ResponseRecorder {
		var buf bytes.Buffer
		m := multipart.NewWriter(&buf)
		for k, v := range map[string]string{"persona": "marco", "style": "cades", "key": "p256", "fault": fault} {
			if err := m.WriteField(k, v); err != nil {
				t.Fatal(err)
			}
		}
		if file != nil {
			p, err := m.CreateFormFile("file", "listino.pdf")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := p.Write(file); err != nil {
				t.Fatal(err)
			}
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		return call("POST", "/firma", m.FormDataContentType(), buf.Bytes())
	}
	if w := form(sound, []byte("testo")); w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/pkcs7-mime" {
		t.Errorf("form: %d %s", w.Code, w.Body)
	}
	if w := form("appended", []byte("testo")); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), `id="fault-error"`) || !strings.Contains(w.Body.String(), `value="marco" selected`) {
		t.Errorf("form with a fault that does not fit: %d %s", w.Code, w.Body)
	}
	if w := form(sound, nil); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), `aria-describedby="file-error"`) {
		t.Errorf("form without a file: %d %s", w.Code, w.Body)
	}
}
