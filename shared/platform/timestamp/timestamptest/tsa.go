// Package timestamptest is a time-stamping authority for tests.
package timestamptest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/notaryproject/tspclient-go"
	"github.com/notaryproject/tspclient-go/pki"
	"github.com/smallstep/pkcs7"
)

// TSA stamps what it is sent; its fields change how.
type TSA struct {
	Roots []byte // PEM
	// Status is what it answers; Fail the failure info's bit, 0 for none. Down makes it answer 503.
	Status pki.Status
	Fail   int
	Down   bool
	// Bend changes what will be signed, Skew the time.
	Bend func(*tspclient.TSTInfo)
	Skew time.Duration

	t      testing.TB
	signer *x509.Certificate
}

var key = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// Kind is what the signer's certificate is good for.
type Kind int

// The kinds: a TSA's, one whose purpose is not critical, and one for something else.
const (
	Good Kind = iota
	NotCritical
	OtherPurpose
)

// New makes a TSA whose certificate is of a kind.
func New(t testing.TB, kind Kind) *TSA {
	t.Helper()
	a := &TSA{t: t}
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Radice di prova " + rand.Text()}, NotBefore: time.Now().AddDate(-1, 0, 0),
		NotAfter: time.Now().AddDate(10, 0, 0), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	root = a.issue(root, root)
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "Marca temporale di prova"}, NotBefore: time.Now().AddDate(0, -1, 0),
		NotAfter: time.Now().AddDate(5, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	purpose := asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 8}
	if kind == OtherPurpose {
		purpose = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 4}
	}
	value, err := asn1.Marshal([]asn1.ObjectIdentifier{purpose})
	a.must(err)
	leaf.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: kind != NotCritical, Value: value}}
	a.signer = a.issue(leaf, root)
	a.Roots = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Raw})
	return a
}

func (a *TSA) must(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}

func (a *TSA) issue(template, parent *x509.Certificate) *x509.Certificate {
	k, err := key()
	a.must(err)
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &k.PublicKey, k)
	a.must(err)
	c, err := x509.ParseCertificate(der)
	a.must(err)
	return c
}

// ServeHTTP answers as RFC 3161, 3.4 says.
func (a *TSA) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var request tspclient.Request
	if _, bad := asn1.Unmarshal(body, &request); a.Down || err != nil || bad != nil || r.Header.Get("Content-Type") != "application/timestamp-query" {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	response := tspclient.Response{Status: pki.StatusInfo{Status: a.Status}}
	if a.Fail > 0 {
		bits := asn1.BitString{Bytes: make([]byte, 4), BitLength: 32}
		bits.Bytes[a.Fail/8] |= 0x80 >> (a.Fail % 8)
		response.Status.FailInfo = bits
	}
	if a.Status == pki.StatusGranted {
		response.TimestampToken = asn1.RawValue{FullBytes: a.token(request.MessageImprint, request.Nonce, time.Now().Add(a.Skew))}
	}
	out, err := asn1.Marshal(response)
	a.must(err)
	w.Header().Set("Content-Type", "application/timestamp-reply")
	_, _ = w.Write(out)
}

// Token stamps content at an instant.
func (a *TSA) Token(content []byte, at time.Time) []byte {
	sum := sha256.Sum256(content)
	request, err := tspclient.NewRequest(tspclient.RequestOptions{Content: content, HashAlgorithm: crypto.SHA256})
	a.must(err)
	imprint := request.MessageImprint
	imprint.HashedMessage = sum[:]
	return a.token(imprint, nil, at)
}

func (a *TSA) token(imprint tspclient.MessageImprint, nonce *big.Int, at time.Time) []byte {
	info := tspclient.TSTInfo{
		Version: 1, Policy: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 1}, MessageImprint: imprint, SerialNumber: big.NewInt(7),
		GenTime: at.UTC().Truncate(time.Second), Accuracy: tspclient.Accuracy{Seconds: 1}, Nonce: nonce,
	}
	if a.Bend != nil {
		a.Bend(&info)
	}
	content, err := asn1.Marshal(info)
	a.must(err)
	signed, err := pkcs7.NewSignedData(content)
	a.must(err)
	signed.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	signed.GetSignedData().ContentInfo.ContentType = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}
	signed.GetSignedData().Version = 3
	digest := sha256.Sum256(a.signer.Raw)
	type certID struct{ Hash []byte }
	type certificates struct{ Certs []certID }
	k, err := key()
	a.must(err)
	a.must(signed.AddSigner(a.signer, k, pkcs7.SignerInfoConfig{ExtraSignedAttributes: []pkcs7.Attribute{{
		Type: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}, Value: certificates{[]certID{{digest[:]}}},
	}}}))
	token, err := signed.Finish()
	a.must(err)
	return token
}
