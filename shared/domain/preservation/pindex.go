package preservation

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"time"
)

// The XML of UNI 11386:2020. Its schema wants every attribute qualified, so all names carry their prefix.

const (
	sincroNamespace = "http://www.uni.com/U3011/sincro-v2/"
	sincroSchema    = sincroNamespace + "PIndex.xsd"
	// metadataSchema names the shape of the metadata files. Allegato 5 is a table in a guideline; the address of an official
	// schema is not known, so this is a name of our own.
	metadataSchema = "urn:sportello:agid-allegato-5:2021"
	// packageFormat is the version of what this package writes, not of the software: a new release must not change a package.
	packageFormat = "1"
)

type sincroIndex struct {
	XMLName   xml.Name    `xml:"sincro:PIndex"`
	Namespace string      `xml:"xmlns:sincro,attr"`
	Language  string      `xml:"sincro:language,attr"`
	URI       string      `xml:"sincro:uri,attr"`
	Version   string      `xml:"sincro:sincroVersion,attr"`
	Self      sincroSelf  `xml:"sincro:SelfDescription"`
	Volume    sincroVol   `xml:"sincro:PVolume"`
	Group     sincroGroup `xml:"sincro:FileGroup"`
	Process   sincroProc  `xml:"sincro:Process"`
}

type sincroID struct {
	Scheme string `xml:"sincro:scheme,attr"`
	Value  string `xml:",chardata"`
}

type sincroSelf struct {
	ID       sincroID `xml:"sincro:ID"`
	Name     string   `xml:"sincro:CreatingApplication>sincro:Name"`
	Version  string   `xml:"sincro:CreatingApplication>sincro:Version"`
	Producer string   `xml:"sincro:CreatingApplication>sincro:Producer"`
}

type sincroVol struct {
	ID          sincroID    `xml:"sincro:ID"`
	Label       string      `xml:"sincro:Label"`
	Description string      `xml:"sincro:Description"`
	More        *sincroMore `xml:"sincro:MoreInfo"`
}

type sincroMore struct {
	Schema   string         `xml:"sincro:xmlSchema,attr"`
	External sincroExternal `xml:"sincro:ExternalMetadata"`
}

type sincroExternal struct {
	Encoding  string     `xml:"sincro:encoding,attr"`
	Extension string     `xml:"sincro:extension,attr"`
	Format    string     `xml:"sincro:format,attr"`
	ID        sincroID   `xml:"sincro:ID"`
	Path      string     `xml:"sincro:Path"`
	Hash      sincroHash `xml:"sincro:Hash"`
}

type sincroHash struct {
	Canonical bool   `xml:"sincro:canonicalXML,attr"`
	Function  string `xml:"sincro:hashFunction,attr"`
	Value     string `xml:",chardata"` // base64
}

type sincroGroup struct {
	ID    sincroID     `xml:"sincro:ID"`
	Label string       `xml:"sincro:Label"`
	Files []sincroFile `xml:"sincro:File"`
}

type sincroFile struct {
	Encoding  string      `xml:"sincro:encoding,attr"`
	Extension string      `xml:"sincro:extension,attr,omitempty"`
	Format    string      `xml:"sincro:format,attr"`
	ID        sincroID    `xml:"sincro:ID"`
	Path      string      `xml:"sincro:Path"`
	Hash      sincroHash  `xml:"sincro:Hash"`
	More      *sincroMore `xml:"sincro:MoreInfo"`
}

type sincroProc struct {
	Submitter sincroAgent `xml:"sincro:Submitter"`
	Holder    sincroAgent `xml:"sincro:Holder"`
	Signer    sincroAgent `xml:"sincro:AuthorizedSigner"`
	Time      sincroTime  `xml:"sincro:TimeReference>sincro:TimeInfo"`
	Law       string      `xml:"sincro:LawsAndRegulations"`
}

type sincroAgent struct {
	Type       string         `xml:"sincro:agentType,attr"`
	HolderRole string         `xml:"sincro:holderRole,attr,omitempty"`
	SignerRole string         `xml:"sincro:signerRole,attr,omitempty"`
	ID         string         `xml:"sincro:AgentID,omitempty"`
	Name       sincroFullName `xml:"sincro:AgentName"`
	Document   string         `xml:"sincro:RelevantDocument"`
}

