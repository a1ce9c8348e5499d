package preservation

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"time"

	"sportello/shared/domain/deadline"
	"sportello/shared/domain/register"
)

// The XML of AgID's Allegato 5. Field order is the order of the elements.

type xmlDigest struct {
	Digest    string `xml:"Impronta"` // base64
	Algorithm string `xml:"Algoritmo"`
}

type xmlDocumentID struct {
	Digest xmlDigest `xml:"ImprontaCrittograficaDelDocumento"`
	Stamp  string    `xml:"Segnatura,omitempty"`
	ID     string    `xml:"Identificativo"`
}

type xmlDocument struct {
	XMLName        xml.Name          `xml:"DocumentoAmministrativoInformatico"`
	ID             xmlDocumentID     `xml:"IdDoc"`
	Formation      string            `xml:"ModalitaDiFormazione"`
	Type           string            `xml:"TipologiaDocumentale"`
	Registration   xmlRegistration   `xml:"DatiDiRegistrazione"`
	Roles          []xmlRole         `xml:"Soggetti>Ruolo"`
	Key            xmlKey            `xml:"ChiaveDescrittiva"`
	Attachments    xmlAttachments    `xml:"Allegati"`
	Classification xmlClassification `xml:"Classificazione"`
	Reserved       bool              `xml:"Riservato"`
	Format         string            `xml:"IdentificativoDelFormato>Formato"`
	Verification   xmlVerification   `xml:"Verifica"`
	Aggregation    xmlAggregationID  `xml:"Agg>TipoAgg"`
	Primary        *xmlDocumentID    `xml:"IdIdentificativoDocumentoPrimario"`
	Name           string            `xml:"NomeDelDocumento"`
	Version        string            `xml:"VersioneDelDocumento"`
	Retention      int               `xml:"TempoDiConservazione"`
}

type xmlKey struct {
	Subject string `xml:"Oggetto"`
}

type xmlRegistration struct {
	Flow     string       `xml:"TipologiaDiFlusso"`
	Protocol *xmlProtocol `xml:"TipoRegistro>ProtocolloOrdinario_ProtocolloEmergenza"`
	None     *xmlNone     `xml:"TipoRegistro>Nessuno"`
}

type xmlProtocol struct {
	Type   string `xml:"TipoRegistro"`
	Date   string `xml:"DataProtocollazioneDocumento"`
	Number string `xml:"NumeroProtocolloDocumento"`
	Code   string `xml:"CodiceRegistro"`
}

type xmlNone struct {
	Type   string `xml:"TipoRegistro"`
	Date   string `xml:"DataDocumento"`
	Time   string `xml:"OraDocumento"`
	Number string `xml:"NumeroDocumento"`
}

// xmlRole is a choice: one of its elements is there.
type xmlRole struct {
	Registrar   *xmlActor `xml:"AmministrazioneCheEffettuaLaRegistrazione"`
	Sender      *xmlActor `xml:"Mittente"`
	Recipient   *xmlActor `xml:"Destinatario"`
	Author      *xmlActor `xml:"Autore"`
	Producer    *xmlActor `xml:"Produttore"`
	Owner       *xmlActor `xml:"AmministrazioneTitolare"`
	HolderPF    *xmlActor `xml:"SoggettoIntestatarioPersonaFisica"`
	HolderPG    *xmlActor `xml:"SoggettoIntestatarioPersonaGiuridica"`
	Responsible *xmlActor `xml:"RUP"`
	Assignee    *xmlActor `xml:"Assegnatario"`
}

type xmlActor struct {
	Role        string         `xml:"TipoRuolo"`
	Person      *xmlPerson     `xml:"PF"`
	Company     *xmlCompany    `xml:"PG"`
	Public      *xmlPublic     `xml:"PAI"`
	Responsible *xmlPerson     `xml:"RUP"`
	Office      *xmlAssignment `xml:"AS"`
	Software    *xmlSoftware   `xml:"SW"`
}

type xmlPerson struct {
	Family  string  `xml:"Cognome"`
	Given   string  `xml:"Nome"`
	TaxCode string  `xml:"CodiceFiscale,omitempty"`
	IPA     *xmlIPA `xml:"IPAAmm"`
	AOO     *xmlIPA `xml:"IPAAOO"`
	Address string  `xml:"IndirizziDigitaliDiRiferimento,omitempty"`
}

type xmlCompany struct {
	Name    string `xml:"DenominazioneOrganizzazione"`
	TaxCode string `xml:"CodiceFiscale_PartitaIva,omitempty"`
	Address string `xml:"IndirizziDigitaliDiRiferimento,omitempty"`
}

