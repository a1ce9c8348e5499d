package audit_test

import (
	"archive/zip"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"time"

	"github.com/smallstep/pkcs7"
)

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func base64Digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// identity signs, under an authority.
type identity struct {
	authority   []byte // PEM
	root        *x509.Certificate
	certificate *x509.Certificate
	key         any
}

type trust struct{ preservation, mail, stranger, seals, stamps identity }

// theTrust is made once: keys are slow to make.
var theTrust = sync.OnceValue(func() trust {
	// The preservation provider signs with RSA, as the simulated one does; the mail provider with ECDSA.
	rootKey, key := must(rsa.GenerateKey(rand.Reader, 2048)), must(rsa.GenerateKey(rand.Reader, 2048))
	return trust{
		preservation: issue("Conservatore di prova", rootKey, &rootKey.PublicKey, key, &key.PublicKey),
		mail:         elliptical("Gestore di prova"),
		stranger:     elliptical("Nessuno"),
		seals:        issue("Sigillo di prova", rootKey, &rootKey.PublicKey, key, &key.PublicKey),
		stamps:       issue("Marche di prova", rootKey, &rootKey.PublicKey, key, &key.PublicKey, stamping),
	}
})

func elliptical(name string) identity {
	root, key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)), must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	return issue(name, root, &root.PublicKey, key, &key.PublicKey)
}

// stamping makes a certificate one for timestamps alone.
func stamping(c *x509.Certificate) {
	value := must(asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}}))
	c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: value}}
}

func issue(name string, rootKey, rootPublic, key, public any, change ...func(*x509.Certificate)) identity {
	made := func(n int64, cn string, ca bool) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(n), Subject: pkix.Name{CommonName: cn}, NotBefore: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC),
			NotAfter: time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC), IsCA: ca, BasicConstraintsValid: true,
			KeyUsage: map[bool]x509.KeyUsage{true: x509.KeyUsageCertSign, false: x509.KeyUsageDigitalSignature}[ca],
		}
	}
	top := made(1, name+" CA", true)
	rootDER := must(x509.CreateCertificate(rand.Reader, top, top, rootPublic, rootKey))
	root := must(x509.ParseCertificate(rootDER))
	leaf := made(2, name, false)
	for _, do := range change {
		do(leaf)
	}
	leafDER := must(x509.CreateCertificate(rand.Reader, leaf, root, public, rootKey))
	return identity{
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: rootDER}), root, must(x509.ParseCertificate(leafDER)), key,
	}
}

// sign makes a CMS object, with its content or without.
func (i identity) sign(content []byte, detached bool, unsigned ...pkcs7.Attribute) []byte {
	s := must(pkcs7.NewSignedData(content))
	s.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	if err := s.AddSignerChain(i.certificate, i.key, []*x509.Certificate{i.root}, pkcs7.SignerInfoConfig{ExtraUnsignedAttributes: unsigned}); err != nil {
		panic(err)
	}
	if detached {
		s.Detach()
	}
	return must(s.Finish())
}

// named signs as CAdES and RFC 5816 ask: with the signer's certificate among what is signed.
func (i identity) named(content []byte, kind asn1.ObjectIdentifier, version int, detached bool) []byte {
	s := must(pkcs7.NewSignedData(content))
	s.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	s.GetSignedData().ContentInfo.ContentType, s.GetSignedData().Version = kind, version
	sum := sha256.Sum256(i.certificate.Raw)
	type id struct{ Hash []byte }
	type ids struct{ IDs []id }
	config := pkcs7.SignerInfoConfig{ExtraSignedAttributes: []pkcs7.Attribute{
		{Type: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}, Value: ids{[]id{{sum[:]}}}},
	}}
	if err := s.AddSignerChain(i.certificate, i.key, []*x509.Certificate{i.root}, config); err != nil {
		panic(err)
	}
	if detached {
		s.Detach()
	}
	return must(s.Finish())
}

