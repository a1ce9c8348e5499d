package main

import (
	"bytes"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

// value writes a value of definite length.
func value(tag byte, parts ...[]byte) []byte {
	body := bytes.Join(parts, nil)
	switch n := len(body); {
	case n < 128:
		return append([]byte{tag, byte(n)}, body...)
	default:
		return append([]byte{tag, 0x82, byte(n >> 8), byte(n)}, body...)
	}
}

// endless writes one of indefinite length.
func endless(tag byte, parts ...[]byte) []byte {
	return append(append([]byte{tag, 0x80}, bytes.Join(parts, nil)...), 0, 0)
}

func oid(t *testing.T, id asn1.ObjectIdentifier) []byte {
	t.Helper()
	raw, err := asn1.Marshal(id)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// message is the shape of a CMS message; wrap writes its outer values.
func message(t *testing.T, wrap func(byte, ...[]byte) []byte, unsigned ...[]byte) []byte {
	signer := [][]byte{value(2, []byte{1}), value(0x30), value(0x30), value(0xa0, value(0x30)), value(0x30), value(4, []byte("the signature"))}
	if len(unsigned) > 0 {
		signer = append(signer, value(0xa1, unsigned...))
	}
	content := wrap(0x30, oid(t, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}), wrap(0xa0, wrap(0x24, value(4, bytes.Repeat([]byte("a"), 200)))))
	return wrap(0x30, oid(t, signedData), wrap(0xa0, wrap(0x30, value(2, []byte{1}), value(0x31), content, value(0x31, value(0x30, signer...)))))
}

func TestStamp(t *testing.T) {
	token := value(0x30, []byte("\x04\x05token"))
	attribute := value(0x30, oid(t, timestampAttribute), value(0x31, token))
	other := value(0x30, oid(t, signedData), value(0x31, value(0x30)))
	for name, wrap := range map[string]func(byte, ...[]byte) []byte{"DER": value, "BER": endless} {
		signature, found := stamp(message(t, wrap, other, attribute))
		if string(signature) != "the signature" || !bytes.Equal(found, token) {
			t.Errorf("%s: signature %q, token %x", name, signature, found)
		}
		if _, found := stamp(message(t, wrap, other)); found != nil {
			t.Errorf("%s: a token was found where there is none", name)
		}
		if !looksSigned(message(t, wrap)) {
			t.Errorf("%s: an envelope is not known as one", name)
		}
	}
	if looksSigned([]byte("%PDF-1.7")) || looksSigned(nil) {
		t.Error("what is no envelope is taken for one")
	}
}

// Whatever the bytes, reading ends and says no.
func TestReadNodeOfBadBytes(t *testing.T) {
	whole := message(t, endless)
	for n := range whole {
		if _, _, err := readNode(whole[:n], 0); err == nil {
			t.Errorf("the first %d bytes of %d are taken for whole", n, len(whole))
		}
	}
	deep := bytes.Repeat([]byte{0x30, 0x80}, 1000)
	for _, bad := range [][]byte{deep, {0x30, 0x84, 0xff, 0xff, 0xff, 0xff}, {0x30, 0x85, 1, 1, 1, 1, 1}, {0x04, 0x80, 0, 0}, {0x1f, 0x01, 0}} {
		if _, _, err := readNode(bad, 0); err == nil {
			t.Errorf("%.12x is taken for a value", bad)
		}
	}
}

func TestUnwrapped(t *testing.T) {
	der := message(t, value)
	text := base64.StdEncoding.EncodeToString(der)
	for name, file := range map[string][]byte{
		"DER": der, "PEM": pem.EncodeToMemory(&pem.Block{Type: "PKCS7", Bytes: der}), "base64": []byte(text), "base64 in lines": []byte(text[:64] + "\r\n" + text[64:] + "\r\n"),
	} {
		if !bytes.Equal(unwrapped(file), der) {
			t.Errorf("%s: not unwrapped", name)
		}
	}
	if cut := unwrapped([]byte(text[:len(text)/2])); !bytes.HasPrefix(der, cut) || len(cut) == 0 {
		t.Error("a cut file is not what is left of it")
	}
	if got := unwrapped([]byte("%PDF-1.7")); string(got) != "%PDF-1.7" {
		t.Errorf("a PDF became %q", got)
	}
}

func TestPDFSignatures(t *testing.T) {
	head, tail := "%%PDF-1.7 /ByteRange [0 %04d %04d %04d] /Contents ", " >> endobj\n%%EOF\n"
	hole := fmt.Sprintf("<%x%s>", message(t, value), strings.Repeat("0", 40))
	from := len(fmt.Sprintf(head, 0, 0, 0))
	file := fmt.Sprintf(head, from, from+len(hole), len(tail)) + hole + tail
	all, err := pdfSignatures([]byte(file))
	if err != nil || len(all) != 1 {
		t.Fatalf("%d signatures, %v", len(all), err)
	}
	if !bytes.Equal(all[0].message, message(t, value)) {
		t.Error("the message is not the one of the file, without its padding")
	}
	if string(all[0].covered) != file[:from]+tail {
		t.Errorf("covered: %q", all[0].covered)
	}
	if all, err := pdfSignatures([]byte("%PDF-1.7")); err != nil || len(all) != 0 {
		t.Error("a PDF without signatures has some")
	}
	for _, bad := range []string{file[:len(file)-9], strings.Replace(file, "[0 ", "[1 ", 1), strings.Replace(file, fmt.Sprintf("%04d", len(tail)), "9999", 1),
		strings.Replace(file, "<30", "<3x", 1)} {
		if _, err := pdfSignatures([]byte(bad)); err == nil {
			t.Errorf("taken: %.80q", bad)
		}
	}
}

func TestErrorWords(t *testing.T) {
	for text, want := range map[string]string{
		"CMS Verification failure\n40D7:error:17000064:CMS routines:cms_signerinfo_verify_cert:certificate verify error:crypto/cms/cms_smime.c:289:Verify error: certificate revoked\n":                      "certificate verify error (certificate revoked)",
		"Error reading\n40:error:06800098:asn1 encoding routines:ASN1_get_object:too long:crypto/x.c:95:\n40:error:0688010A:asn1 encoding routines:f:nested asn1 error:c.c:1:Field=d, Type=CMS_SignedData\n": "too long; nested asn1 error",
		"Using configuration from /etc/ssl/openssl.cnf\nVerification: OK\n": "",
		"CAdES Verification successful\n":                                   "CAdES Verification successful",
	} {
		if got := errorWords(text); got != want {
			t.Errorf("%q\n got %q\nwant %q", text, got, want)
		}
	}
}

func TestLastLine(t *testing.T) {
	if got := lastLine("Traceback:\n  File x\nModuleNotFoundError: No module named 'pyhanko'\n"); got != "ModuleNotFoundError: No module named 'pyhanko'" {
		t.Errorf("got %q", got)
	}
	if got := lastLine(""); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestSaidTime(t *testing.T) {
	want := time.Date(2026, 10, 3, 7, 5, 9, 0, time.UTC)
	if got := saidTime("Policy OID: x\nTime stamp: Oct  3 07:05:09 2026 GMT\nAccuracy: 0x01 seconds\n"); !got.Equal(want) {
		t.Errorf("got %v", got)
	}
	if got := saidTime("Time stamp: yesterday\n"); !got.IsZero() {
		t.Errorf("got %v", got)
	}
}

func TestSettle(t *testing.T) {
	good, absent := opinion{valid, ""}, opinion{Verdict: missing}
	none := combination{"cades", "none", "p256", valid}
	broken := combination{"cades", "broken", "p256", invalid}
	for name, c := range map[string]struct {
		row  row
		want string
	}{
		"all agree":             {row{none, opinion{valid, "ok"}, good, good, nil, nil}, "agree"},
		"a tool is missing":     {row{none, opinion{valid, "ok"}, good, absent, nil, nil}, "agree"},
		"the desk says another": {row{none, opinion{invalid, "broken"}, opinion{invalid, "verification failure"}, opinion{invalid, "INVALID"}, nil, nil}, "UNEXPLAINED: the desk"},
		"a tool takes it":       {row{broken, opinion{invalid, "broken"}, opinion{invalid, "verification failure"}, good, nil, nil}, "UNEXPLAINED: pyHanko"},
		"another reason":        {row{broken, opinion{invalid, "broken"}, opinion{invalid, "certificate has expired"}, opinion{invalid, "INVALID"}, nil, nil}, "UNEXPLAINED: OpenSSL refuses it for another reason"},
		"explained":             {row{broken, opinion{invalid, "sha1"}, good, opinion{invalid, "CRYPTO_CONSTRAINTS_FAILURE"}, nil, nil}, "explained: sha-1"},
		"both explained":        {row{broken, opinion{invalid, "issuer-withdrawn"}, good, good, nil, nil}, "explained: trust-list"},
		"not in these words":    {row{none, opinion{valid, "ok"}, opinion{invalid, "certificate has expired"}, good, nil, nil}, "UNEXPLAINED: OpenSSL"},
		"in these words":        {row{none, opinion{valid, "ok"}, opinion{invalid, "certificate verify error (certificate revoked)"}, good, nil, nil}, "explained: revoked-later"},
	} {
		c.row.settle()
		if got := c.row.agreement(); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// What the run comes to, and that a reason without a disagreement is told as stale.
func TestFoot(t *testing.T) {
	explained := row{combination{"cades", "wrong-digest-algorithm", "p256", invalid}, opinion{invalid, "sha1"}, opinion{valid, ""}, opinion{invalid, "CRYPTO_CONSTRAINTS_FAILURE"}, nil, nil}
	open := row{combination{"cades", "none", "p256", valid}, opinion{valid, "ok"}, opinion{invalid, "hm"}, opinion{valid, ""}, nil, nil}
	for name, c := range map[string]struct {
		table table
		want  error
		says  string
	}{
		"explained":          {table{openssl: &openssl{}, pyhanko: &pyhanko{}, whole: true, rows: []row{explained}}, nil, "STALE revisions (OpenSSL)"},
		"unexplained":        {table{openssl: &openssl{}, pyhanko: &pyhanko{}, rows: []row{explained, open}}, errDisagree, "UNEXPLAINED cades none p256"},
		"not whole":          {table{openssl: &openssl{}, rows: []row{explained}}, errPartial, "not whole"},
		"both are the worst": {table{openssl: &openssl{}, rows: []row{open}}, errDisagree, "1 unexplained"},
	} {
		var out bytes.Buffer
		c.table.out = &out
		for i := range c.table.rows {
			c.table.rows[i].settle()
		}
		if err := c.table.foot(); !errors.Is(err, c.want) || !strings.Contains(out.String(), c.says) {
			t.Errorf("%s: %v\n%s", name, err, out.String())
		}
		if strings.Contains(out.String(), "STALE sha-1") || name != "explained" && strings.Contains(out.String(), "STALE") {
			t.Errorf("%s: a reason in use, or one that was not looked for, is stale:\n%s", name, out.String())
		}
	}
}

func TestReasonsAreWhole(t *testing.T) {
	for i, r := range reasons {
		if r.cause == "" || r.text == "" || len(r.ours) == 0 || r.tool != OpenSSL && r.tool != PyHanko || r.says != valid && r.says != invalid {
			t.Errorf("reason %d (%s) is incomplete", i, r.cause)
		}
		if slices.ContainsFunc(reasons[:i], func(o reason) bool { return o.cause == r.cause && o.tool == r.tool }) {
			t.Errorf("%s stands twice for %s", r.cause, r.tool)
		}
	}
}

func TestCombinations(t *testing.T) {
	var o offer
	list := `{"styles":[{"id":"cades","detached":false,"faults":["none","broken","empty"]},{"id":"cades-detached","detached":true,"faults":["none","broken"]}],
		"keys":[{"id":"rsa2048"},{"id":"p256"}],"faults":[{"id":"none","expected":"valid"},{"id":"broken","expected":"invalid"},{"id":"empty","expected":"refused"}]}`
	if err := json.Unmarshal([]byte(list), &o); err != nil {
		t.Fatal(err)
	}
	want := []combination{
		{"cades", "none", "rsa2048", valid}, {"cades", "none", "p256", valid}, {"cades", "broken", "rsa2048", invalid}, {"cades", "empty", "p256", refused},
		{"cades-detached", "none", "rsa2048", invalid}, {"cades-detached", "none", "p256", invalid}, {"cades-detached", "broken", "rsa2048", invalid},
	}
	if got := o.combinations(); !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestConclude(t *testing.T) {
	sound, bad := made{"days/milano/2026-11-23/statement.p7s", "OpenSSL cms", opinion{valid, ""}}, made{"packages/x/package.zip 0004-ricevuta.pdf", PyHanko, opinion{invalid, ""}}
	for name, c := range map[string]struct {
		of   inspection
		want int
	}{
		"sound": {inspection{lines: []made{sound}}, 0}, "refused": {inspection{lines: []made{sound, bad}, gaps: []string{"x"}}, 1},
		"nothing": {inspection{}, 2}, "a tool is missing": {inspection{lines: []made{sound}, gaps: []string{"x"}}, 3},
	} {
		var out bytes.Buffer
		c.of.out = &out
		if got := exitCode(c.of.conclude()); got != c.want {
			t.Errorf("%s: exit code %d, want %d", name, got, c.want)
		}
		if name == "refused" && !strings.Contains(out.String(), "ricevuta.pdf by pyHanko            0 of 1 accepted") {
			t.Errorf("%s", out.String())
		}
	}
}

func TestParse(t *testing.T) {
	if o, err := parse([]string{"-made", "-data", "x"}, io.Discard); err != nil || !o.made || o.data != "x" {
		t.Errorf("%+v, %v", o, err)
	}
	if _, err := parse([]string{"table"}, io.Discard); err == nil {
		t.Error("an argument that means nothing is taken")
	}
}