type xmlPublic struct {
	IPA     xmlIPA `xml:"IPAAmm"`
	AOO     xmlIPA `xml:"IPAAOO"`
	Address string `xml:"IndirizziDigitaliDiRiferimento,omitempty"`
}

type xmlIPA struct {
	Name string `xml:"Denominazione"`
	Code string `xml:"CodiceIPA"`
}

type xmlAssignment struct {
	Name   string `xml:"DenominazioneOrganizzazione"`
	Office string `xml:"DenominazioneUfficio"`
}

type xmlSoftware struct {
	Name string `xml:"DenominazioneSistema"`
}

type xmlAttachments struct {
	Count int             `xml:"NumeroAllegati"`
	Index []xmlAttachment `xml:"IndiceAllegati"`
}

type xmlAttachment struct {
	ID          xmlDocumentID `xml:"IdDoc"`
	Description string        `xml:"Descrizione"`
}

type xmlClassification struct {
	Index       string `xml:"IndiceDiClassificazione"`
	Description string `xml:"Descrizione"`
	Plan        string `xml:"PianoDiClassificazione,omitempty"`
}

type xmlVerification struct {
	Signed    bool `xml:"FirmatoDigitalmente"`
	Sealed    bool `xml:"SigillatoElettronicamente"`
	Timestamp bool `xml:"MarcaturaTemporale"`
	Copy      bool `xml:"ConformitaCopieImmagineSuSupportoInformatico"`
}

type xmlAggregationID struct {
	Type string `xml:"TipoAggregazione"`
	ID   string `xml:"IdAggregazione"`
}

type xmlCase struct {
	XMLName        xml.Name          `xml:"AggregazioneDocumentaliInformatiche"`
	ID             xmlAggregationID  `xml:"IdAgg"`
	Type           string            `xml:"TipologiaFascicolo,omitempty"`
	Roles          []xmlRole         `xml:"Soggetti>Ruolo"`
	Assignment     xmlOffice         `xml:"Assegnazione"`
	Opened         string            `xml:"DataApertura"`
	Classification xmlClassification `xml:"Classificazione"`
	Key            xmlKey            `xml:"ChiaveDescrittiva"`
	Closed         string            `xml:"DataChiusura"`
	Procedure      *string           `xml:"ProcedimentoAmministrativo>Procedimento"`
	Documents      []xmlDocumentID   `xml:"IndiceDocumenti>IdDoc"`
	Retention      int               `xml:"TempoDiConservazione"`
}

type xmlOffice struct {
	Type  string    `xml:"TipoAssegnazione"`
	Actor *xmlActor `xml:"SoggettoAssegnatario"`
	From  string    `xml:"DataInizioAssegnazione"`
}

// systemName is the software that produced the package, as metadata name it.
const systemName = "Sportello virtuale delle Camere di commercio"

// documentMetadata writes the metadata of the n-th document.
func (c Case) documentMetadata(n int) ([]byte, error) {
	d := c.Documents[n]
	x := xmlDocument{
		ID: d.id(), Formation: kinds[d.Kind].formation, Type: kinds[d.Kind].label,
		Registration: d.registration(), Roles: c.roles(d), Key: xmlKey{d.title(c)},
		Classification: xmlClassification(c.Classification), Reserved: d.Reserved, Format: d.MediaType,
		Verification: xmlVerification{Signed: d.Signed, Sealed: d.Sealed, Timestamp: d.Timestamped},
		Aggregation:  c.aggregation(), Name: d.Name, Version: "1", Retention: c.RetentionYears,
	}
	for _, other := range c.Documents {
		if other.Primary == d.ID {
			x.Attachments.Index = append(x.Attachments.Index, xmlAttachment{other.id(), other.Name})
		}
		if d.Primary == other.ID {
			primary := other.id()
			x.Primary = &primary
		}
	}
	x.Attachments.Count = len(x.Attachments.Index)
	return marshal(x)
}

