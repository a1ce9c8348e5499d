package letter

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const message = "Date: Mon, 28 Dec 2026 10:00:00 +0000\r\nFrom: a@b.it\r\nTo: Box <Box@pec.example.it>\r\nMessage-ID: <a.b@c.it>\r\nSubject: x\r\n\r\nciao\r\n"

func TestParse(t *testing.T) {
	h, err := Parse([]byte(message))
	if err != nil || Bare(h.MessageIDs[0]) != "a.b@c.it" || h.Certified {
		t.Errorf("%+v %v", h, err)
	}
	if diff := cmp.Diff([]string{"box@pec.example.it"}, h.To); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{"", "\r\n\r\nciao", "no header"} {
		if _, err := Parse([]byte(bad)); err == nil {
			t.Errorf("%q is taken for a message", bad)
		}
	}
}

func TestCertifyWantsASignature(t *testing.T) {
	for _, raw := range []string{
		message,
		"Content-Type: multipart/signed; boundary=x\r\n\r\n--x\r\na\r\n--x--\r\n",
		"Content-Type: multipart/signed; boundary=x\r\n\r\n--x\r\na\r\n--x\r\n\r\nb\r\n",
		"Content-Type: multipart/signed; boundary=x\r\n\r\n--x\r\na\r\n--x\r\nContent-Transfer-Encoding: base64\r\n\r\n!\r\n--x--\r\n",
	} {
		if _, err := Certify([]byte(raw), nil); err == nil {
			t.Errorf("certified: %q", raw)
		}
	}
}

// Carriers add lines to the header and may change line ends; anything else is another message.
func TestConfirms(t *testing.T) {
	const ours = "From: a\r\nTo: b\r\n\r\nciao\r\n"
	for original, want := range map[string]bool{
		ours: true, "Received: x\nFrom: a\nX: y\nTo: b\n\nciao\n": true, "From: a\r\nTo: b\r\n\r\nciao": true,
		"From: a\r\nTo: c\r\n\r\nciao\r\n": false, "From: a\r\n\r\nciao\r\n": false, "From: a\r\nTo: b\r\n\r\nCiao\r\n": false,
		"From: a\r\nTo: b\r\n\r\nciao\r\nciao\r\n": false, "From: a\r\nTo: b\r\n": false, "": false,
	} {
		if got := Confirms([]byte(original), []byte(ours)); got != want {
			t.Errorf("%q: %v", original, got)
		}
	}
}

func FuzzCertify(f *testing.F) {
	f.Add([]byte(message))
	f.Add([]byte("Date: Mon, 28 Dec 2026 10:00:00 +0000\r\nContent-Type: multipart/signed; boundary=x\r\n\r\n--x\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\n\r\na\r\n--y--\r\n\r\n--x\r\n\r\nb\r\n--x--\r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if c, err := Certify(raw, nil); err == nil && c.Kind == "" {
			t.Error("a certification of nothing")
		}
		_, _ = Parse(raw)
		_ = Confirms(raw, []byte(message))
		_, _ = certification(raw)
	})
}

func FuzzData(f *testing.F) {
	golden, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "domain", "pec", "testdata", "avvenuta-consegna.xml"))
	if err != nil {
		f.Fatal(err)
	}
	if c, err := parseData(golden, []byte("x")); err != nil || c.Kind != "avvenuta-consegna" || c.Original == nil ||
		c.Reference != "019f0000-0000-7000-8000-000000000001.outcome-0@pec.example.it" {
		f.Fatalf("%+v %v", c, err)
	}
	f.Add(golden)
	f.Fuzz(func(t *testing.T, text []byte) {
		if c, err := parseData(text, nil); err == nil && c.Kind == "" || err != nil && !errors.Is(err, ErrContent) {
			t.Errorf("%+v %v", c, err)
		}
	})
}