// stamp is a token over content.
func (i identity) stamp(content []byte, at time.Time) []byte {
	type algorithm struct {
		Type asn1.ObjectIdentifier
		Null asn1.RawValue
	}
	type imprint struct {
		Algorithm algorithm
		Digest    []byte
	}
	sum := sha256.Sum256(content)
	info := must(asn1.Marshal(struct {
		Version int
		Policy  asn1.ObjectIdentifier
		Imprint imprint
		Serial  int
		Time    time.Time `asn1:"generalized"`
	}{1, asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 1}, imprint{algorithm{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}, asn1.NullRawValue}, sum[:]}, 7, at.UTC()}))
	return i.named(info, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}, 3, false)
}

// ---- certified mail ----

// message is a message as we send it.
func message(application, mail string) string {
	return "Date: Mon, 28 Dec 2026 10:00:00 +0000\r\nFrom: Camera <protocollo@milano.pec.example.it>\r\nTo: giulia@pec.example.it\r\n" +
		"Message-ID: <" + application + "." + mail + "@sportello.example.it>\r\nSubject: Istanza registrata\r\nMIME-Version: 1.0\r\n" +
		"Content-Type: text/plain; charset=utf-8\r\n\r\nGentile utente,\r\nl'istanza ha un numero.\r\n"
}

// certified is a receipt or an envelope as a provider makes it.
func certified(by identity, headers, kind, reference, original string) string {
	data := `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<postacert tipo="` + kind + `" errore="nessuno"><intestazione>` +
		`<mittente>protocollo@milano.pec.example.it</mittente></intestazione><dati><identificativo>x</identificativo><msgid>&lt;` + reference +
		`&gt;</msgid><ricevuta tipo="completa"/></dati></postacert>`
	part := func(kind, name, body string) string {
		return "--dentro\r\nContent-Type: " + kind + "; name=\"" + name + "\"\r\nContent-Disposition: inline; filename=\"" + name +
			"\"\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.StdEncoding.EncodeToString([]byte(body)) + "\r\n"
	}
	inner := "Content-Type: multipart/mixed; boundary=\"dentro\"\r\n\r\n--dentro\r\nContent-Type: text/plain\r\n\r\nRicevuta.\r\n" +
		part("application/xml", "daticert.xml", data)
	if original != "" {
		inner += part("message/rfc822", "postacert.eml", "Received: dal gestore\r\n"+original)
	}
	inner += "--dentro--\r\n"
	return "Date: Mon, 28 Dec 2026 11:00:05 +0100\r\n" + headers + "Message-ID: <ric." + digest(inner)[:12] + "@pec.example.it>\r\n" +
		"MIME-Version: 1.0\r\nContent-Type: multipart/signed; protocol=\"application/x-pkcs7-signature\"; micalg=sha-256; boundary=\"fuori\"\r\n\r\n" +
		"--fuori\r\n" + inner + "\r\n--fuori\r\nContent-Type: application/x-pkcs7-signature; name=\"smime.p7s\"\r\n" +
		"Content-Transfer-Encoding: base64\r\n\r\n" + base64.StdEncoding.EncodeToString(by.sign([]byte(inner), true)) + "\r\n--fuori--\r\n"
}

// ---- preservation ----

// packed is a document of a package.
type packed struct {
	id, name, body    string
	kind, flow, stamp string
}

const (
	kindMail    = "Messaggio di posta elettronica certificata"
	kindReceipt = "Ricevuta di posta elettronica certificata"
)

func docID(d packed) string {
	stamp := ""
	if d.stamp != "" {
		stamp = "<Segnatura>" + d.stamp + "</Segnatura>"
	}
	return "<IdDoc><ImprontaCrittograficaDelDocumento><Impronta>" + base64Digest(d.body) + "</Impronta><Algoritmo>SHA-256</Algoritmo>" +
		"</ImprontaCrittograficaDelDocumento>" + stamp + "<Identificativo>" + d.id + "</Identificativo></IdDoc>"
}

