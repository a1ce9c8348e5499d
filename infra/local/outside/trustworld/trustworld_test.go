package trustworld

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
	"golang.org/x/crypto/ocsp"

	"sportello/infra/local/outside/people"
	"sportello/infra/local/outside/state"
)

// keysDir has the keys that every test's world starts from: they are what takes time.
var keysDir string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "trust-keys-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	keysDir = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// fixture is a trust world that answers, and the file of its clock.
type fixture struct {
	*Trust
	t      *testing.T
	server *httptest.Server
	clock  string
	dir    string
}

func start(t *testing.T) *fixture {
	t.Helper()
	dir := t.TempDir()
	f := &fixture{t: t, dir: dir, clock: filepath.Join(dir, "clock")}
	mux := http.NewServeMux()
	f.server = httptest.NewServer(mux)
	t.Cleanup(f.server.Close)
	f.open()
	f.Routes(mux)
	return f
}

func (f *fixture) open() {
	f.t.Helper()
	var err error
	f.Trust, err = Open(Config{
		Base: f.server.URL, Keys: keysDir, Dir: f.dir, Clock: state.Clock{File: f.clock}, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) move(by time.Duration) {
	f.t.Helper()
	if err := os.WriteFile(f.clock, []byte(strconv.FormatInt(by.Milliseconds(), 10)), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) turn(service, mode string) {
	f.t.Helper()
	f.call("POST", "/control/trust", "application/json", []byte(fmt.Sprintf(`{"service":%q,"mode":%q}`, service, mode)), http.StatusOK)
}

func (f *fixture) call(method, path, kind string, body []byte, status int) []byte {
	f.t.Helper()
	if strings.HasPrefix(path, "/") {
		path = f.server.URL + path
	}
	req, err := http.NewRequest(method, path, bytes.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	req.Header.Set("Content-Type", kind)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	if resp.StatusCode != status {
		f.t.Fatalf("%s %s: %d %s, want %d", method, path, resp.StatusCode, raw, status)
	}
	return raw
}

func person(t *testing.T, id string) people.Person {
	t.Helper()
	p, found := people.FindPerson(id)
	if !found {
		t.Fatalf("no persona %s", id)
	}
	return p
}

func (f *fixture) identity(standing Standing) *Identity {
	f.t.Helper()
	id, err := f.Identity(person(f.t, "giulia"), RSA2048, standing)
	if err != nil {
		f.t.Fatal(err)
	}
	return id
}

func TestPersonsCertificate(t *testing.T) {
	f := start(t)
	id := f.identity(Good)
	c := id.Certificate
	if got := c.Subject.SerialNumber; got != "TINIT-RNLGLI79D52F205F" || c.Subject.CommonName != "Giulia Rinaldi" {
		t.Errorf("subject %s", c.Subject)
	}
	if c.KeyUsage != x509.KeyUsageContentCommitment || len(c.Policies) != 1 {
		t.Errorf("usage %v, policies %v", c.KeyUsage, c.Policies)
	}
	statements := false
	for _, e := range c.Extensions {
		statements = statements || e.Id.String() == "1.3.6.1.5.5.7.1.3" && bytes.Contains(e.Value, []byte{0x06, 0x07, 0x04, 0, 0x8e, 0x46, 1, 6, 1})
	}
	if !statements {
		t.Error("no statement of a qualified certificate for signatures")
	}
	if raw := f.call("GET", c.IssuingCertificateURL[0], "", nil, http.StatusOK); !bytes.Equal(raw, id.Chain[0].Raw) {
		t.Error("the issuer's certificate is not where the certificate says")
	}
	if err := c.CheckSignatureFrom(id.Chain[0]); err != nil {
		t.Error(err)
	}
	if again := f.identity(Good); !again.Certificate.Equal(c) {
		t.Error("another certificate for the same person")
	}
	f.open()
	if again := f.identity(Good); !again.Certificate.Equal(c) {
		t.Error("another certificate after a restart")
	}
	f.move(3 * year)
	if again := f.identity(Good); again.Certificate.NotAfter.Before(f.Clock.Now()) {
		t.Error("the certificate did not follow the clock")
	}
}

// TestStandings asks both revocation services about every standing.
func TestStandings(t *testing.T) {
	f := start(t)
	for standing, want := range map[Standing]int{
		Good: ocsp.Good, Expired: ocsp.Good, NotYetValid: ocsp.Good, Revoked: ocsp.Revoked, RevokedAfterwards: ocsp.Revoked,
		Suspended: ocsp.Revoked, Untrusted: ocsp.Good, WithdrawnService: ocsp.Good, Authentication: ocsp.Good,
	} {
		t.Run(string(standing), func(t *testing.T) {
			id := f.identity(standing)
			answer := f.ask(id)
			if answer.Status != want || answer.ProducedAt.Sub(f.Clock.Now()).Abs() > time.Minute {
				t.Errorf("status %d, want %d; produced at %v", answer.Status, want, answer.ProducedAt)
			}
			if len(answer.Extensions) != 1 || !answer.Extensions[0].Id.Equal(archiveCutoff) {
				t.Error("the answer does not say that expired certificates are kept")
			}
			list, err := x509.ParseRevocationList(f.call("GET", id.Certificate.CRLDistributionPoints[0], "", nil, http.StatusOK))
			if err != nil {
				t.Fatal(err)
			}
			if err := list.CheckSignatureFrom(id.Chain[0]); err != nil {
				t.Error(err)
			}
			var entry *x509.RevocationListEntry
			for i := range list.RevokedCertificateEntries {
				if e := &list.RevokedCertificateEntries[i]; e.SerialNumber.Cmp(id.Certificate.SerialNumber) == 0 {
					entry = e
				}
			}
			if (entry != nil) != (want == ocsp.Revoked) {
				t.Fatalf("on the list: %v", entry != nil)
			}
			if entry != nil && (entry.ReasonCode != answer.RevocationReason || !entry.RevocationTime.Equal(answer.RevokedAt)) {
				t.Errorf("the list says %v, %d; OCSP says %v, %d", entry.RevocationTime, entry.ReasonCode, answer.RevokedAt, answer.RevocationReason)
			}
		})
	}
	now := f.Clock.Now()
	if c := f.identity(Expired).Certificate; !now.After(c.NotAfter) {
		t.Error("expired, but it is not")
	}
	if c := f.identity(NotYetValid).Certificate; !now.Before(c.NotBefore) {
		t.Error("not yet valid, but it is")
	}
	if c := f.identity(SelfSigned).Certificate; c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) != nil {
		t.Error("self-signed, but it is not")
	}
	if c := f.identity(Authentication).Certificate; c.KeyUsage&x509.KeyUsageContentCommitment != 0 {
		t.Error("an authentication certificate that commits")
	}
}

// ask asks OCSP with a POST and reads the answer with another's code.
func (f *fixture) ask(id *Identity) *ocsp.Response {
	f.t.Helper()
	request, err := ocsp.CreateRequest(id.Certificate, id.Chain[0], nil)
	if err != nil {
		f.t.Fatal(err)
	}
	raw := f.call("POST", id.Certificate.OCSPServer[0], "application/ocsp-request", request, http.StatusOK)
	answer, err := ocsp.ParseResponseForCert(raw, id.Certificate, id.Chain[0])
	if err != nil {
		f.t.Fatal(err)
	}
	return answer
}

func TestOCSPByGetAndBadRequests(t *testing.T) {
	f := start(t)
	id := f.identity(Good)
	request, err := ocsp.CreateRequest(id.Certificate, id.Chain[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	raw := f.call("GET", id.Certificate.OCSPServer[0]+"/"+url.PathEscape(base64.StdEncoding.EncodeToString(request)), "", nil, http.StatusOK)
	if answer, err := ocsp.ParseResponseForCert(raw, id.Certificate, id.Chain[0]); err != nil || answer.Status != ocsp.Good {
		t.Errorf("by GET: %v, %v", answer, err)
	}
	for name, c := range map[string]struct {
		path    string
		request []byte
		want    ocsp.ResponseStatus
	}{
		"not a request":   {"/trust/ocsp/" + RSA, []byte("?"), ocsp.Malformed},
		"other authority": {"/trust/ocsp/" + ECDSA, request, ocsp.Unauthorized},
	} {
		raw := f.call("POST", c.path, "application/ocsp-request", c.request, http.StatusOK)
		var refused ocsp.ResponseError
		if _, err := ocsp.ParseResponse(raw, nil); !asResponse(err, &refused) || refused.Status != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	stranger := f.identity(SelfSigned)
	request, err = ocsp.CreateRequest(stranger.Certificate, f.authorities[RSA].Certificate, nil)
	if err != nil {
		t.Fatal(err)
	}
	raw = f.call("POST", "/trust/ocsp/"+RSA, "application/ocsp-request", request, http.StatusOK)
	if answer, err := ocsp.ParseResponse(raw, f.authorities[RSA].Certificate); err != nil || answer.Status != ocsp.Unknown {
		t.Errorf("of a certificate never issued: %v", err)
	}
	f.call("GET", "/trust/ocsp/nessuna/x", "", nil, http.StatusNotFound)
}

func asResponse(err error, out *ocsp.ResponseError) bool {
	e, ok := err.(ocsp.ResponseError)
	*out = e
	return ok
}

func TestSwitches(t *testing.T) {
	f := start(t)
	id := f.identity(Good)
	f.turn("ocsp", unknown)
	if got := f.ask(id).Status; got != ocsp.Unknown {
		t.Errorf("status %d", got)
	}
	f.turn("ocsp", stale)
	if got := f.ask(id).NextUpdate; got.After(f.Clock.Now()) {
		t.Errorf("next update %v", got)
	}
	f.turn("ocsp", Down)
	f.call("POST", "/trust/ocsp/"+RSA, "application/ocsp-request", nil, http.StatusServiceUnavailable)
	f.turn("crl", stale)
	list, err := x509.ParseRevocationList(f.call("GET", "/trust/crl/"+RSA+".crl", "", nil, http.StatusOK))
	if err != nil || list.NextUpdate.After(f.Clock.Now()) {
		t.Errorf("next update %v, %v", list.NextUpdate, err)
	}
	f.turn("crl", Down)
	f.call("GET", "/trust/crl/"+RSA+".crl", "", nil, http.StatusServiceUnavailable)
	f.turn("list", Down)
	f.call("GET", "/trust/TSL-IT.xml", "", nil, http.StatusServiceUnavailable)
	f.turn("tsa", Down)
	f.call("POST", "/trust/tsa", "application/timestamp-query", nil, http.StatusServiceUnavailable)
	f.open()
	if got := f.Switches().Mode("tsa"); got != Down {
		t.Errorf("after a restart the switch says %q", got)
	}
	f.call("POST", "/control/trust", "application/json", []byte(`{"service":"x","mode":"ok"}`), http.StatusBadRequest)
	f.call("POST", "/control/trust", "application/json", []byte(`{"service":"tsa","mode":"expired"}`), http.StatusBadRequest)
}

// readList verifies the list's signature with the operator's certificate and returns what it covers.
func (f *fixture) readList() (*etree.Element, error) {
	f.t.Helper()
	block, _ := pem.Decode(f.call("GET", "/trust/operator.pem", "", nil, http.StatusOK))
	operator, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		f.t.Fatal(err)
	}
	doc := etree.NewDocument()
	if err := doc.ReadFromBytes(f.call("GET", "/trust/TSL-IT.xml", "", nil, http.StatusOK)); err != nil {
		f.t.Fatal(err)
	}
	ctx := dsig.NewDefaultValidationContext(&dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{operator}})
	ctx.IdAttribute = "Id"
	return ctx.Validate(doc.Root())
}

func TestTrustList(t *testing.T) {
	f := start(t)
	list, err := f.readList()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, s := range list.FindElements("//ServiceInformation") {
		raw, err := base64.StdEncoding.DecodeString(s.FindElement("ServiceDigitalIdentity/DigitalId/X509Certificate").Text())
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(raw)
		if err != nil {
			t.Fatal(err)
		}
		status := s.SelectElement("ServiceStatus").Text()
		kind := s.SelectElement("ServiceTypeIdentifier").Text()
		found[c.Subject.CommonName] = kind[strings.LastIndex(kind, "/")+1:] + " " + status[strings.LastIndex(status, "/")+1:]
	}
	for name, want := range map[string]string{RSA: "QC granted", ECDSA: "QC granted", Stamps: "QTST granted", Withdrawn: "QC withdrawn", Foreign: "", Root: ""} {
		if got := found[f.authorities[name].CommonName]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if got := list.FindElements("//ServiceHistoryInstance/ServiceStatus"); len(got) != 1 || got[0].Text() != granted {
		t.Error("no history of the withdrawn service")
	}
	number := list.FindElement("//TSLSequenceNumber").Text()
	f.move(48 * time.Hour)
	if list, err = f.readList(); err != nil {
		t.Fatal(err)
	}
	before, _ := strconv.Atoi(number)
	if after, _ := strconv.Atoi(list.FindElement("//TSLSequenceNumber").Text()); after != before+2 {
		t.Errorf("number %d two days after %d", after, before)
	}
}

func TestFaultyTrustLists(t *testing.T) {
	f := start(t)
	f.turn("list", listExpired)
	list, err := f.readList()
	if err != nil {
		t.Fatal(err)
	}
	next, err := time.Parse(time.RFC3339, list.FindElement("//NextUpdate/dateTime").Text())
	if err != nil || next.After(f.Clock.Now()) {
		t.Errorf("next update %v, %v", next, err)
	}
	f.turn("list", tampered)
	if _, err := f.readList(); err == nil {
		t.Error("the signature of a tampered list holds")
	}
}

func TestSealCertificate(t *testing.T) {
	f := start(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	path := "/control/trust/seal-certificate?" + url.Values{"name": {"Unione di prova"}, "organization": {"VATIT-09900000044"}}.Encode()
	chain := f.call("POST", path, "application/octet-stream", public, http.StatusOK)
	block, rest := pem.Decode(chain)
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if !sameKey(c.PublicKey, key.Public()) || c.Subject.CommonName != "Unione di prova" || !strings.Contains(c.Subject.String(), "2.5.4.97=") {
		t.Errorf("subject %s", c.Subject)
	}
	if issuer, _ := pem.Decode(rest); issuer == nil || !bytes.Equal(issuer.Bytes, f.authorities[RSA].Certificate.Raw) {
		t.Error("the issuer does not follow")
	}
	f.move(2 * year)
	if again := f.call("POST", path, "application/octet-stream", public, http.StatusOK); !bytes.Equal(again, chain) {
		t.Error("another certificate while the first is valid")
	}
	f.move(4 * year)
	if again := f.call("POST", path, "application/octet-stream", public, http.StatusOK); bytes.Equal(again, chain) {
		t.Error("the same certificate after it expired")
	}
	f.call("POST", path, "application/octet-stream", []byte("x"), http.StatusBadRequest)
	f.call("POST", "/control/trust/seal-certificate", "application/octet-stream", public, http.StatusBadRequest)
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

func TestTimestamps(t *testing.T) {
	f := start(t)
	file := func(name string, raw []byte) string {
		path := filepath.Join(f.dir, name)
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	data := file("data", []byte("listino"))
	root := file("root.pem", pemOf(f.authorities[Root].Certificate))
	ca := file("ca.pem", pemOf(f.authorities[Stamps].Certificate))
	for name, c := range map[string]struct {
		args []string
		mode string
		want string
	}{
		"sha256 and certificates": {[]string{"-sha256", "-cert"}, Works, ""},
		"sha512, no nonce":        {[]string{"-sha512", "-cert", "-no_nonce"}, Works, ""},
		"wrong imprint":           {[]string{"-sha256", "-cert"}, wrongPrint, "message imprint mismatch"},
		"wrong nonce":             {[]string{"-sha256", "-cert"}, wrongNonce, "nonce mismatch"},
		"rejected":                {[]string{"-sha256", "-cert"}, rejection, "system failure"},
		"bad algorithm":           {[]string{"-sha1", "-cert"}, Works, "unrecognized or unsupported algorithm"},
		"bad policy":              {[]string{"-sha256", "-cert", "-tspolicy", "1.2.3.4"}, Works, "requested tsa policy is not supported"},
	} {
		t.Run(name, func(t *testing.T) {
			f.t = t
			query := filepath.Join(t.TempDir(), "query")
			if out, err := openssl(t, append([]string{"ts", "-query", "-data", data, "-out", query}, c.args...)...); err != nil {
				t.Fatalf("asking: %v %s", err, out)
			}
			request, err := os.ReadFile(query)
			if err != nil {
				t.Fatal(err)
			}
			f.turn("tsa", c.mode)
			reply := file("reply", f.call("POST", "/trust/tsa", "application/timestamp-query", request, http.StatusOK))
			out, err := openssl(t, "ts", "-verify", "-queryfile", query, "-in", reply, "-CAfile", root, "-untrusted", ca)
			text, _ := openssl(t, "ts", "-reply", "-in", reply, "-text")
			if c.want == "" && err != nil {
				t.Errorf("%s\n%s", out, text)
			}
			if c.want != "" && (err == nil || !strings.Contains(strings.ToLower(out+text), c.want)) {
				t.Errorf("%v; no %q in %s\n%s", err, c.want, out, text)
			}
		})
	}
	f.t = t
	f.turn("tsa", Works)
	f.call("POST", "/trust/tsa", "text/plain", nil, http.StatusUnsupportedMediaType)
	if raw := f.call("POST", "/trust/tsa", "application/timestamp-query", []byte("?"), http.StatusOK); !bytes.Contains(raw, []byte("RFC 3161")) {
		t.Errorf("to nonsense: %x", raw)
	}
}
