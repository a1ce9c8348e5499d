// Package trustlist reads a trusted list (Reg. (EU) 910/2014 art. 22) as its operator publishes it: XML after ETSI TS 119 612, signed with
// an enveloped XML signature. The operator's certificates are known beforehand (for member states, the European list of lists and the
// Official Journal name them); a list signed by anyone else is no list.
//
// It runs out of band, where an XML library may cost its start.
package trustlist

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"

	"sportello/shared/platform/signing/trust"
)

// Why a list is not taken.
var (
	ErrMalformed = errors.New("trusted list malformed")
	ErrSignature = errors.New("trusted list not signed by its operator")
)

// MaxSize bounds a list; the largest of a member state has about 12 MB.
const MaxSize = 24 << 20

// ParseOperators reads the PEM certificates of those who may sign the list. None is an error.
func ParseOperators(bundle []byte) ([]*x509.Certificate, error) {
	var all []*x509.Certificate
	for block, rest := pem.Decode(bundle); block != nil; block, rest = pem.Decode(rest) {
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil || block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("reading trusted list operators: certificate %d: %w", len(all)+1, errors.Join(err, ErrMalformed))
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, errors.New("reading trusted list operators: none found")
	}
	return all, nil
}

// Parse verifies a list's signature and reads it. A list whose next edition is overdue is read all the same: who relies on it asks Fresh.
func Parse(document []byte, operators []*x509.Certificate, now time.Time) (*trust.List, error) {
	if len(document) > MaxSize {
		return nil, fmt.Errorf("reading trusted list: %w: larger than %d bytes", ErrMalformed, MaxSize)
	}
	signed, err := verified(document, operators, now)
	if err != nil {
		return nil, fmt.Errorf("reading trusted list: %w", err)
	}
	var l statusList
	if err := xml.Unmarshal(signed, &l); err != nil {
		return nil, fmt.Errorf("reading trusted list: %w", ErrMalformed)
	}
	list, err := l.list()
	if err != nil {
		return nil, fmt.Errorf("reading trusted list: %w", err)
	}
	return trust.New(*list), nil
}

// outdated are the algorithms that the XML library still knows and nobody should.
var outdated = []string{"http://www.w3.org/2000/09/xmldsig#sha1", "http://www.w3.org/2000/09/xmldsig#rsa-sha1", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1",
	"http://www.w3.org/2000/09/xmldsig#dsa-sha1"}

// verified returns the bytes that the signature is over, and no others: what is read is what was signed. The library has met hostile XML
// badly before: a panic is malformed input.
func verified(document []byte, operators []*x509.Certificate, now time.Time) (signed []byte, err error) {
	defer func() {
		if recover() != nil {
			signed, err = nil, ErrMalformed
		}
	}()
	doc := etree.NewDocument()
	if err := doc.ReadFromBytes(document); err != nil || doc.Root() == nil || doc.Root().Tag != "TrustServiceStatusList" {
		return nil, ErrMalformed
	}
	for _, e := range doc.Root().FindElements("./Signature/SignedInfo//*") {
		if slices.Contains(outdated, e.SelectAttrValue("Algorithm", "")) {
			return nil, ErrSignature
		}
	}
	check := dsig.NewDefaultValidationContext(&dsig.MemoryX509CertificateStore{Roots: operators})
	check.IdAttribute = "Id"
	check.Clock = dsig.NewFakeClockAt(now)
	root, err := check.Validate(doc.Root())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	out := etree.NewDocument()
	out.SetRoot(root)
	return out.WriteToBytes()
}

// statusList is what is read of TrustServiceStatusList.
type statusList struct {
	XMLName xml.Name `xml:"http://uri.etsi.org/02231/v2# TrustServiceStatusList"`
	Scheme  struct {
		Sequence   int       `xml:"TSLSequenceNumber"`
		Territory  string    `xml:"SchemeTerritory"`
		IssuedAt   time.Time `xml:"ListIssueDateTime"`
		NextUpdate string    `xml:"NextUpdate>dateTime"`
	} `xml:"SchemeInformation"`
	Providers []struct {
		Names    []string  `xml:"TSPInformation>TSPName>Name"`
		Services []service `xml:"TSPServices>TSPService"`
	} `xml:"TrustServiceProviderList>TrustServiceProvider"`
}

