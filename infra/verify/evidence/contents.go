package evidence

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"sportello/infra/verify/book"
	"sportello/infra/verify/finding"
	"sportello/infra/verify/letter"
	"sportello/infra/verify/signature"
)

// presented is what is read of the application as it was presented.
type presented struct {
	Format      string `json:"format"`
	Application string `json:"application"`
	Chamber     string `json:"chamber"`
	Service     string `json:"service"`
	Attachments []struct {
		Field     string `json:"field"`
		Name      string `json:"name"`
		Size      int64  `json:"size"`
		SHA256    string `json:"sha256"`
		MediaType string `json:"mediaType"`
	} `json:"attachments"`
}

// snapshot: what was presented is what was registered, and its files are those that are listed.
func (c *checking) snapshot() error {
	const name = "istanza.json"
	body, err := c.file(name, "application")
	if err != nil {
		return err
	}
	var entry *proven
	for _, p := range c.records {
		if p.Checked.Entry != nil && p.Checked.Entry.Kind == book.Application {
			entry = p
		}
	}
	switch {
	case entry == nil:
		return finding.At(manifestName, "register", "manca la registrazione dell'istanza")
	case entry.Document != book.Digest(body):
		return finding.At(name, "", "non ha l'impronta che fu registrata al protocollo: è cambiata")
	}
	c.present, _ = book.ParseInstant(entry.Checked.Entry.PresentedAt)
	var p presented
	if err := json.Unmarshal(body, &p); err != nil || p.Application != c.Application || p.Chamber != c.Chamber || p.Service != c.Service {
		return finding.At(name, "", "è l'istanza di un'altra pratica")
	}
	filed := 0
	for _, a := range c.Attachments {
		if a.Filed == entry.Event {
			filed++
		}
	}
	for _, a := range p.Attachments {
		if !slices.ContainsFunc(c.Attachments, func(b attachment) bool {
			return b.Filed == entry.Event && b.Role == a.Field && b.Name == a.Name && b.Size == a.Size && b.SHA256 == a.SHA256 && b.MediaType == a.MediaType
		}) {
			return finding.At(manifestName, "attachments", "non elenca un allegato dell'istanza come fu presentato")
		}
	}
	if filed != len(p.Attachments) {
		return finding.At(manifestName, "attachments", "elenca un allegato che l'istanza non ha")
	}
	c.holds("istanza: presentata il %s, impronta %s… registrata al n. %s del %s, con %d allegati", entry.Checked.Entry.PresentedAt, entry.Document[:16], entry.record.Number, entry.Date, filed)
	return nil
}

// attached: every attachment was registered with what it was filed with, and the report is about that very file.
func (c *checking) attached() error {
	for _, a := range c.Attachments {
		if p := c.records[a.Filed]; p != nil && p.Checked.Entry != nil {
			if !p.Checked.Entry.Holds(a.SHA256) {
				return finding.At(manifestName, "attachments", "un allegato non ha l'impronta che fu registrata al n. %s", p.record.Number)
			}
		} else if !c.says("registrazione di un documento", "") {
			return finding.At(manifestName, "attachments", "un allegato è di una registrazione che nel fascicolo non c'è, e l'elenco non dice che manca")
		}
		if a.Report == "" {
			continue
		}
		if err := c.verdict(a.Report, "firma dell'allegato ("+a.Role+")", a.SHA256, a.Size); err != nil {
			return err
		}
	}
	return nil
}

// verdict: what was found then of a file's signatures is of that very file.
func (c *checking) verdict(path, what, sha256 string, size int64) error {
	body, err := c.file(path, "signature-report")
	if err != nil {
		return err
	}
	var r struct {
		Verdict string `json:"verdict"`
		Text    string `json:"text"`
		SHA256  string `json:"sha256"`
		Size    int64  `json:"size"`
	}
	if err := json.Unmarshal(body, &r); err != nil || r.SHA256 != sha256 || r.Size != size {
		return finding.At(path, "", "la verifica della firma è di un altro file")
	}
	c.holds("%s: la verifica fatta allora riguarda proprio questo file; esito allora: %s", what, r.Verdict)
	c.leaveFile(path, "firme/*.json", "sono ciò che lo sportello trovò; la prova è la firma dentro il file, che chiunque può verificare di nuovo")
	return nil
}

