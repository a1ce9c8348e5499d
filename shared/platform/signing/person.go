package signing

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"slices"
	"strings"

	"sportello/shared/domain/signature"
)

var (
	oidGivenName = asn1.ObjectIdentifier{2, 5, 4, 42}
	oidSurname   = asn1.ObjectIdentifier{2, 5, 4, 4}

	oidQCStatements = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 3}
)

// The statements of ETSI EN 319 412-5.
const (
	qcCompliance = "0.4.0.1862.1.1"
	qcDevice     = "0.4.0.1862.1.4"
	qcType       = "0.4.0.1862.1.6"
	qcTypeSign   = "0.4.0.1862.1.6.1"
)

// describe fills in whose certificate it is (ETSI EN 319 412-2: a natural person's serialNumber is TINIT- and the tax code; older Italian
// certificates have IT: instead).
func describe(s *signature.Signer, c *x509.Certificate) {
	s.Name = nameOf(c.Subject)
	s.Issuer = first(c.Issuer.Organization, c.Issuer.CommonName)
	s.Serial = fmt.Sprintf("%x", c.SerialNumber)
	s.NotBefore, s.NotAfter = c.NotBefore.UTC(), c.NotAfter.UTC()
	s.Country = first(c.Subject.Country, "")
	number := strings.ToUpper(strings.TrimSpace(c.Subject.SerialNumber))
	switch {
	case len(number) > 6 && strings.HasPrefix(number, "TIN") && number[5] == '-':
		s.Country, s.TaxCode = number[3:5], number[6:]
	case strings.HasPrefix(number, "IT:"):
		s.Country, s.TaxCode = "IT", number[3:]
	}
	s.Name, s.Issuer, s.TaxCode, s.Country, s.Serial = plain(s.Name), plain(s.Issuer), plain(s.TaxCode), plain(s.Country), plain(s.Serial)
}

func nameOf(n pkix.Name) string {
	given, surname := attribute(n, oidGivenName), attribute(n, oidSurname)
	if given != "" && surname != "" {
		return given + " " + surname
	}
	return first([]string{n.CommonName}, first(n.Organization, ""))
}

func attribute(n pkix.Name, oid asn1.ObjectIdentifier) string {
	for _, a := range n.Names {
		if text, ok := a.Value.(string); ok && a.Type.Equal(oid) {
			return text
		}
	}
	return ""
}

func first(some []string, otherwise string) string {
	if len(some) > 0 && some[0] != "" {
		return some[0]
	}
	return otherwise
}

// plain is a name fit for a sentence: on one line, not too long, nothing that turns the writing around.
func plain(s string) string {
	s = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f || r >= 0x80 && r <= 0x9f || r >= 0x200b && r <= 0x200f || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0xfeff {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))), " ")
	if runes := []rune(s); len(runes) > 120 {
		s = string(runes[:120]) + "…"
	}
	return s
}

// statements are the qualified-certificate statements: their names, and the types that the certificate is for.
func statements(c *x509.Certificate) (names, types []string) {
	for _, e := range c.Extensions {
		if !e.Id.Equal(oidQCStatements) {
			continue
		}
		var all []struct {
			ID   asn1.ObjectIdentifier
			Info asn1.RawValue `asn1:"optional"`
		}
		if _, err := asn1.Unmarshal(e.Value, &all); err != nil {
			return nil, nil
		}
		for _, one := range all {
			names = append(names, one.ID.String())
			var kinds []asn1.ObjectIdentifier
			if one.ID.String() != qcType {
				continue
			}
			if _, err := asn1.Unmarshal(one.Info.FullBytes, &kinds); err == nil {
				for _, k := range kinds {
					types = append(types, k.String())
				}
			}
		}
	}
	return names, types
}

// qualified tells whether the certificate says to be a qualified one for signatures. Certificates from before QcType do not name what for.
func qualified(c *x509.Certificate) bool {
	names, types := statements(c)
	return slices.Contains(names, qcCompliance) && (len(types) == 0 || slices.Contains(types, qcTypeSign))
}

// device tells whether the certificate says that its key is in a qualified device.
func device(c *x509.Certificate) bool {
	names, _ := statements(c)
	return slices.Contains(names, qcDevice)
}

// signs tells whether the key is one for documents. Italian qualified certificates have nonRepudiation alone; an authentication
// certificate of the same person has digitalSignature, and clicking through a login with it must never be a signature.
func signs(c *x509.Certificate) bool { return c.KeyUsage&x509.KeyUsageContentCommitment != 0 }

var oidExtKeyUsage = asn1.ObjectIdentifier{2, 5, 29, 37}

// stamps tells whether the key is for timestamps and nothing else, and says so critically (RFC 3161 2.3).
func stamps(c *x509.Certificate) bool {
	if len(c.ExtKeyUsage) != 1 || c.ExtKeyUsage[0] != x509.ExtKeyUsageTimeStamping || len(c.UnknownExtKeyUsage) > 0 {
		return false
	}
	return slices.ContainsFunc(c.Extensions, func(e pkix.Extension) bool { return e.Critical && e.Id.Equal(oidExtKeyUsage) })
}

// members are the states with trusted lists of their own (Union and European Economic Area).
const members = "AT BE BG CY CZ DE DK EE EL ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK"

// foreign tells whether a certificate says to be a qualified one of another member state, which its list would have to confirm.
func foreign(c *x509.Certificate, territory string) bool {
	country := first(c.Issuer.Country, territory)
	return country != territory && slices.Contains(strings.Fields(members), country) && qualified(c)
}
