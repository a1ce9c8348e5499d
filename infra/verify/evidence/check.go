// Package evidence checks an evidence file (fascicolo di prova) by itself, offline: it needs nothing of the sportello that made it. What it knows is
// infra/docs/evidence.md; it shares no code with the writer.
package evidence

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"sportello/infra/verify/book"
	"sportello/infra/verify/finding"
	"sportello/infra/verify/signature"
)

// Trust are the authorities to compare issuers with; nil: not compared, and the report says so.
type Trust struct {
	Seals *signature.Roots // of the seal, the timestamps and the receipts
	Mail  *signature.Roots // of the certified mail providers
}

// Report is the outcome, in Italian.
type Report struct {
	OK          bool   `json:"ok"`
	Application string `json:"application,omitempty"`
	// Holds is what was checked, each with the key it was checked against; Keys are those, by fingerprint.
	Holds []string `json:"holds"`
	Keys  []string `json:"keys"`
	// Open is what nothing inside authenticates, each with its reason; Missing what the file says is not in it.
	Open    []string `json:"open"`
	Missing []string `json:"missing"`
	// Unauthenticated are the very bytes of Open, by file.
	Unauthenticated []finding.Open `json:"unauthenticated"`
	// Broken is the first thing that does not hold.
	Broken *finding.Broken `json:"broken,omitempty"`
}

// Check looks at a whole file and stops at the first thing that does not hold.
func Check(data []byte, trust Trust) Report {
	c := &checking{trust: trust, records: map[string]*proven{}, days: map[string]declared{}, seen: map[string]bool{}}
	err := c.run(data)
	if err != nil {
		broken, is := finding.Of(err)
		if !is {
			broken = finding.New("", "%s", err)
		}
		if broken.Where == "" {
			broken = broken.In("fascicolo")
		}
		c.report.Broken = broken
	}
	c.report.OK, c.report.Application = err == nil, c.Application
	return c.report
}

// checking is one run.
type checking struct {
	manifest
	trust    Trust
	report   Report
	contents map[string][]byte
	list     []byte // the manifest as it is written
	order    []file
	seen     map[string]bool // files that were looked at
	records  map[string]*proven
	days     map[string]declared
	present  time.Time // when the application was presented
}

// proven is a record that holds.
type proven struct {
	record
	book.Checked
	sealed bool
}

// declared is a day whose statement holds.
type declared struct {
	book.Statement
	sealed bool
	at     time.Time // of the timestamp; zero without
}