// caseMetadata writes what the case is.
func (c Case) caseMetadata() ([]byte, error) {
	x := xmlCase{
		ID:    c.aggregation(),
		Roles: []xmlRole{{Owner: &xmlActor{Role: "Amministrazione Titolare", Public: c.Producer.public()}}},
		Assignment: xmlOffice{
			Type:  "Per competenza",
			Actor: &xmlActor{Role: "Assegnatario", Office: &xmlAssignment{c.Producer.Name, c.Producer.Office}},
			From:  register.Date(c.OpenedAt),
		},
		Opened: register.Date(c.OpenedAt), Classification: xmlClassification(c.Classification), Key: xmlKey{c.Subject},
		Closed: register.Date(c.ClosedAt), Retention: c.RetentionYears,
	}
	if !c.Series {
		x.Type, x.Procedure = "Procedimento Amministrativo", &c.Service
	}
	if c.Applicant.Company {
		x.Roles = append(x.Roles, xmlRole{HolderPG: c.Applicant.actor("Soggetto Intestatario Persona Giuridica")})
	} else {
		x.Roles = append(x.Roles, xmlRole{HolderPF: c.Applicant.actor("Soggetto Intestatario Persona Fisica")})
	}
	if c.Responsible != nil {
		rup := c.Responsible.person()
		rup.IPA, rup.AOO = &xmlIPA{c.Producer.Name, c.Producer.IPA}, &xmlIPA{c.Producer.Name, c.Producer.AOO}
		x.Roles = append(x.Roles, xmlRole{Responsible: &xmlActor{Role: "RUP", Responsible: rup}})
	}
	for _, d := range c.Documents {
		x.Documents = append(x.Documents, d.id())
	}
	return marshal(x)
}

// roles tells who sent, received or wrote a document, by the way it went.
func (c Case) roles(d Document) []xmlRole {
	chamber := func(role string) *xmlActor { return &xmlActor{Role: role, Public: c.Producer.public()} }
	var roles []xmlRole
	if d.Protocol != nil {
		roles = append(roles, xmlRole{Registrar: chamber("Amministrazione Che Effettua La Registrazione")})
	}
	switch d.Flow {
	case In:
		roles = append(roles, xmlRole{Sender: c.Applicant.actor("Mittente")}, xmlRole{Recipient: chamber("Destinatario")})
	case Out:
		roles = append(roles, xmlRole{Sender: chamber("Mittente")}, xmlRole{Recipient: c.Applicant.actor("Destinatario")})
	default:
		roles = append(roles, xmlRole{Author: chamber("Autore")})
	}
	if kinds[d.Kind].formation == created || kinds[d.Kind].formation == grouped {
		roles = append(roles, xmlRole{Producer: &xmlActor{Role: "Produttore", Software: &xmlSoftware{systemName}}})
	}
	return roles
}

func (c Case) aggregation() xmlAggregationID {
	if c.Series {
		return xmlAggregationID{"Serie Documentale", c.Application}
	}
	return xmlAggregationID{"Fascicolo", c.Application}
}

func (a Administration) public() *xmlPublic {
	return &xmlPublic{IPA: xmlIPA{a.Name, a.IPA}, AOO: xmlIPA{a.Name, a.AOO}, Address: a.PEC}
}

func (s Subject) actor(role string) *xmlActor {
	if s.Company {
		return &xmlActor{Role: role, Company: &xmlCompany{s.full(), s.TaxCode, s.Address}}
	}
	return &xmlActor{Role: role, Person: s.person()}
}

// person splits a name where it is known how; else the whole name stands as family name, and a dash as given name, because both
// elements are compulsory.
func (s Subject) person() *xmlPerson {
	p := &xmlPerson{Family: s.Family, Given: s.Given, TaxCode: s.TaxCode, Address: s.Address}
	if p.Family == "" {
		p.Family = s.full()
	}
	if p.Given == "" {
		p.Given = "-"
	}
	return p
}

func (d Document) id() xmlDocumentID {
	id := xmlDocumentID{Digest: xmlDigest{d.base64(), "SHA-256"}, ID: d.ID}
	if d.Protocol != nil {
		id.Stamp = d.Protocol.Text()
	}
	return id
}

func (d Document) base64() string {
	raw, err := hex.DecodeString(d.SHA256)
	if err != nil {
		return "" // check has passed: 64 hex digits
	}
	return base64.StdEncoding.EncodeToString(raw)
}

func (d Document) registration() xmlRegistration {
	if d.Protocol != nil {
		return xmlRegistration{Flow: string(d.Flow), Protocol: &xmlProtocol{
			Type: `ProtocolloOrdinario\ProtocolloEmergenza`, Date: d.Protocol.Date, Number: d.Protocol.Number, Code: d.Protocol.Code,
		}}
	}
	at := d.At.In(deadline.Rome())
	return xmlRegistration{Flow: string(d.Flow), None: &xmlNone{"Nessuno", at.Format(time.DateOnly), at.Format(time.TimeOnly), d.ID}}
}

// title is the document's subject, or the case's with the kind before it.
func (d Document) title(c Case) string {
	if d.Subject != "" {
		return d.Subject
	}
	return kinds[d.Kind].label + " - " + c.Subject
}

func marshal(v any) ([]byte, error) {
	var out bytes.Buffer
	out.WriteString(xml.Header)
	encoder := xml.NewEncoder(&out)
	encoder.Indent("", "  ")
	if err := encoder.Encode(v); err != nil {
		return nil, fmt.Errorf("encoding metadata: %w", err)
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}
