package sealing

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/smallstep/pkcs7"

	"sportello/shared/domain/deadline"
	"sportello/shared/platform/cms"
	"sportello/shared/platform/pdf"
	"sportello/shared/platform/sealing/sealingtest"
)

var at = time.Date(2026, 11, 22, 10, 15, 0, 123e6, time.UTC)

func sealer(t testing.TB) (*Sealer, []byte) {
	t.Helper()
	key, chain, root := sealingtest.New(t)
	s, err := New(key, chain)
	if err != nil {
		t.Fatal(err)
	}
	return s, root
}

func TestCAdES(t *testing.T) {
	s, root := sealer(t)
	roots, err := cms.ParseRoots(root)
	if err != nil {
		t.Fatal(err)
	}
	content := []byte("la dichiarazione del giorno")
	detached, err := s.Detached(t.Context(), content, at)
	if err != nil {
		t.Fatal(err)
	}
	attached, err := s.Attached(t.Context(), content, at)
	if err != nil {
		t.Fatal(err)
	}
	if err := roots.Detached(content, detached, at); err != nil {
		t.Errorf("detached: %v", err)
	}
	if err := roots.Detached([]byte("altro"), detached, at); !errors.Is(err, cms.ErrAltered) {
		t.Errorf("another content: %v", err)
	}
	if got, err := roots.Enveloped(attached, at); err != nil || !bytes.Equal(got, content) {
		t.Errorf("attached: %q, %v", got, err)
	}
	again, err := s.Detached(t.Context(), content, at)
	if err != nil || !bytes.Equal(again, detached) {
		t.Errorf("the same input gave other bytes: %v", err)
	}
	p7, err := pkcs7.Parse(detached)
	if err != nil || len(p7.Certificates) != 2 {
		t.Fatalf("parsed: %v", err)
	}
	var claimed time.Time
	if err := p7.UnmarshalSignedAttribute(oidSigningTime, &claimed); err != nil || !claimed.Equal(at.Truncate(time.Second)) {
		t.Errorf("signing time %v, %v", claimed, err)
	}
}

func TestCertificateOfAnotherKey(t *testing.T) {
	_, chain, _ := sealingtest.New(t)
	s, err := New(sealingtest.Other(t), chain)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Detached(t.Context(), []byte("x"), at); !errors.Is(err, ErrKey) {
		t.Errorf("got %v", err)
	}
}

type broken struct{}

func (broken) Sign(context.Context, []byte) ([]byte, error) { return nil, errors.New("KMS is down") }

func TestWithoutKeyOrChain(t *testing.T) {
	key, chain, _ := sealingtest.New(t)
	if _, err := New(key, nil); err == nil {
		t.Error("no chain: accepted")
	}
	if _, err := New(nil, chain); err == nil {
		t.Error("no key: accepted")
	}
	s, err := New(broken{}, chain)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.PDF(t.Context(), printedPDF(t, 1), Note{At: at}); err == nil {
		t.Error("sealed without the key")
	}
}

