package trustlist_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"

	"sportello/shared/platform/signing/trust"
	"sportello/shared/platform/signing/trustlist"
)

var now = time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)

type operator struct {
	key         *rsa.PrivateKey
	certificate *x509.Certificate
}

func (o operator) GetKeyPair() (*rsa.PrivateKey, []byte, error) { return o.key, o.certificate.Raw, nil }

var key = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

func newOperator(t testing.TB, name string, serial int64) operator {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key().Public(), key())
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return operator{key(), c}
}

const prefix = "http://uri.etsi.org/TrstSvc/"

// source is a list with one issuer that was withdrawn, one for seals only, a timestamp authority and a service of no interest.
func source(certificate string) string {
	info := func(kind, status, from, more string) string {
		return fmt.Sprintf(`<ServiceTypeIdentifier>%sSvctype/%s</ServiceTypeIdentifier><ServiceName><Name xml:lang="it">Servizio %s</Name></ServiceName>
<ServiceDigitalIdentity><DigitalId><X509Certificate>%s</X509Certificate></DigitalId><DigitalId><X509SubjectName>CN=x</X509SubjectName></DigitalId></ServiceDigitalIdentity>
<ServiceStatus>%sTrustedList/Svcstatus/%s</ServiceStatus><StatusStartingTime>%s</StatusStartingTime>%s`, prefix, kind, kind, certificate, prefix, status, from, more)
	}
	service := func(body, history string) string {
		return "<TSPService><ServiceInformation>" + body + "</ServiceInformation>" + history + "</TSPService>"
	}
	extension := func(purpose string) string {
		return `<ServiceInformationExtensions><Extension Critical="true"><a:AdditionalServiceInformation xmlns:a="http://uri.etsi.org/02231/v2#"><URI xml:lang="en">` + prefix +
			"TrustedList/SvcInfoExt/" + purpose + "</URI></a:AdditionalServiceInformation></Extension></ServiceInformationExtensions>"
	}
	history := "<ServiceHistory><ServiceHistoryInstance>" + info("CA/QC", "granted", "2020-01-01T00:00:00Z", extension("ForeSignatures")) + "</ServiceHistoryInstance></ServiceHistory>"
	return `<TrustServiceStatusList xmlns="http://uri.etsi.org/02231/v2#" Id="TSL" TSLTag="http://uri.etsi.org/19612/TSLTag"><SchemeInformation><TSLVersionIdentifier>5</TSLVersionIdentifier>
<TSLSequenceNumber>12</TSLSequenceNumber><SchemeTerritory>IT</SchemeTerritory><ListIssueDateTime>2026-11-01T00:00:00Z</ListIssueDateTime><NextUpdate><dateTime>2027-01-01T00:00:00Z</dateTime></NextUpdate></SchemeInformation>
<TrustServiceProviderList><TrustServiceProvider><TSPInformation><TSPName><Name xml:lang="it">Prestatore &amp; Figli</Name></TSPName></TSPInformation><TSPServices>` +
		service(info("CA/QC", "withdrawn", "2026-05-01T00:00:00Z", extension("ForeSignatures")), history) +
		service(info("CA/QC", "granted", "2020-01-01T00:00:00Z", extension("ForeSeals")), "") +
		service(info("TSA/QTST", "granted", "2020-01-01T00:00:00Z", ""), "") +
		service(info("EDS/Q", "granted", "2020-01-01T00:00:00Z", ""), "") +
		`</TSPServices></TrustServiceProvider></TrustServiceProviderList></TrustServiceStatusList>`
}

