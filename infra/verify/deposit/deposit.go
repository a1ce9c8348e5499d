// Package deposit reads what was handed to long-term preservation: a case's package, its index (UNI 11386, SInCRO) and metadata (AgID,
// Allegato 5), and the provider's receipt (rapporto di versamento).
package deposit

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"sportello/infra/verify/finding"
)

// Index is the name of the package's index.
const Index = "PIndex.xml"

// Package is a package that agrees with its index.
type Package struct {
	// Application is the case, as the case's own metadata name it.
	Application string
	// Closed is the instant the case was closed, to the second.
	Closed time.Time
	// Names are the names of all files.
	Names []string
	Files []File

	contents map[string][]byte
}

// Body is a file's bytes.
func (p *Package) Body(path string) []byte { return p.contents[path] }

// File is one document of the case.
type File struct {
	ID     string
	Path   string
	SHA256 string // hex
	// Type is the kind of document as the metadata name it; Flow E, U or I.
	Type, Flow string
	// Stamp is its segnatura, or "".
	Stamp string
}

// Holds tells whether the package has a document of that digest.
func (p *Package) Holds(digest string) bool {
	for _, f := range p.Files {
		if f.SHA256 == digest {
			return true
		}
	}
	return false
}

// reading is a package while it is read.
type reading struct {
	contents map[string][]byte
	listed   map[string]bool
	pack     Package
}

// Open reads a package and holds every file to the index, and the index to the metadata.
func Open(data []byte) (*Package, error) {
	r := &reading{contents: map[string][]byte{}, listed: map[string]bool{Index: true}}
	if err := r.unzip(data); err != nil {
		return nil, err
	}
	text, ok := r.contents[Index]
	if !ok {
		return nil, finding.New("", "il pacchetto non ha l'indice %s", Index)
	}
	var x index
	if err := readXML(text, &x); err != nil {
		return nil, finding.New(Index, "l'indice non è leggibile")
	}
	if err := r.documents(x); err != nil {
		return nil, err
	}
	for _, name := range r.pack.Names {
		if !r.listed[name] {
			return nil, finding.New(name, "è nel pacchetto e non nell'indice")
		}
	}
	r.pack.contents = r.contents
	return &r.pack, nil
}