func (c *checking) run(data []byte) error {
	if err := c.open(data); err != nil {
		return err
	}
	for _, step := range []func() error{c.declared, c.register, c.snapshot, c.attached, c.documents, c.letters, c.lacking, c.rest} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// open reads zip and manifest, and holds each file to its line.
func (c *checking) open(data []byte) error {
	files, err := unzip(data)
	if err != nil {
		return err
	}
	if files[0].name != manifestName {
		return finding.New("", "il primo file dello zip non è %s", manifestName)
	}
	if c.manifest, err = readManifest(files[0].body); err != nil {
		return err
	}
	c.list, c.order, c.contents = files[0].body, files[1:], map[string][]byte{}
	if len(c.order) != len(c.Files) {
		return finding.At(manifestName, "files", "non elenca i file dello zip")
	}
	for n, f := range c.order {
		l := c.Files[n]
		switch {
		case l.Path != f.name, !pathShape.MatchString(f.name):
			return finding.At(manifestName, "files", "non elenca i file dello zip, nel loro ordine")
		case l.Size != len(f.body), l.SHA256 != book.Digest(f.body):
			return finding.At(f.name, "", "non ha la dimensione o l'impronta che dice l'elenco: è cambiato")
		}
		c.contents[f.name] = f.body
	}
	c.holds("zip: un solo modo di scriverlo, nessun byte in più; %d file, ciascuno con l'impronta SHA-256 dell'elenco", len(c.order))
	for _, m := range c.Missing {
		c.report.Missing = append(c.report.Missing, m.What+": "+m.Why)
	}
	return nil
}

func (c *checking) holds(format string, args ...any) {
	c.report.Holds = append(c.report.Holds, fmt.Sprintf(format, args...))
}

// leave says what nothing authenticates, and why.
func (c *checking) leave(what, why string) {
	if text := what + ": " + why; !slices.Contains(c.report.Open, text) {
		c.report.Open = append(c.report.Open, text)
	}
}

// leaveBytes is leave for a range of a file.
func (c *checking) leaveBytes(path string, from, to int, what, why string) {
	c.leave(what, why)
	if from < to {
		c.report.Unauthenticated = append(c.report.Unauthenticated, finding.Open{Where: path, From: from, To: to, Why: why})
	}
}

// leaveFile is leave for a whole file.
func (c *checking) leaveFile(path, what, why string) {
	c.leaveBytes(path, 0, len(c.contents[path]), what, why)
}

// key names a certificate that something was checked against.
func (c *checking) key(role string, certificate *x509.Certificate) string {
	name := cmp.Or(certificate.Subject.CommonName, strings.Join(certificate.Subject.Organization, " "))
	text := fmt.Sprintf("%s: %s, rilasciato da %s, impronta SHA-256 %s", role, name, certificate.Issuer.CommonName, signature.Fingerprint(certificate))
	if !slices.Contains(c.report.Keys, text) {
		c.report.Keys = append(c.report.Keys, text)
	}
	return name
}

// file takes a file of a role.
func (c *checking) file(path, role string) ([]byte, error) {
	body, there := c.contents[path]
	n := slices.IndexFunc(c.Files, func(l listed) bool { return l.Path == path })
	if !there || c.seen[path] || c.Files[n].Role != role {
		return nil, finding.At(manifestName, path, "è nominato e non c'è, o non come %s, o due volte", role)
	}
	c.seen[path] = true
	return body, nil
}

// declared checks the statements of the days: seal, timestamp on it, certificates.
func (c *checking) declared() error {
	for _, d := range c.Days {
		body, err := c.file(d.Statement, "statement")
		if err != nil {
			return err
		}
		s, err := book.ReadStatement(c.Chamber, d.Day, body)
		if err != nil {
			return finding.In(d.Statement, err)
		}
		if _, twice := c.days[d.Day]; twice {
			return finding.At(manifestName, "days", "un giorno c'è due volte")
		}
		made := declared{Statement: s}
		if err := c.sealed(d, body, &made); err != nil {
			return err
		}
		c.days[d.Day] = made
	}
	return nil
}

// sealed checks who sealed a statement and when that was stamped. The seal's certificate is judged at that time.
func (c *checking) sealed(d day, statement []byte, made *declared) error {
	if d.Seal == "" {
		if d.Timestamp+d.Certificates != "" {
			return finding.At(manifestName, "days", "c'è una marca temporale senza il sigillo")
		}
		c.leaveFile(d.Statement, d.Statement, "manca il sigillo, niente autentica la dichiarazione del giorno")
		return nil
	}
	der, err := c.file(d.Seal, "seal")
	if err != nil {
		return err
	}
	seal, err := signature.Parse(der)
	if err != nil || len(seal.Content) > 0 {
		return finding.At(d.Seal, "", "sigillo: %s", signature.ErrMalformed)
	}
	seal.Content = statement
	sealedAt, _ := book.ParseInstant(made.SealedAt)
	at := sealedAt
	if d.Timestamp != "" {
		if at, err = c.stamped(d, der, sealedAt); err != nil {
			return err
		}
		made.at = at
	} else {
		c.leave(d.Seal, "senza marca temporale, quando fu sigillato il giorno lo dice solo il sigillo")
	}
	if err := seal.Verify(c.trust.Seals, at); err != nil {
		return finding.At(d.Seal, "", "sigillo sulla dichiarazione del giorno: %s", err)
	}
	if err := seal.Strict(); err != nil {
		return finding.At(d.Seal, "", "sigillo sulla dichiarazione del giorno: %s", err)
	}
	made.sealed = true
	c.holds("registro del %s: dichiarazione sigillata da «%s»", d.Day, c.key("sigillo", seal.Signer()))
	c.compared(c.trust.Seals, "sigillo e marca temporale")
	c.unvouched(d.Seal, der, seal)
	return c.certificates(d, seal)
}

// compared says where an issuer was taken at its word.
func (c *checking) compared(roots *signature.Roots, what string) {
	if roots == nil {
		c.leave(what, "l'emittente del certificato non è stato confrontato con un'autorità di fiducia (indicarla con -trust)")
	}
}

// unvouched lists the certificates within a signature that only authorities could vouch for.
func (c *checking) unvouched(path string, der []byte, s *signature.Signed) {
	if c.trust.Seals != nil {
		return
	}
	for _, certificate := range s.Unvouched() {
		at := bytes.Index(der, certificate.Raw)
		c.leaveBytes(path, at, at+len(certificate.Raw), "certificati dentro sigilli e marche temporali", "chi li ha emessi si controlla solo con un'autorità di fiducia (-trust)")
	}
}

func (c *checking) stamped(d day, seal []byte, sealedAt time.Time) (time.Time, error) {
	der, err := c.file(d.Timestamp, "timestamp")
	if err != nil {
		return time.Time{}, err
	}
	token, err := signature.ParseToken(der, seal)
	if err == nil {
		err = token.Verify(c.trust.Seals, token.At)
	}
	if err == nil {
		err = token.Strict()
	}
	if err != nil {
		return time.Time{}, finding.At(d.Timestamp, "", "marca temporale: %s", err)
	}
	c.unvouched(d.Timestamp, der, token.Signed)
	if token.At.Before(sealedAt.Add(-5 * time.Minute)) {
		return time.Time{}, finding.At(d.Timestamp, "", "la marca temporale è di prima che il giorno fosse chiuso")
	}
	c.holds("registro del %s: marca temporale del %s di «%s»", d.Day, token.At.UTC().Format("2006-01-02 15:04:05 UTC"), c.key("marca temporale", token.Signer()))
	return token.At, nil
}

// certificates: those beside the seal are those within it.
func (c *checking) certificates(d day, seal *signature.Signed) error {
	if d.Certificates == "" {
		return finding.At(manifestName, "days", "mancano i certificati del sigillo")
	}
	body, err := c.file(d.Certificates, "certificates")
	if err != nil {
		return err
	}
	if string(body) != signature.Bundle(seal.Certificates()) {
		return finding.At(d.Certificates, "", "non sono i certificati del sigillo")
	}
	return nil
}

// register checks the records, and their place in the day.
func (c *checking) register() error {
	for _, r := range c.Register {
		body, err := c.file(r.Entry, "record")
		if err != nil {
			return err
		}
		checked, err := book.Alone(body)
		if err != nil {
			return finding.In(r.Entry, err)
		}
		p := &proven{record: r, Checked: checked}
		if what := c.agrees(p); what != "" {
			return finding.At(r.Entry, checked.Label, "%s", what)
		}
		if c.records[checked.Event] != nil {
			return finding.At(r.Entry, checked.Label, "c'è due volte")
		}
		c.records[checked.Event] = p
		if err := c.placed(p); err != nil {
			return finding.In(r.Entry, err)
		}
	}
	return c.linked()
}

// agrees holds the manifest's line to the record; it returns what is wrong.
func (c *checking) agrees(p *proven) string {
	r, k := p.record, p.Checked
	document := ""
	if k.Entry != nil {
		document = k.Entry.Document.SHA256
		if k.Entry.Application != c.Application || k.Entry.Chamber != c.Chamber {
			return "la registrazione è di un'altra pratica"
		}
	}
	if r.Book != k.Book || r.Seq != k.Seq || r.Number != book.Number(k.Number) || r.Annex != k.Annex || r.Date != k.Page || r.Previous != k.Prev ||
		r.Hash != k.Hash || r.Document != document {
		return "l'elenco non dice ciò che dice la registrazione"
	}
	return ""
}

// placed checks a record's path to the root of its day.
func (c *checking) placed(p *proven) error {
	if p.Proof == nil {
		if len(c.Missing) == 0 {
			return finding.New(p.Label, "non è provata e l'elenco non dice che cosa manca")
		}
		c.leaveFile(p.record.Entry, p.record.Entry, "il suo giorno non è ancora dichiarato, niente la autentica")
		return nil
	}
	d, there := c.days[p.Proof.Day]
	chamber, year, ok := book.SplitName(p.record.Book)
	switch {
	case !there, p.Proof.Day != p.Page:
		return finding.New(p.Label, "è provata con un giorno che non è il suo")
	case !ok, chamber != c.Chamber, !d.Covers(year, p.record.Seq), p.Proof.Size != d.Tree.Size:
		return finding.New(p.Label, "la dichiarazione del giorno non la comprende")
	}
	root, err := book.RootFrom(book.Leaf{Year: year, Seq: p.record.Seq, Hash: p.record.Hash, Salt: p.Proof.Salt}, p.Proof.Index, p.Proof.Size, p.Proof.Path)
	if err != nil {
		return finding.New(p.Label, "%s", err)
	}
	if root != d.Tree.Root {
		return finding.New(p.Label, "non è sotto la radice dichiarata del giorno %s: è cambiata, o non fu mai registrata quel giorno", p.Proof.Day)
	}
	p.sealed = d.sealed
	c.holds("registrazione %s del %s (registro %s, seq %d): impronta della catena ricalcolata, sotto la radice del giorno (foglia %d di %d)",
		p.record.Number, p.Date, p.record.Book, p.record.Seq, p.Proof.Index+1, p.Proof.Size)
	return nil
}

// linked: where two records of the file follow each other, so do their hashes.
func (c *checking) linked() error {
	for _, p := range c.records {
		for _, q := range c.records {
			if p.record.Book == q.record.Book && q.record.Seq == p.record.Seq+1 && q.Previous != p.record.Hash {
				return finding.At(q.record.Entry, q.Label, "non prosegue la catena dalla registrazione che la precede")
			}
		}
	}
	for _, r := range c.Register {
		line := c.contents[r.Entry]
		c.leaveBytes(r.Entry, bytes.LastIndex(line, []byte(`,"first":`))+len(`,"first":`), len(line)-2,
			"registro/*.json, campi first e count", "dicono solo in quale blocco dell'archivio sta la registrazione")
	}
	return nil
}

// rest: nothing is in the file that was not looked at.
func (c *checking) rest() error {
	if _, err := c.file("leggimi.txt", "readme"); err != nil {
		return err
	}
	for _, l := range c.Files {
		if !c.seen[l.Path] {
			return finding.At(l.Path, "", "è nel fascicolo e niente lo nomina")
		}
	}
	c.leaveFile("leggimi.txt", "leggimi.txt", "spiega, e niente lo firma; ciò che spiega è provato altrove")
	c.unsigned()
	return nil
}