var documentShape = regexp.MustCompile(`^documenti/([0-9]{2,})-([a-z-]+)\.[a-z0-9]+$`)

// documents of the case: registered ones by their record, the receipt by its seal.
func (c *checking) documents() error {
	for _, l := range c.Files {
		if !strings.HasPrefix(l.Path, "documenti/") {
			continue
		}
		name := documentShape.FindStringSubmatch(l.Path)
		if name == nil || name[2] != l.Role {
			return finding.At(manifestName, l.Path, "il documento non è del tipo che dice il suo nome")
		}
		body, err := c.file(l.Path, l.Role)
		if err != nil {
			return err
		}
		if err := c.document(l, body); err != nil {
			return err
		}
		if report := "firme/documento-" + name[1] + ".json"; c.contents[report] != nil {
			if err := c.verdict(report, "firma di "+l.Path, l.SHA256, int64(l.Size)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *checking) document(l listed, body []byte) error {
	for _, p := range c.records {
		if p.Document == l.SHA256 {
			c.holds("%s: registrato al n. %s del %s", l.Path, p.record.Number, p.Date)
			return nil
		}
	}
	switch l.Role {
	case "receipt":
		signer, err := c.sealedPDF(body)
		if err != nil {
			return finding.At(l.Path, "", "sigillo nel PDF: %s", err)
		}
		c.holds("%s: sigillo di «%s» su tutto il documento", l.Path, signer)
		return nil
	case "payment":
		return c.payment(l, body)
	}
	return finding.At(l.Path, "", "nessuna registrazione ha questa impronta: è cambiato, o non fu registrato")
}

// payment: the notice is there as it came; its signature needs the institute's key, which the file does not have.
func (c *checking) payment(l listed, body []byte) error {
	if strings.HasSuffix(l.Path, ".jws") {
		parts := strings.Split(string(body), ".")
		for _, part := range parts {
			raw, err := base64.RawURLEncoding.Strict().DecodeString(part)
			if err != nil || base64.RawURLEncoding.EncodeToString(raw) != part {
				parts = nil
			}
		}
		if len(parts) != 3 {
			return finding.At(l.Path, "", "l'avviso di pagamento non è scritto nella forma prevista")
		}
	} else if !json.Valid(body) {
		return finding.At(l.Path, "", "l'avviso di pagamento non è leggibile")
	}
	c.holds("%s: c'è l'avviso di pagamento dell'istituto, come arrivò", l.Path)
	c.leaveFile(l.Path, l.Path, "la firma dell'istituto si controlla con la sua chiave pubblica, che il fascicolo non ha")
	return nil
}

var (
	rangeShape = regexp.MustCompile(`/ByteRange\s*\[\s*(\d{1,10})\s+(\d{1,10})\s+(\d{1,10})\s+(\d{1,10})\s*\]`)
	errPDF     = errors.New("il PDF non ha un sigillo che lo copre tutto")
)

// sealedPDF checks the one seal of a PDF, which covers all of it but itself.
func (c *checking) sealedPDF(body []byte) (string, error) {
	found := rangeShape.FindAllSubmatch(body, -1)
	if len(found) != 1 {
		return "", errPDF
	}
	var r [4]int
	for n := range r {
		r[n], _ = strconv.Atoi(string(found[0][n+1])) // digits alone
	}
	if r[0] != 0 || r[1] < 1 || r[2] < r[1]+2 || r[2] > len(body) || r[2]+r[3] != len(body) || body[r[1]] != '<' || body[r[2]-1] != '>' {
		return "", errPDF
	}
	text := body[r[1]+1 : r[2]-1]
	raw, err := hex.DecodeString(string(text))
	if err != nil || hex.EncodeToString(raw) != string(text) { // one spelling of hex
		return "", errPDF
	}
	der, ok := element(raw)
	if !ok || len(bytes.Trim(raw[len(der):], "\x00")) > 0 {
		return "", errPDF
	}
	seal, err := signature.Parse(der)
	if err != nil || len(seal.Content) > 0 {
		return "", signature.ErrMalformed
	}
	seal.Content = append(bytes.Clone(body[:r[1]]), body[r[2]:]...)
	if err := seal.Verify(c.trust.Seals, c.present); err != nil {
		return "", err
	}
	if err := seal.Strict(); err != nil {
		return "", err
	}
	c.compared(c.trust.Seals, "sigillo della ricevuta")
	return c.key("sigillo", seal.Signer()), nil
}

// element cuts the first DER element off.
func element(raw []byte) ([]byte, bool) {
	if len(raw) < 2 || raw[0] != 0x30 {
		return nil, false
	}
	size, head := int(raw[1]), 2
	if size >= 0x80 {
		n := size & 0x7f
		if n < 1 || n > 3 || len(raw) < 2+n {
			return nil, false
		}
		size, head = 0, 2+n
		for _, b := range raw[2:head] {
			size = size<<8 | int(b)
		}
	}
	if head+size > len(raw) {
		return nil, false
	}
	return raw[:head+size], true
}

// letters: every receipt is signed by a provider and about its message; a delivery receipt carries the message back.
func (c *checking) letters() error {
	for _, m := range c.Mail {
		var message []byte
		if m.Message != "" {
			var err error
			if message, err = c.file(m.Message, "mail"); err != nil {
				return err
			}
			h, err := letter.Parse(message)
			if err != nil || len(h.MessageIDs) != 1 || !strings.HasPrefix(letter.Bare(h.MessageIDs[0]), c.Application+"."+m.ID+"@") {
				return finding.At(m.Message, "", "non è il messaggio di questa pratica")
			}
		}
		confirmed := false
		for _, path := range m.Receipts {
			carried, err := c.receipt(m, path, message)
			if err != nil {
				return err
			}
			confirmed = confirmed || carried
		}
		switch {
		case confirmed:
			c.holds("%s: la ricevuta di consegna, firmata dal gestore, riporta proprio questo messaggio", m.Message)
		case message != nil:
			c.leaveFile(m.Message, m.Message, "nessuna ricevuta lo riporta per intero, se ne controlla solo il Message-ID")
		}
	}
	return nil
}

func (c *checking) receipt(m mail, path string, message []byte) (carried bool, err error) {
	body, err := c.file(path, "mail-receipt")
	if err != nil {
		return false, err
	}
	certified, signer, err := letter.CertifyBy(body, c.trust.Mail)
	if err != nil {
		return false, finding.At(path, "", "ricevuta PEC: %s", err)
	}
	if !strings.HasPrefix(certified.Reference, c.Application+"."+m.ID+"@") {
		return false, finding.At(path, "", "è la ricevuta di un altro messaggio")
	}
	c.holds("%s: ricevuta di %s firmata da «%s»", path, certified.Kind, c.key("gestore PEC", signer))
	if _, at, ok := letter.Signed(body); ok && c.trust.Mail == nil {
		c.leaveBytes(path, at[0], at[1], "certificati dentro le firme dei gestori", "chi li ha emessi si controlla solo con le autorità dei gestori (-pec-ca)")
	}
	for _, r := range letter.Unsigned(body) {
		c.leaveBytes(path, r[0], r[1], "pec/*-*.eml, intestazioni esterne delle ricevute e della parte con la firma",
			"il gestore firma il contenuto, non la busta")
	}
	for _, r := range letter.Breaks(body) {
		c.leaveBytes(path, r[0], r[1], "pec/*-*.eml, gli a capo tra le cifre della firma in base64", "dividono le righe e non dicono nulla")
	}
	c.compared(c.trust.Mail, "ricevute PEC")
	if certified.Kind != "avvenuta-consegna" || certified.Original == nil || message == nil {
		return false, nil
	}
	if !letter.Confirms(certified.Original, message) {
		return false, finding.At(m.Message, "", "non è il messaggio che la ricevuta di consegna riporta")
	}
	return true, nil
}
