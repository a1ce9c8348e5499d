package preservation

import (
	"archive/zip"
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"time"

	"github.com/smallstep/pkcs7"
)

// namespace of the report: each provider has its own format, the law fixes only what it must say
// (unique identifier, UTC time, digests of the whole package).
const namespace = "urn:conservatore-di-prova:rapporto-di-versamento:1"

type reportXML struct {
	XMLName   xml.Name  `xml:"RapportoVersamento"`
	Namespace string    `xml:"xmlns,attr"`
	ID        string    `xml:"IdRapporto"`
	Provider  string    `xml:"Conservatore"`
	Package   string    `xml:"IdPacchetto"`
	Received  string    `xml:"DataOraRicezione"`
	Time      string    `xml:"DataOra"`
	Outcome   string    `xml:"Esito"`
	Size      int64     `xml:"Dimensione"`
	Digest    digestXML `xml:"Impronta"`
	Files     []string  `xml:"Contenuto>File"`
}

type digestXML struct {
	Algorithm string `xml:"algoritmo,attr"`
	Encoding  string `xml:"codifica,attr"`
	Value     string `xml:",chardata"`
}

// signedReport is the report as CMS SignedData with its content inside (.p7m).
func (p *Provider) signedReport(k Package, r Report) ([]byte, error) {
	digest, err := hex.DecodeString(k.SHA256)
	if err != nil {
		return nil, fmt.Errorf("reading the digest: %w", err)
	}
	text, err := xml.MarshalIndent(reportXML{
		Namespace: namespace, ID: r.ID, Provider: p.Name, Package: k.ID, Received: utc(k.ReceivedAt), Time: utc(r.At),
		Outcome: "POSITIVO", Size: k.Size, Files: k.Entries,
		Digest: digestXML{"SHA-256", "base64", base64.StdEncoding.EncodeToString(digest)},
	}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encoding: %w", err)
	}
	signed, err := pkcs7.NewSignedData(append([]byte(xml.Header), append(text, '\n')...))
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	signed.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	err = signed.AddSignerChain(p.Signer.Certificate, p.Signer.Key, []*x509.Certificate{p.Authority.Certificate}, pkcs7.SignerInfoConfig{})
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	return signed.Finish()
}

func utc(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// entries lists the files of a zip; what is not a zip has none.
func entries(raw []byte) []string {
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return nil
	}
	names := make([]string, 0, len(z.File))
	for _, f := range z.File {
		names = append(names, f.Name)
	}
	return names
}