type service struct {
	Now     state   `xml:"ServiceInformation"`
	History []state `xml:"ServiceHistory>ServiceHistoryInstance"`
}

type state struct {
	Type         string    `xml:"ServiceTypeIdentifier"`
	Names        []string  `xml:"ServiceName>Name"`
	Certificates []string  `xml:"ServiceDigitalIdentity>DigitalId>X509Certificate"`
	Status       string    `xml:"ServiceStatus"`
	From         time.Time `xml:"StatusStartingTime"`
	Purposes     []string  `xml:"ServiceInformationExtensions>Extension>AdditionalServiceInformation>URI"`
	KeepsExpired string    `xml:"ServiceInformationExtensions>Extension>ExpiredCertsRevocationInfo"`
}

func (l *statusList) list() (*trust.List, error) {
	s := l.Scheme
	if s.Territory == "" || s.IssuedAt.IsZero() || s.Sequence <= 0 {
		return nil, ErrMalformed
	}
	list := &trust.List{Territory: s.Territory, Sequence: s.Sequence, IssuedAt: s.IssuedAt.UTC()}
	if s.NextUpdate != "" { // a closed list has none, and is not relied on
		next, err := time.Parse(time.RFC3339, strings.TrimSpace(s.NextUpdate))
		if err != nil {
			return nil, ErrMalformed
		}
		list.NextUpdate = next.UTC()
	}
	for _, p := range l.Providers {
		for _, one := range p.Services {
			made, err := one.service(first(p.Names))
			if err != nil {
				return nil, err
			}
			if made.IsIssuer() || made.IsTimestamping() {
				list.Services = append(list.Services, made)
			}
		}
	}
	if len(list.Services) == 0 {
		return nil, ErrMalformed
	}
	return list, nil
}

func (s service) service(provider string) (trust.Service, error) {
	made := trust.Service{Provider: provider, Name: first(s.Now.Names), Type: strings.TrimSpace(s.Now.Type)}
	for _, st := range append([]state{s.Now}, s.History...) {
		// A service may have had another kind before: what it was then says nothing of what it is.
		if strings.TrimSpace(st.Type) != made.Type {
			continue
		}
		if st.Status == "" || st.From.IsZero() {
			return made, ErrMalformed
		}
		made.Statuses = append(made.Statuses, trust.Status{URI: strings.TrimSpace(st.Status), From: st.From.UTC(), Signatures: st.signatures()})
		for _, text := range st.Certificates {
			der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
			if err != nil {
				return made, ErrMalformed
			}
			if !slices.ContainsFunc(made.Certificates, func(c []byte) bool { return string(c) == string(der) }) {
				made.Certificates = append(made.Certificates, der)
			}
		}
	}
	slices.SortStableFunc(made.Statuses, func(a, b trust.Status) int { return b.From.Compare(a.From) })
	if since, err := time.Parse(time.RFC3339, strings.TrimSpace(s.Now.KeepsExpired)); err == nil {
		made.KeepsExpired = since.UTC()
	}
	return made, nil
}

const purposePrefix = "http://uri.etsi.org/TrstSvc/TrustedList/SvcInfoExt/"

// signatures tells whether an issuer's certificates are for signatures; nil if the list does not say for what (before Reg. (EU) 910/2014).
func (s state) signatures() *bool {
	said, yes := false, false
	for _, p := range s.Purposes {
		switch strings.TrimSpace(p) {
		case purposePrefix + "ForeSignatures":
			said, yes = true, true
		case purposePrefix + "ForeSeals", purposePrefix + "ForWebSiteAuthentication":
			said = true
		}
	}
	if !said {
		return nil
	}
	return &yes
}

func first(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return strings.TrimSpace(names[0])
}