type sincroFullName struct {
	Person *sincroPerson `xml:"sincro:NameAndSurname"`
	Formal string        `xml:"sincro:FormalName,omitempty"`
}

type sincroPerson struct {
	Given  string `xml:"sincro:FirstName"`
	Family string `xml:"sincro:LastName"`
}

type sincroTime struct {
	Attached bool   `xml:"sincro:attachedTimeStamp,attr"`
	Value    string `xml:",chardata"`
}

// index writes PIndex.xml: the digests of all documents and of all metadata. metadata holds one file for each document.
func (c Case) index(caseFile []byte, metadata [][]byte) ([]byte, error) {
	x := sincroIndex{
		Namespace: sincroNamespace, Language: "it", URI: sincroSchema, Version: "2.0",
		Self: sincroSelf{ID: local("pindex-" + c.ID), Name: systemName, Version: packageFormat, Producer: systemName},
		Volume: sincroVol{
			ID: local(c.ID), Label: c.Subject, Description: c.description(),
			More: external("fascicolo", caseName, caseFile),
		},
		Group: sincroGroup{ID: local("documenti"), Label: c.group()},
		Process: sincroProc{
			Submitter: c.Producer.agent("Manuale di conservazione"),
			Holder:    c.Producer.agent("Manuale di gestione documentale"),
			Signer:    c.signer(),
			Time:      sincroTime{false, c.ClosedAt.UTC().Format(time.RFC3339)},
			Law:       "AgID, Linee guida sulla formazione, gestione e conservazione dei documenti informatici (Determinazione 371/2021)",
		},
	}
	x.Process.Holder.HolderRole = "soggetto produttore"
	for n, d := range c.Documents {
		x.Group.Files = append(x.Group.Files, sincroFile{
			Encoding: "binary", Extension: extension(d.Name), Format: d.MediaType,
			ID: local(d.ID), Path: d.path(n), Hash: sincroHash{false, "SHA-256", d.base64()},
			More: external(fmt.Sprintf("metadati-%d", n+1), metadataPath(n), metadata[n]),
		})
	}
	body, err := marshal(x)
	if err != nil {
		return nil, fmt.Errorf("writing %s: %w", indexName, err)
	}
	return body, nil
}

func (c Case) description() string {
	if c.Series {
		return c.Service + " - " + c.Application
	}
	return c.Service + " - pratica " + c.Application
}

func (c Case) group() string {
	if c.Series {
		return "Documenti del registro giornaliero"
	}
	return "Documenti della pratica"
}

func local(id string) sincroID { return sincroID{"local", id} }

func external(id, path string, body []byte) *sincroMore {
	sum := sha256.Sum256(body)
	return &sincroMore{metadataSchema, sincroExternal{
		Encoding: "8bit", Extension: "xml", Format: "application/xml", ID: local(id), Path: path,
		Hash: sincroHash{false, "SHA-256", base64.StdEncoding.EncodeToString(sum[:])},
	}}
}

func (a Administration) agent(document string) sincroAgent {
	return sincroAgent{Type: "legal person", ID: agentID(a.TaxCode), Name: sincroFullName{Formal: a.Name}, Document: document}
}

// signer is the person who seals, or the administration when its seal is not a person's.
func (c Case) signer() sincroAgent {
	const document = "Nomina del responsabile della conservazione"
	agent := c.Producer.agent(document)
	if s := c.Signer; s != nil {
		person := s.person()
		agent = sincroAgent{Type: "natural person", ID: agentID(s.TaxCode), Document: document,
			Name: sincroFullName{Person: &sincroPerson{person.Given, person.Family}}}
		if s.Company {
			agent.Type, agent.Name = "legal person", sincroFullName{Formal: s.full()}
		}
	}
	agent.SignerRole = "PreservationManager"
	return agent
}

// agentID writes a tax code as SInCRO wants it: eleven digits are a VAT number's, sixteen characters a person's.
func agentID(taxCode string) string {
	switch {
	case !codeShape.MatchString(taxCode):
		return ""
	case len(taxCode) == 11:
		return "VATIT-" + taxCode
	}
	return "TINIT-" + taxCode
}