// unzip reads all files, which stand in the zip as they are.
func (r *reading) unzip(data []byte) error {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return finding.New("", "il pacchetto non è uno zip leggibile")
	}
	for _, f := range z.File {
		switch _, twice := r.contents[f.Name]; {
		case twice:
			return finding.New(f.Name, "è nel pacchetto due volte")
		case f.Name != path.Clean(f.Name), strings.HasPrefix(f.Name, "/"), strings.HasPrefix(f.Name, ".."), strings.Contains(f.Name, `\`):
			return finding.New("", "un file del pacchetto ha un nome che non è del pacchetto")
		case f.Method != zip.Store, f.CompressedSize64 != f.UncompressedSize64, f.UncompressedSize64 > uint64(len(data)):
			return finding.New(f.Name, "è compresso: i file del pacchetto stanno come sono")
		}
		body, err := whole(f)
		if errors.Is(err, zip.ErrChecksum) {
			return finding.New(f.Name, "non corrisponde alla somma di controllo dello zip")
		}
		if err != nil {
			return finding.New(f.Name, "non è leggibile")
		}
		r.contents[f.Name] = body
		r.pack.Names = append(r.pack.Names, f.Name)
	}
	return nil
}

func whole(f *zip.File) ([]byte, error) {
	in, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return io.ReadAll(in)
}

// ---- index ----

const sincro = "http://www.uni.com/U3011/sincro-v2/ "

type index struct {
	XMLName xml.Name
	Volume  struct {
		External []external `xml:"MoreInfo>ExternalMetadata"`
	} `xml:"PVolume"`
	Files []indexed `xml:"FileGroup>File"`
	Time  string    `xml:"Process>TimeReference>TimeInfo"`
}

type indexed struct {
	ID       []string   `xml:"ID"`
	Path     []string   `xml:"Path"`
	Hash     []hash     `xml:"Hash"`
	External []external `xml:"MoreInfo>ExternalMetadata"`
}

type external struct {
	Path []string `xml:"Path"`
	Hash []hash   `xml:"Hash"`
}

type hash struct {
	Function string `xml:"hashFunction,attr"`
	Value    string `xml:",chardata"`
}

func readXML(data []byte, into any) error {
	decoder := xml.NewDecoder(bytes.NewReader(data))
	decoder.Strict = true
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("decoding XML: %w", err)
	}
	for {
		token, err := decoder.Token()
		if err == io.EOF {
			return nil
		}
		text, blank := token.(xml.CharData)
		if err != nil || !blank || len(bytes.TrimSpace(text)) > 0 {
			return errors.New("decoding XML: something follows")
		}
	}
}

// documents walks the index.
func (r *reading) documents(x index) error {
	if x.XMLName.Space+" "+x.XMLName.Local != sincro+"PIndex" || len(x.Files) == 0 || len(x.Volume.External) != 1 {
		return finding.New(Index, "non è un indice SInCRO di una pratica")
	}
	closed, err := time.Parse(time.RFC3339, x.Time)
	if err != nil {
		return finding.New(Index, "non dice quando la pratica è stata chiusa")
	}
	r.pack.Closed = closed
	about := x.Volume.External[0]
	_, caseText, err := r.held(about.Path, about.Hash)
	if err != nil {
		return err
	}
	var c caseMetadata
	if err := readXML(caseText, &c); err != nil || c.ID == "" {
		return finding.New(about.Path[0], "i metadati del fascicolo non sono leggibili")
	}
	r.pack.Application = c.ID
	metadata := make([]documentMetadata, len(x.Files))
	for n, f := range x.Files {
		if metadata[n], err = r.document(f); err != nil {
			return err
		}
	}
	return r.agree(c, metadata)
}

// held returns a listed file, once it has the digest that is listed.
func (r *reading) held(paths []string, hashes []hash) (digest string, body []byte, err error) {
	if len(paths) != 1 || len(hashes) != 1 || hashes[0].Function != "SHA-256" {
		return "", nil, finding.New(Index, "un file dell'indice non ha un percorso e un'impronta SHA-256")
	}
	name := paths[0]
	body, there := r.contents[name]
	switch {
	case !there:
		return "", nil, finding.New(name, "è nell'indice e non nel pacchetto")
	case r.listed[name]:
		return "", nil, finding.New(name, "è nell'indice due volte")
	}
	r.listed[name] = true
	sum := sha256.Sum256(body)
	if hashes[0].Value != base64.StdEncoding.EncodeToString(sum[:]) {
		return "", nil, finding.New(name, "non ha l'impronta che dice l'indice")
	}
	return hex.EncodeToString(sum[:]), body, nil
}

// document holds one document and its metadata to the index and to each other.
func (r *reading) document(f indexed) (documentMetadata, error) {
	var m documentMetadata
	if len(f.ID) != 1 || f.ID[0] == "" || len(f.External) != 1 {
		return m, finding.New(Index, "un documento dell'indice non ha identificativo o metadati")
	}
	digest, _, err := r.held(f.Path, f.Hash)
	if err != nil {
		return m, err
	}
	_, text, err := r.held(f.External[0].Path, f.External[0].Hash)
	if err != nil {
		return m, err
	}
	about := f.External[0].Path[0]
	if err := readXML(text, &m); err != nil {
		return m, finding.New(about, "i metadati non sono leggibili")
	}
	switch {
	case m.ID.ID != f.ID[0], m.ID.digest() != digest:
		return m, finding.New(about, "i metadati sono di un altro documento")
	case m.Case != r.pack.Application:
		return m, finding.New(about, "i metadati sono di un'altra pratica")
	case !m.stamped():
		return m, finding.New(about, "segnatura e dati di registrazione non si corrispondono")
	}
	r.pack.Files = append(r.pack.Files, File{
		ID: m.ID.ID, Path: f.Path[0], SHA256: digest, Type: m.Type, Flow: m.Flow, Stamp: m.ID.Stamp,
	})
	return m, nil
}

// ---- metadata ----

type documentID struct {
	Digest    string `xml:"ImprontaCrittograficaDelDocumento>Impronta"`
	Algorithm string `xml:"ImprontaCrittograficaDelDocumento>Algoritmo"`
	Stamp     string `xml:"Segnatura"`
	ID        string `xml:"Identificativo"`
}

// digest is the SHA-256 in hex, or "".
func (d documentID) digest() string {
	raw, err := base64.StdEncoding.DecodeString(d.Digest)
	if err != nil || d.Algorithm != "SHA-256" || len(raw) != sha256.Size {
		return ""
	}
	return hex.EncodeToString(raw)
}

type documentMetadata struct {
	ID       documentID `xml:"IdDoc"`
	Type     string     `xml:"TipologiaDocumentale"`
	Flow     string     `xml:"DatiDiRegistrazione>TipologiaDiFlusso"`
	Protocol []struct {
		Date   string `xml:"DataProtocollazioneDocumento"`
		Number string `xml:"NumeroProtocolloDocumento"`
		Code   string `xml:"CodiceRegistro"`
	} `xml:"DatiDiRegistrazione>TipoRegistro>ProtocolloOrdinario_ProtocolloEmergenza"`
	Attachments struct {
		Count int          `xml:"NumeroAllegati"`
		Index []documentID `xml:"IndiceAllegati>IdDoc"`
	} `xml:"Allegati"`
	Primary *documentID `xml:"IdIdentificativoDocumentoPrimario"`
	Case    string      `xml:"Agg>TipoAgg>IdAggregazione"`
}

// stamped tells whether segnatura (ipa|AOO|register|number|date) and registration data say the same.
func (m documentMetadata) stamped() bool {
	if m.ID.Stamp == "" {
		return len(m.Protocol) == 0
	}
	parts := strings.Split(m.ID.Stamp, "|")
	return len(parts) == 5 && len(m.Protocol) == 1 &&
		parts[2] == m.Protocol[0].Code && parts[3] == m.Protocol[0].Number && parts[4] == m.Protocol[0].Date
}

type caseMetadata struct {
	ID        string       `xml:"IdAgg>IdAggregazione"`
	Documents []documentID `xml:"IndiceDocumenti>IdDoc"`
}

// agree holds the case's metadata and those of the documents to each other: same documents, same digests, same segnatura.
func (r *reading) agree(c caseMetadata, metadata []documentMetadata) error {
	known := map[string]documentID{}
	for _, m := range metadata {
		if _, twice := known[m.ID.ID]; twice {
			return finding.New(Index, "due documenti hanno lo stesso identificativo")
		}
		known[m.ID.ID] = m.ID
	}
	for _, d := range c.Documents {
		if known[d.ID] != d {
			return finding.New("fascicolo.xml", "elenca un documento che il pacchetto non ha, o con un'altra impronta")
		}
	}
	if len(c.Documents) != len(metadata) {
		return finding.New("fascicolo.xml", "non elenca tutti i documenti del pacchetto")
	}
	for n, m := range metadata {
		others := m.Attachments.Index
		if m.Primary != nil {
			others = append(others[:len(others):len(others)], *m.Primary)
		}
		for _, other := range others {
			if known[other.ID] != other {
				return finding.New(r.pack.Files[n].Path, "i metadati nominano un allegato o un documento primario che il pacchetto non ha")
			}
		}
		if m.Attachments.Count != len(m.Attachments.Index) {
			return finding.New(r.pack.Files[n].Path, "il numero degli allegati non è quello dell'elenco")
		}
	}
	return nil
}