// printedPDF is a receipt with some attachments.
func printedPDF(t testing.TB, attachments int) []byte {
	t.Helper()
	due, err := deadline.ParseDate("2026-12-22")
	if err != nil {
		t.Fatal(err)
	}
	p := pdf.Presentation{
		ID: "r1", Application: "a1", Chamber: "Camera di prova", Service: "Reclami", Subject: "Reclamo", Applicant: "Anna Verdi", PresentedAt: at,
		Digest: strings.Repeat("ab", 32), Office: "URP", Responsible: "Mario Neri", Substitute: "Segretario generale", Due: due, TermDays: 30,
		Silence: "Nessun effetto.", Remedies: "Ricorso.", Access: "Dall'area personale.",
	}
	for n := range attachments {
		p.Attachments = append(p.Attachments, pdf.File{Name: fmt.Sprintf("allegato-%d.pdf", n), SHA256: strings.Repeat("cd", 32)})
	}
	var out bytes.Buffer
	if err := pdf.Receipt(&out, p); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

var ranges = regexp.MustCompile(`/ByteRange \[0 (\d+) (\d+) (\d+)\]`)

func TestPAdES(t *testing.T) {
	s, root := sealer(t)
	roots, err := cms.ParseRoots(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, attachments := range []int{0, 1, 60} {
		file := printedPDF(t, attachments)
		note := Note{At: at, Name: "Camera di prova (sigillo)", Reason: "Ricevuta di presentazione"}
		sealed, err := s.PDF(t.Context(), file, note)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(sealed, file) {
			t.Error("the bytes of the document changed")
		}
		again, err := s.PDF(t.Context(), file, note)
		if err != nil || !bytes.Equal(again, sealed) {
			t.Errorf("the same input gave other bytes: %v", err)
		}
		found := ranges.FindSubmatch(sealed)
		if found == nil {
			t.Fatal("no byte range")
		}
		var n [3]int
		for k := range n {
			n[k], _ = strconv.Atoi(string(found[k+1]))
		}
		if n[1]+n[2] != len(sealed) || sealed[n[0]] != '<' || sealed[n[1]-1] != '>' {
			t.Fatalf("byte range %v of %d bytes", n, len(sealed))
		}
		der, err := hex.DecodeString(string(sealed[n[0]+1 : n[1]-1]))
		if err != nil {
			t.Fatal(err)
		}
		content := append(bytes.Clone(sealed[:n[0]]), sealed[n[1]:]...)
		// The zeros after the signature are no part of it.
		length := 4 + int(der[2])<<8 + int(der[3])
		if err := roots.Detached(content, der[:length], at); err != nil {
			t.Errorf("signature: %v", err)
		}
		p7, err := pkcs7.Parse(der[:length])
		if err != nil || p7.UnmarshalSignedAttribute(oidSigningTime, new(time.Time)) == nil {
			t.Errorf("a PAdES signature must claim its time in /M alone: %v", err)
		}
		if !bytes.Contains(sealed[len(file):], []byte("/M (D:20261122101500+00'00')")) || bytes.Count(sealed, []byte("%%EOF")) != 2 {
			t.Error("signing time or update missing")
		}
	}
}

func TestOnlyOurOwnPDFs(t *testing.T) {
	s, _ := sealer(t)
	file := printedPDF(t, 0)
	sealed, err := s.PDF(t.Context(), file, Note{At: at})
	if err != nil {
		t.Fatal(err)
	}
	for name, other := range map[string][]byte{
		"sealed already": sealed, "no PDF": []byte("testo"), "empty": nil, "cut": file[:len(file)/2],
		"table elsewhere": bytes.Replace(file, []byte("startxref\n"), []byte("startxref\n9"), 1),
	} {
		if _, err := s.PDF(t.Context(), other, Note{At: at}); !errors.Is(err, ErrPDF) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Other hands read the same: openssl the CAdES, poppler the PAdES.
func TestStrangersTools(t *testing.T) {
	s, root := sealer(t)
	dir := t.TempDir()
	content := []byte("la dichiarazione del giorno")
	detached, err := s.Detached(t.Context(), content, at)
	if err != nil {
		t.Fatal(err)
	}
	attached, err := s.Attached(t.Context(), content, at)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := s.PDF(t.Context(), printedPDF(t, 2), Note{At: at, Name: "Camera di prova", Reason: "Ricevuta"})
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"content": content, "detached.p7s": detached, "attached.p7m": attached, "ca.pem": root, "sealed.pdf": sealed} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, args := range map[string][]string{
		"detached": {"openssl", "cms", "-verify", "-binary", "-cades", "-inform", "DER", "-in", "detached.p7s", "-content", "content", "-CAfile", "ca.pem", "-purpose", "any", "-out", "out"},
		"attached": {"openssl", "cms", "-verify", "-binary", "-cades", "-inform", "DER", "-in", "attached.p7m", "-CAfile", "ca.pem", "-purpose", "any", "-out", "out"},
		"pdf":      {"pdfsig", "-nocert", "sealed.pdf"},
	} {
		t.Run(name, func(t *testing.T) {
			program, err := exec.LookPath(args[0])
			if err != nil {
				t.Skipf("%s is not on this machine: the seal is checked by our own reading alone", args[0])
			}
			command := exec.Command(program, args[1:]...)
			command.Dir = dir
			out, err := command.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if args[0] == "pdfsig" && (!bytes.Contains(out, []byte("Signature is Valid")) || !bytes.Contains(out, []byte("Total document signed"))) {
				t.Errorf("pdfsig: %s", out)
			}
		})
	}
}
