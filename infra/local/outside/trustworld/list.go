package trustworld

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
)

const (
	operatorName = "Organismo di vigilanza di prova"
	namespace    = "http://uri.etsi.org/02231/v2#"
	typeQC       = "http://uri.etsi.org/TrstSvc/Svctype/CA/QC"
	typeStamp    = "http://uri.etsi.org/TrstSvc/Svctype/TSA/QTST"
	granted      = "http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/granted"
	withdrawn    = "http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/withdrawn"
	forServices  = "http://uri.etsi.org/TrstSvc/TrustedList/SvcInfoExt/"
)

// withdrawal is how long before the first list the ceased authority lost its status.
const withdrawal = 100 * 24 * time.Hour

// TrustList is the list as it is served: one a day, with a number that grows by one. It leaves out
// the XAdES properties that TS 119 612 asks of the signature: the certificate is in KeyInfo.
func (t *Trust) TrustList() ([]byte, error) {
	mode := t.switches.Mode("list")
	issued := t.Clock.Now().Truncate(24 * time.Hour)
	next := issued.Add(180 * 24 * time.Hour)
	if mode == listExpired {
		issued = issued.Add(-210 * 24 * time.Hour)
		next = issued.Add(180 * 24 * time.Hour)
	}
	root := t.listElement(issued, next)
	signed, err := t.signElement(root)
	if err != nil {
		return nil, fmt.Errorf("signing the trust list: %w", err)
	}
	doc := etree.NewDocument()
	doc.CreateProcInst("xml", `version="1.0" encoding="UTF-8"`)
	doc.SetRoot(signed)
	raw, err := doc.WriteToBytes()
	if mode == tampered {
		raw = bytes.Replace(raw, []byte(withdrawn), []byte(granted), 1)
	}
	return raw, err
}

// signElement adds an enveloped signature: RSA-SHA256 over exclusive canonical XML, by Id.
func (t *Trust) signElement(root *etree.Element) (*etree.Element, error) {
	key, ok := t.operator.Key.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("the operator's key is not RSA")
	}
	ctx := dsig.NewDefaultSigningContext(keyPair{key, t.operator.Certificate})
	ctx.IdAttribute = "Id"
	ctx.Canonicalizer = dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("")
	if err := ctx.SetSignatureMethod(dsig.RSASHA256SignatureMethod); err != nil {
		return nil, err
	}
	return ctx.SignEnveloped(root)
}

type keyPair struct {
	key         *rsa.PrivateKey
	certificate *x509.Certificate
}

var _ dsig.X509KeyStore = keyPair{}

// GetKeyPair is what the signing library asks for.
func (k keyPair) GetKeyPair() (*rsa.PrivateKey, []byte, error) { return k.key, k.certificate.Raw, nil }

func add(e *etree.Element, tag, text string) *etree.Element {
	child := e.CreateElement(tag)
	child.SetText(text)
	return child
}

func addIn(e *etree.Element, tag, lang, text string) {
	add(e, tag, text).CreateAttr("xml:lang", lang)
}

// named adds <tag><Name>text</Name></tag>, in Italian and, as the standard wants, in English.
func named(e *etree.Element, tag, text string) {
	in := e.CreateElement(tag)
	addIn(in, "Name", "en", text)
	addIn(in, "Name", "it", text)
}

func (t *Trust) listElement(issued, next time.Time) *etree.Element {
	root := etree.NewElement("TrustServiceStatusList")
	root.CreateAttr("xmlns", namespace)
	root.CreateAttr("Id", "elenco")
	root.CreateAttr("TSLTag", "http://uri.etsi.org/19612/TSLTag")
	t.addScheme(root.CreateElement("SchemeInformation"), issued, next)
	providers := root.CreateElement("TrustServiceProviderList")
	since := t.started.Add(backdate - withdrawal)
	services := addProvider(providers, t.authorities[RSA].definition)
	for _, name := range []string{RSA, ECDSA} {
		s := t.authorities[name]
		info := addService(services, typeQC, s, granted, s.Certificate.NotBefore)
		extend(info, s, "ForeSignatures", "ForeSeals")
	}
	stamps := t.authorities[Stamps]
	addService(services, typeStamp, stamps, granted, stamps.Certificate.NotBefore)
	old := t.authorities[Withdrawn]
	services = addProvider(providers, old.definition)
	info := addService(services, typeQC, old, withdrawn, since)
	extend(info, old, "ForeSignatures")
	history := info.Parent().CreateElement("ServiceHistory").CreateElement("ServiceHistoryInstance")
	fillService(history, typeQC, old, granted, old.Certificate.NotBefore, false)
	return root
}

