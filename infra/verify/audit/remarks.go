package audit

// open counts what could not be decided.
type open struct {
	awaiting    int    // presented on a sealed day and still without a number
	unreceipted int    // packages whose receipt has not come
	untrusted   int    // mail that calls itself certified and is not
	unconfirmed int    // sent mail that nothing confirms yet
	undeclared  int    // sealed days that are not declared to the end
	oldest      string // of those
	unpublished int    // declared days that nobody can read
	unpacked    int    // declared days of which there is no package yet
}

// remarks say what this run leaves open, each with its reason.
func (a *audit) remarks() {
	if a.Register == nil {
		a.note("senza la tabella del registro, ciò che segue l'ultimo giorno chiuso di ogni Camera non ha un secondo testimone: una coda tolta, " +
			"o riscritta con le sue impronte, non si vedrebbe")
	}
	if n := a.report.awaiting; n > 0 {
		a.note("in attesa di un numero dopo la chiusura del loro giorno: %d", n)
	}
	if n := a.report.unreceipted; n > 0 {
		a.note("pacchetti in attesa del rapporto di versamento: %d (finché non c'è, niente ne autentica l'indice)", n)
	}
	if n := a.report.undeclared; n > 0 {
		a.note("giorni chiusi e non ancora dichiarati con sigillo e marca temporale: %d (il più vecchio: %s)", n, a.report.oldest)
	}
	if n := a.report.unpublished; n > 0 {
		a.note("giorni dichiarati e non ancora pubblicati: %d", n)
	}
	if n := a.report.unpacked; n > 0 {
		a.note("giorni dichiarati e non ancora versati in conservazione: %d", n)
	}
	if a.report.Checked.Statements > 0 && (a.Seals == nil || a.Stamps == nil) {
		a.note("di chi ha sigillato e marcato i giorni non si è controllata l'autorità: indicarle con --seal-ca e --timestamp-ca")
	}
	if a.report.Checked.Receipts > 0 && a.Preservation == nil {
		a.note("di chi ha firmato i rapporti di versamento non si è controllata l'autorità: indicarla con --preservation-ca")
	}
	if a.Mail == nil && len(a.mailGot) > 0 {
		a.note("delle ricevute di posta certificata non si è controllata la firma: indicare le autorità con --pec-ca")
	}
	if n := a.report.untrusted; n > 0 {
		a.note("messaggi archiviati che si dicono certificati e non lo sono: %d", n)
	}
	if n := a.report.unconfirmed; n > 0 {
		a.note("messaggi spediti che né un pacchetto né una ricevuta di consegna confermano ancora: %d (se ne controlla solo il nome)", n)
	}
}

// confirmed notes that somebody else vouches for a sent message's bytes.
func (a *audit) confirmed(key string) {
	if a.confirmations == nil {
		a.confirmations = map[string]bool{}
	}
	a.confirmations[key] = true
}

// remembered notes a package that holds.
func (a *audit) remembered(application, digest string) {
	if a.digestOf == nil {
		a.digestOf = map[string]string{}
	}
	a.digestOf[application] = digest
}
