package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"sportello/infra/verify/book"
	"sportello/infra/verify/deposit"
	"sportello/infra/verify/finding"
	"sportello/infra/verify/signature"
)

// The parts of a declared day, in the order in which they are made.
const (
	leavesPart    = "leaves.json"
	statementPart = "statement.json"
	sealPart      = "statement.p7s"
	stampPart     = "statement.tst"
	packPart      = "package.zip"
	packedPart    = "receipt.p7m"
)

// madeDay is what the archive has of a day.
type madeDay struct {
	chamber, day string
	parts        map[string]bool
}

func partKey(chamber, day, part string) string { return "days/" + chamber + "/" + day + "/" + part }

// made notes a part of a day; the keys come in order, so those of a day come together.
func (i *inventory) made(chamber, day, part string) {
	if n := len(i.declarations); n == 0 || i.declarations[n-1].chamber != chamber || i.declarations[n-1].day != day {
		i.declarations = append(i.declarations, madeDay{chamber, day, map[string]bool{}})
	}
	i.declarations[len(i.declarations)-1].parts[part] = true
}

// declared holds what was declared of every day to its seal, to the statement of the day before and to who sealed and stamped it; and what was
// handed to preservation to all of that. A day that is not declared to the end yet is told, and none may be left out.
func (a *audit) declared() error {
	for _, m := range a.declarations {
		d := a.days[m.chamber][m.day]
		if d == nil {
			return finding.At(sealKeyOf(m.chamber, m.day), "", "manca il sigillo di un giorno che fu dichiarato")
		}
		if err := a.statement(m, d); err != nil {
			return err
		}
	}
	return a.undeclared()
}

// statement holds one day, as far as it was brought.
func (a *audit) statement(m madeDay, d *day) error {
	parts := map[string][]byte{}
	order := []string{leavesPart, statementPart, sealPart, stampPart, packPart, packedPart}
	for n, part := range order {
		if !m.parts[part] {
			for _, later := range order[n:] {
				if m.parts[later] {
					return finding.At(partKey(m.chamber, m.day, part), "", "manca: c'è ciò che ne fu fatto (%s)", later)
				}
			}
			break
		}
		body, err := a.get(partKey(m.chamber, m.day, part))
		if err != nil {
			return err
		}
		parts[part] = body
	}
	leaves, err := book.ParseLeaves(parts[leavesPart], d.Seal)
	if err != nil {
		return finding.In(partKey(m.chamber, m.day, leavesPart), err)
	}
	if !m.parts[statementPart] {
		a.leave(partKey(m.chamber, m.day, leavesPart), parts[leavesPart], "finché il giorno non è dichiarato i sali non li tiene nulla; le impronte sono quelle del sigillo")
		return nil
	}
	where := partKey(m.chamber, m.day, statementPart)
	s, err := book.ParseStatement(parts[statementPart], d.Seal, d.digest, leaves)
	if err == nil {
		err = a.succeeds(m, s)
	}
	if err != nil {
		return finding.In(where, err)
	}
	if !m.parts[stampPart] {
		if m.parts[sealPart] {
			a.leave(partKey(m.chamber, m.day, sealPart), parts[sealPart], "il sigillo si controlla all'istante della marca temporale, che non c'è ancora")
		}
		return nil
	}
	if err := a.vouched(m, parts); err != nil {
		return err
	}
	d.statement = book.Digest(parts[statementPart])
	a.report.Checked.Statements++
	if err := a.published(m, parts); err != nil {
		return err
	}
	return a.deposited(m, d, parts)
}

// succeeds holds a statement to that of the day before.
func (a *audit) succeeds(m madeDay, s book.Statement) error {
	before := a.days[m.chamber][book.DayBefore(m.day)]
	switch {
	case before == nil && s.Previous == book.Zero:
		return nil
	case before == nil:
		return finding.New("", "continua la dichiarazione del giorno prima, che non fu chiuso")
	case before.statement == "":
		return finding.At(partKey(m.chamber, book.DayBefore(m.day), statementPart), "", "manca la dichiarazione del giorno prima del %s", m.day)
	case s.Previous != before.statement:
		return finding.New("", "l'impronta della dichiarazione del giorno prima non corrisponde: è cambiata l'una o l'altra")
	}
	return nil
}

// vouched checks who sealed the statement, and who stamped the seal when.
func (a *audit) vouched(m madeDay, parts map[string][]byte) error {
	statement, seal, token := parts[statementPart], parts[sealPart], parts[stampPart]
	part, err := recall(a, "seal", func() (string, error) { return sealed(statement, seal, token, a.Seals, a.Stamps) }, statement, seal, token)
	if err != nil {
		return finding.At(partKey(m.chamber, m.day, part), "", "%s", err)
	}
	return nil
}