func (t *Trust) addScheme(e *etree.Element, issued, next time.Time) {
	add(e, "TSLVersionIdentifier", "6")
	// The time from the world's beginning in days: it grows when the list does.
	add(e, "TSLSequenceNumber", strconv.Itoa(int(issued.Sub(t.started)/(24*time.Hour))+1))
	add(e, "TSLType", "http://uri.etsi.org/TrstSvc/TrustedList/TSLType/EUgeneric")
	named(e, "SchemeOperatorName", operatorName)
	addAddress(e.CreateElement("SchemeOperatorAddress"))
	named(e, "SchemeName", "IT:Elenco di fiducia di prova: nessun valore legale")
	addIn(e.CreateElement("SchemeInformationURI"), "URI", "it", t.Base+"/fiducia")
	add(e, "StatusDeterminationApproach", "http://uri.etsi.org/TrstSvc/TrustedList/StatusDetn/EUappropriate")
	rules := e.CreateElement("SchemeTypeCommunityRules")
	addIn(rules, "URI", "en", "http://uri.etsi.org/TrstSvc/TrustedList/schemerules/EUcommon")
	addIn(rules, "URI", "it", "http://uri.etsi.org/TrstSvc/TrustedList/schemerules/IT")
	add(e, "SchemeTerritory", "IT")
	addIn(e.CreateElement("PolicyOrLegalNotice"), "TSLLegalNotice", "it", "Elenco inventato, per le sole prove.")
	add(e, "HistoricalInformationPeriod", "65535")
	add(e, "ListIssueDateTime", xmlTime(issued))
	add(e.CreateElement("NextUpdate"), "dateTime", xmlTime(next))
}

func xmlTime(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05Z") }

func addAddress(e *etree.Element) {
	postal := e.CreateElement("PostalAddresses").CreateElement("PostalAddress")
	postal.CreateAttr("xml:lang", "it")
	add(postal, "StreetAddress", "Via delle Prove 1")
	add(postal, "Locality", "Roma")
	add(postal, "PostalCode", "00100")
	add(postal, "CountryName", "IT")
	addIn(e.CreateElement("ElectronicAddress"), "URI", "it", "mailto:fiducia@example.it")
}

// addProvider returns the element of its services.
func addProvider(list *etree.Element, d definition) *etree.Element {
	provider := list.CreateElement("TrustServiceProvider")
	info := provider.CreateElement("TSPInformation")
	named(info, "TSPName", d.Organization)
	named(info, "TSPTradeName", d.VAT)
	addAddress(info.CreateElement("TSPAddress"))
	addIn(info.CreateElement("TSPInformationURI"), "URI", "it", "http://example.it/")
	return provider.CreateElement("TSPServices")
}

func addService(services *etree.Element, kind string, a *Authority, status string, since time.Time) *etree.Element {
	info := services.CreateElement("TSPService").CreateElement("ServiceInformation")
	fillService(info, kind, a, status, since, true)
	return info
}

// fillService writes what a service and an item of its history share; only the first shows the
// certificate (TS 119 612, 5.6.3).
func fillService(e *etree.Element, kind string, a *Authority, status string, since time.Time, certificate bool) {
	add(e, "ServiceTypeIdentifier", kind)
	named(e, "ServiceName", a.CommonName)
	identity := e.CreateElement("ServiceDigitalIdentity")
	if certificate {
		add(identity.CreateElement("DigitalId"), "X509Certificate", base64.StdEncoding.EncodeToString(a.Certificate.Raw))
	}
	add(identity.CreateElement("DigitalId"), "X509SubjectName", a.Certificate.Subject.String())
	add(identity.CreateElement("DigitalId"), "X509SKI", base64.StdEncoding.EncodeToString(a.Certificate.SubjectKeyId))
	add(e, "ServiceStatus", status)
	add(e, "StatusStartingTime", xmlTime(since))
}

// extend says what a CA/QC service issues certificates for, and since when it goes on telling the
// revocation of certificates that have expired (TS 119 612, 5.5.9.4 and 5.5.9.1).
func extend(info *etree.Element, a *Authority, purposes ...string) {
	list := info.CreateElement("ServiceInformationExtensions")
	for _, p := range purposes {
		e := list.CreateElement("Extension")
		e.CreateAttr("Critical", "true")
		addIn(e.CreateElement("AdditionalServiceInformation"), "URI", "en", forServices+p)
	}
	e := list.CreateElement("Extension")
	e.CreateAttr("Critical", "false")
	add(e, "ExpiredCertsRevocationInfo", xmlTime(a.Certificate.NotBefore))
}