func sign(t testing.TB, text string, o operator, hash crypto.Hash) []byte {
	t.Helper()
	doc := etree.NewDocument()
	if err := doc.ReadFromString(text); err != nil {
		t.Fatal(err)
	}
	s := dsig.NewDefaultSigningContext(o)
	s.IdAttribute, s.Hash, s.Canonicalizer = "Id", hash, dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("")
	signed, err := s.SignEnveloped(doc.Root())
	if err != nil {
		t.Fatal(err)
	}
	doc.SetRoot(signed)
	out, err := doc.WriteToBytes()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestParse(t *testing.T) {
	o := newOperator(t, "Operatore", 1)
	operators := []*x509.Certificate{newOperator(t, "Altro", 2).certificate, o.certificate}
	l, err := trustlist.Parse(sign(t, source(base64.StdEncoding.EncodeToString(o.certificate.Raw)), o, crypto.SHA256), operators, now)
	if err != nil {
		t.Fatal(err)
	}
	if l.Sequence != 12 || l.Territory != "IT" || len(l.Services) != 3 || l.Services[0].Provider != "Prestatore & Figli" || !l.Fresh(now) || l.Fresh(now.AddDate(0, 3, 0)) {
		t.Fatalf("%+v", l)
	}
	withdrawn, seals, stamps := &l.Services[0], &l.Services[1], &l.Services[2]
	for name, c := range map[string]struct {
		got, want bool
	}{
		"granted before":       {withdrawn.Granted(time.Date(2026, 4, 30, 0, 0, 0, 0, time.UTC)), true},
		"withdrawn on the day": {withdrawn.Granted(time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)), false},
		"not there yet":        {withdrawn.Granted(time.Date(2019, 1, 1, 0, 0, 0, 0, time.UTC)), false},
		"for seals":            {seals.Granted(now), false},
		"timestamps":           {stamps.Granted(now), true},
	} {
		if c.got != c.want {
			t.Errorf("%s: %v", name, c.got)
		}
	}
	compact, err := l.Compact()
	if err != nil {
		t.Fatal(err)
	}
	again, err := trust.ParseCompact(compact)
	if err != nil || again.Sequence != 12 || len(again.Index().Services(o.certificate)) != 3 {
		t.Errorf("compact form: %v, %+v", err, again)
	}
}

func TestRefused(t *testing.T) {
	o, stranger := newOperator(t, "Operatore", 1), newOperator(t, "Estraneo", 3)
	operators := []*x509.Certificate{o.certificate}
	text := source(base64.StdEncoding.EncodeToString(o.certificate.Raw))
	good := sign(t, text, o, crypto.SHA256)
	for name, c := range map[string]struct {
		document []byte
		at       time.Time
		want     error
	}{
		"another signer":   {sign(t, text, stranger, crypto.SHA256), now, trustlist.ErrSignature},
		"SHA-1":            {sign(t, text, o, crypto.SHA1), now, trustlist.ErrSignature},
		"not signed":       {[]byte(text), now, trustlist.ErrSignature},
		"a status changed": {bytes.Replace(good, []byte("Svcstatus/withdrawn"), []byte("Svcstatus/granted"), 1), now, trustlist.ErrSignature},
		"operator expired": {good, now.AddDate(2, 0, 0), trustlist.ErrSignature},
		"not a list":       {[]byte("<a/>"), now, trustlist.ErrMalformed},
		"not XML":          {[]byte("%PDF-1.7"), now, trustlist.ErrMalformed},
		"empty":            {nil, now, trustlist.ErrMalformed},
		"a signed list inside another": {[]byte(strings.Replace(text, "</TrustServiceStatusList>", string(good)+"</TrustServiceStatusList>", 1)), now,
			trustlist.ErrSignature},
		"no services": {sign(t, strings.ReplaceAll(text, "Svctype/", "Svctype/No/"), o, crypto.SHA256), now, trustlist.ErrMalformed},
		"no date":     {sign(t, strings.ReplaceAll(text, "2026-05-01T00:00:00Z", "tomorrow"), o, crypto.SHA256), now, trustlist.ErrMalformed},
	} {
		if l, err := trustlist.Parse(c.document, operators, c.at); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, %v", name, l, err)
		}
	}
}

func TestParseOperators(t *testing.T) {
	o := newOperator(t, "Operatore", 1)
	good := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: o.certificate.Raw})
	if all, err := trustlist.ParseOperators(append(good, good...)); err != nil || len(all) != 2 {
		t.Errorf("%v, %v", all, err)
	}
	for _, bad := range []string{"", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"} {
		if _, err := trustlist.ParseOperators([]byte(bad)); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func FuzzParse(f *testing.F) {
	o := newOperator(f, "Operatore", 1)
	operators := []*x509.Certificate{o.certificate}
	text := source(base64.StdEncoding.EncodeToString(o.certificate.Raw))
	good := sign(f, text, o, crypto.SHA256)
	want, err := trustlist.Parse(good, operators, now)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(text))
	f.Add([]byte(`<TrustServiceStatusList xmlns="http://uri.etsi.org/02231/v2#"/>`))
	f.Fuzz(func(t *testing.T, document []byte) {
		l, err := trustlist.Parse(document, operators, now)
		if err == nil && (l.Sequence != want.Sequence || len(l.Services) != len(want.Services)) {
			t.Fatal("a list that the operator did not sign is taken")
		}
	})
}