// sealed returns the part that does not hold. The seal's certificate is judged at the time of the token.
func sealed(statement, p7s, tst []byte, seals, stamps *signature.Roots) (part string, err error) {
	token, err := signature.ParseToken(tst, p7s)
	if err == nil {
		err = token.Verify(stamps, token.At)
	}
	if err == nil {
		err = token.Strict()
	}
	if err != nil {
		return stampPart, fmt.Errorf("marca temporale: %w", err)
	}
	seal, err := signature.Parse(p7s)
	if err == nil {
		if len(seal.Content) > 0 {
			return sealPart, errors.New("il sigillo porta un contenuto suo")
		}
		seal.Content = statement
		err = seal.Verify(seals, token.At)
	}
	if err == nil {
		err = seal.Strict()
	}
	if err != nil {
		return sealPart, fmt.Errorf("sigillo sulla dichiarazione: %w", err)
	}
	return "", nil
}

// published: what anybody can read is what is archived.
func (a *audit) published(m madeDay, parts map[string][]byte) error {
	if a.Applications == nil {
		return nil
	}
	row, there, err := rowOf(a.ctx, a.Applications, "SEAL#"+m.chamber, m.day)
	if err != nil {
		return err
	}
	where := "tabella pratiche, SEAL#" + m.chamber + "/" + m.day
	if !there {
		a.report.unpublished++
		return nil
	}
	var p struct {
		Chamber, Day                    string
		Statement, Signature, Timestamp []byte
	}
	if err := json.Unmarshal([]byte(row.Body), &p); err != nil {
		return finding.At(where, "", "la riga non è leggibile")
	}
	if p.Chamber != m.chamber || p.Day != m.day || !slices.Equal(p.Statement, parts[statementPart]) ||
		!slices.Equal(p.Signature, parts[sealPart]) || !slices.Equal(p.Timestamp, parts[stampPart]) {
		return finding.At(where, "", "ciò che è pubblicato non è ciò che è archiviato")
	}
	return nil
}

// deposited holds the package of a day to the day, and to its receipt.
func (a *audit) deposited(m madeDay, d *day, parts map[string][]byte) error {
	if !m.parts[packPart] {
		a.report.unpacked++
		return nil
	}
	where := partKey(m.chamber, m.day, packPart)
	p, err := a.opened(parts[packPart])
	if err != nil {
		return finding.In(where, err)
	}
	id := "registro-" + m.chamber + "-" + m.day
	if p.Application != id {
		return finding.At(where, "", "è il pacchetto di un altro giorno")
	}
	if err := d.packed(p.Package, parts); err != nil {
		return finding.In(where, err)
	}
	if !m.parts[packedPart] {
		a.unreceipted(where, parts[packPart])
		return nil
	}
	return a.receipt(partKey(m.chamber, m.day, packedPart), id, p)
}

// packed holds what is in the package to the archive: the parts as they are, and the day's records in full.
func (d *day) packed(p *deposit.Package, parts map[string][]byte) error {
	want := map[string]string{
		"elenco": d.digest, "dichiarazione": d.statement, "sigillo": book.Digest(parts[sealPart]), "marca": book.Digest(parts[stampPart]),
	}
	records := false
	for _, f := range p.Files {
		switch digest, known := want[f.ID]; {
		case known && digest != f.SHA256:
			return finding.New(f.Path, "non è quello archiviato")
		case known:
			delete(want, f.ID)
		case f.ID == "registro":
			list, err := book.Lines(p.Body(f.Path))
			if err != nil {
				return finding.New(f.Path, "%s", err)
			}
			if !d.Holds(list) {
				return finding.New(f.Path, "non ha le registrazioni del giorno")
			}
			records = true
		default:
			return finding.New(f.Path, "non è una parte di un giorno")
		}
	}
	if len(want) > 0 || !records {
		return finding.New("", "al pacchetto del giorno manca una parte")
	}
	return nil
}

// undeclared counts the sealed days that are not declared to the end: the last ones of each chamber, or something is missing between.
func (a *audit) undeclared() error {
	for _, chamber := range sortedKeys(a.days) {
		declared := false
		for _, on := range slices.Backward(sortedKeys(a.days[chamber])) {
			d := a.days[chamber][on]
			switch {
			case d.statement != "":
				declared = true
			case declared:
				return finding.At(partKey(chamber, on, statementPart), "", "manca la dichiarazione di un giorno chiuso: i giorni dopo ne hanno una")
			default:
				a.report.undeclared++
				a.report.oldest = fmt.Sprintf("%s, %s", chamber, on)
			}
		}
	}
	return nil
}