func metadata(application string, d packed) string {
	registration := "<Nessuno><NumeroDocumento>" + d.id + "</NumeroDocumento></Nessuno>"
	if p := strings.Split(d.stamp, "|"); len(p) == 5 {
		registration = "<ProtocolloOrdinario_ProtocolloEmergenza><DataProtocollazioneDocumento>" + p[4] + "</DataProtocollazioneDocumento>" +
			"<NumeroProtocolloDocumento>" + p[3] + "</NumeroProtocolloDocumento><CodiceRegistro>" + p[2] + "</CodiceRegistro></ProtocolloOrdinario_ProtocolloEmergenza>"
	}
	return "<DocumentoAmministrativoInformatico>" + docID(d) + "<TipologiaDocumentale>" + d.kind + "</TipologiaDocumentale><DatiDiRegistrazione>" +
		"<TipologiaDiFlusso>" + d.flow + "</TipologiaDiFlusso><TipoRegistro>" + registration + "</TipoRegistro></DatiDiRegistrazione>" +
		"<Allegati><NumeroAllegati>0</NumeroAllegati></Allegati><Agg><TipoAgg><TipoAggregazione>Fascicolo</TipoAggregazione><IdAggregazione>" +
		application + "</IdAggregazione></TipoAgg></Agg></DocumentoAmministrativoInformatico>"
}

// contents are the files of a package, by name; changed makes a file differ after the metadata were written, before the index is.
func contents(application string, documents []packed, changed func(map[string]string)) map[string]string {
	files := map[string]string{}
	list := ""
	for n, d := range documents {
		files[docPath(n, d)] = d.body
		files[fmt.Sprintf("metadati/%04d.xml", n+1)] = metadata(application, d)
		list += docID(d)
	}
	files["fascicolo.xml"] = "<AggregazioneDocumentaliInformatiche><IdAgg><TipoAggregazione>Fascicolo</TipoAggregazione><IdAggregazione>" + application +
		"</IdAggregazione></IdAgg><IndiceDocumenti>" + list + "</IndiceDocumenti></AggregazioneDocumentaliInformatiche>"
	if changed != nil {
		changed(files)
	}
	files["PIndex.xml"] = index(documents, files)
	return files
}

func docPath(n int, d packed) string { return fmt.Sprintf("documenti/%04d-%s", n+1, d.name) }

func index(documents []packed, files map[string]string) string {
	hash := func(path string) string {
		return "<s:Path>" + path + `</s:Path><s:Hash s:canonicalXML="false" s:hashFunction="SHA-256">` + base64Digest(files[path]) + "</s:Hash>"
	}
	more := func(path string) string {
		return `<s:MoreInfo s:xmlSchema="urn:x"><s:ExternalMetadata s:format="application/xml"><s:ID s:scheme="local">m</s:ID>` + hash(path) + "</s:ExternalMetadata></s:MoreInfo>"
	}
	list := ""
	for n, d := range documents {
		list += `<s:File s:format="application/octet-stream"><s:ID s:scheme="local">` + d.id + "</s:ID>" + hash(docPath(n, d)) + more(fmt.Sprintf("metadati/%04d.xml", n+1)) + "</s:File>"
	}
	return `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<s:PIndex xmlns:s="http://www.uni.com/U3011/sincro-v2/" s:sincroVersion="2.0"><s:PVolume><s:ID s:scheme="local">pdv</s:ID>` +
		more("fascicolo.xml") + `</s:PVolume><s:FileGroup><s:ID s:scheme="local">g</s:ID>` + list + `</s:FileGroup><s:Process><s:TimeReference>` +
		`<s:TimeInfo s:attachedTimeStamp="false">2026-12-31T09:00:00Z</s:TimeInfo></s:TimeReference></s:Process></s:PIndex>` + "\n"
}

func zipped(files map[string]string) []byte {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, name := range sorted(files) {
		w := must(z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store, Modified: time.Date(2026, 12, 31, 9, 0, 0, 0, time.UTC)}))
		must(w.Write([]byte(files[name])))
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return out.Bytes()
}

// rapporto is the provider's signed receipt.
func rapporto(by identity, application string, zip []byte, unsigned ...pkcs7.Attribute) []byte {
	return by.sign(fmt.Appendf(nil, `<?xml version="1.0" encoding="UTF-8"?>`+"\n"+`<RapportoVersamento xmlns="urn:prova"><IdRapporto>r</IdRapporto><IdPacchetto>%s</IdPacchetto>`+
		`<DataOra>2026-12-31T10:00:00.000Z</DataOra><Esito>POSITIVO</Esito><Dimensione>%d</Dimensione><Impronta algoritmo="SHA-256" codifica="base64">%s</Impronta></RapportoVersamento>`+"\n",
		application, len(zip), base64Digest(string(zip))), false, unsigned...)
}
