package signature_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/shared/domain/signature"
)

var at = time.Date(2026, 11, 22, 23, 30, 0, 0, time.UTC) // 23 November in Rome

func signer(name string, code signature.Code) signature.Signer {
	return signature.Signer{Name: name, TaxCode: "RNLGLI80A41F205X", Issuer: "Fiduciaria", Code: code, TimeThatCounts: at, CoversWholeDocument: true}
}

func TestConclude(t *testing.T) {
	march, eighth := time.Date(2026, 3, 3, 10, 0, 0, 0, time.UTC), time.Date(2026, 3, 8, 10, 0, 0, 0, time.UTC)
	revoked, suspended, stamped := signer("Giulia Rinaldi", signature.Revoked), signer("Giulia Rinaldi", signature.Suspended), signer("Giulia Rinaldi", signature.OK)
	revoked.RevokedAt, suspended.RevokedAt = &march, &eighth
	stamped.TimestampedAt, stamped.TimeThatCounts = &march, march
	expired := signer("", signature.Expired)
	expired.NotAfter = time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	good, bad, later := signer("Giulia Rinaldi", signature.OK), signer("Marco Bianchi", signature.Broken), signer("Anna Neri", signature.Unreachable)
	for name, c := range map[string]struct {
		report  signature.Report
		verdict signature.Verdict
		code    signature.Code
		text    string
	}{
		"valid": {signature.Report{Signers: []signature.Signer{good}}, signature.Valid, signature.OK,
			"La firma di Giulia Rinaldi è valida: certificato qualificato di Fiduciaria, valido e non revocato il 23 novembre 2026 alle ore 00:30."},
		"timestamped": {signature.Report{Signers: []signature.Signer{stamped}}, signature.Valid, signature.OK,
			"La firma di Giulia Rinaldi è valida: certificato qualificato di Fiduciaria, valido e non revocato quando la marca temporale è stata apposta, il 3 marzo 2026 alle ore 11:00."},
		"two valid": {signature.Report{Signers: []signature.Signer{good, signer("Marco Bianchi", signature.OK)}}, signature.Valid, signature.OK,
			"Le 2 firme sono valide: Giulia Rinaldi e Marco Bianchi."},
		"revoked": {signature.Report{Signers: []signature.Signer{revoked}}, signature.Invalid, signature.Revoked,
			"La firma di Giulia Rinaldi non è valida: il certificato era revocato dal 3 marzo 2026. Firma di nuovo il documento con un certificato di firma valido e carica il nuovo file."},
		"suspended": {signature.Report{Signers: []signature.Signer{suspended}}, signature.Invalid, signature.Suspended,
			"La firma di Giulia Rinaldi non è valida: il certificato era sospeso dall’8 marzo 2026. Rivolgiti a chi ti ha rilasciato la firma, oppure firma di nuovo con un altro certificato."},
		"nobody's, expired": {signature.Report{Signers: []signature.Signer{expired}}, signature.Invalid, signature.Expired,
			"La firma non è valida: il certificato era scaduto dal 1° febbraio 2026. Firma di nuovo il documento con un certificato di firma valido e carica il nuovo file."},
		"one of two is bad": {signature.Report{Signers: []signature.Signer{good, bad}}, signature.Invalid, signature.Broken,
			"La firma di Marco Bianchi non è valida: la firma non corrisponde al certificato di chi firma. Firma di nuovo il documento e carica il nuovo file."},
		"bad before unknown": {signature.Report{Signers: []signature.Signer{later, bad, good}}, signature.Invalid, signature.Broken,
			"La firma di Anna Neri non è verificabile ora: il servizio che dice se il certificato è revocato non risponde. Non devi fare nulla: la verifica sarà ripetuta. " +
				"La firma di Marco Bianchi non è valida: la firma non corrisponde al certificato di chi firma. Firma di nuovo il documento e carica il nuovo file."},
		"unknown": {signature.Report{Signers: []signature.Signer{later, good}}, signature.Indeterminate, signature.Unreachable,
			"La firma di Anna Neri non è verificabile ora: il servizio che dice se il certificato è revocato non risponde. Non devi fare nulla: la verifica sarà ripetuta."},
		"not signed": {signature.Report{}, signature.Invalid, signature.Unsigned, "Il file non contiene alcuna firma. Firma il documento e carica il file firmato."},
		"too deep": {signature.Report{Code: signature.TooDeep, Signers: []signature.Signer{good}}, signature.Invalid, signature.TooDeep,
			"Il file è firmato più volte una dentro l’altra, oltre le cinque buste ammesse. Firma di nuovo il documento e carica il nuovo file."},
		"a code of the future": {signature.Report{Signers: []signature.Signer{signer("Giulia Rinaldi", "unheard-of")}}, signature.Invalid, "unheard-of",
			"La firma di Giulia Rinaldi non è valida: non si può verificare. Firma di nuovo il documento e carica il nuovo file."},
	} {
		r := c.report
		r.Conclude()
		if r.Verdict != c.verdict || r.Code != c.code || r.Text != c.text {
			t.Errorf("%s: %s %s\n%s\n%s", name, r.Verdict, r.Code, r.Text, c.text)
		}
		if valid := r.Verdict == signature.Valid; valid != r.SignedBy("X", " rnlgli80a41f205x") {
			t.Errorf("%s: signed by: %v", name, !valid)
		}
	}
}

func TestSignedBy(t *testing.T) {
	partial, nobody := signer("Giulia Rinaldi", signature.OK), signer("Nessuno", signature.OK)
	partial.CoversWholeDocument, nobody.TaxCode = false, ""
	for name, s := range map[string]signature.Signer{"part of the document": partial, "no tax code": nobody} {
		r := signature.Report{Signers: []signature.Signer{s}}
		r.Conclude()
		if r.SignedBy("RNLGLI80A41F205X", "") {
			t.Errorf("%s counts as the representative's", name)
		}
	}
}

// TestJSON pins the form that reports are kept in for years.
func TestJSON(t *testing.T) {
	r := signature.Report{Format: signature.CAdES, CheckedAt: at, ReferenceTime: at, SHA256: "ab", Size: 3, Envelopes: 1, Signers: []signature.Signer{signer("Giulia Rinaldi", signature.OK)}}
	r.Conclude()
	raw, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"schema":1,"format":"cades","verdict":"valid","code":"ok","text":"…","checkedAt":"2026-11-22T23:30:00Z","referenceTime":"2026-11-22T23:30:00Z",` +
		`"sha256":"ab","size":3,"envelopes":1,"signers":[{"name":"Giulia Rinaldi","taxCode":"RNLGLI80A41F205X","issuer":"Fiduciaria","verdict":"valid","code":"ok","text":"…",` +
		`"timeThatCounts":"2026-11-22T23:30:00Z","qualified":false,"device":false,"coversWholeDocument":true}]}`
	if diff := cmp.Diff(want, strings.ReplaceAll(string(raw), r.Text, "…")); diff != "" {
		t.Error(diff)
	}
	var back signature.Report
	if err := json.Unmarshal(raw, &back); err != nil || !cmp.Equal(r, back) {
		t.Errorf("read back: %v\n%s", err, cmp.Diff(r, back))
	}
	raw, err = json.Marshal(func() signature.Report { var r signature.Report; r.Conclude(); return r }())
	if err != nil || !strings.Contains(string(raw), `"signers":[]`) {
		t.Errorf("no signers: %s, %v", raw, err)
	}
}
