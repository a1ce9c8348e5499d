package audit_test

import (
	"encoding/base64"
	"strings"
	"testing"
)

const iuv = "05000000000000133"

// notice archives a notice of payment, signed as the institute writes it, and returns its key.
func (w *world) notice(said string) string {
	raw := "e30." + base64.RawURLEncoding.EncodeToString([]byte(said)) + ".c2lnbmVk"
	key := "payments/" + iuv + "/" + digest(raw) + ".jws"
	w.objects[key] = []byte(raw)
	return key
}

// Notices of payment are what their names say, and about the number they lie under.
func TestPaymentNotices(t *testing.T) {
	for name, c := range map[string]struct {
		change func(w *world, key string)
		what   string
	}{
		"sound":          {func(*world, string) {}, ""},
		"changed":        {func(w *world, key string) { w.objects[key][8] ^= 1 }, "l'impronta che è il suo nome"},
		"another number": {func(w *world, _ string) { w.notice(`{"iuv":"05000000000000299"}`) }, "un altro codice di versamento"},
		"no notice": {func(w *world, key string) {
			w.objects["payments/"+iuv+"/nota.txt"] = w.objects[key]
		}, "nell'archivio"},
	} {
		w := build()
		key := w.notice(`{"iuv":"` + iuv + `","amount":300}`)
		c.change(w, key)
		report := look(t, w.config())
		switch {
		case c.what == "" && report.Broken != nil:
			t.Errorf("%s: %v", name, report.Broken)
		case c.what != "" && (report.Broken == nil || !strings.HasPrefix(report.Broken.Where, "payments/")):
			t.Errorf("%s: %v", name, report.Broken)
		}
	}
}

// What ended unpaid and was removed a year later is not lost: its payment's row says so. Whatever else is gone is.
func TestUnpaidAndRemoved(t *testing.T) {
	for name, c := range map[string]struct {
		payment string
		lost    bool
	}{
		"parted":             {`{"chamber":"milano","createdAt":"2026-12-31T22:45:00Z","expired":"2027-01-16T00:00:00Z","closed":true}`, false},
		"no payment":         {"", true},
		"of another instant": {`{"chamber":"milano","createdAt":"2026-12-31T22:45:00.001Z","expired":"2027-01-16T00:00:00Z","closed":true}`, true},
		"of another chamber": {`{"chamber":"torino","createdAt":"2026-12-31T22:45:00Z","expired":"2027-01-16T00:00:00Z","closed":true}`, true},
		"of a case":          {`{"application":"` + caseB + `","chamber":"milano","createdAt":"2026-12-31T22:45:00Z","expired":"2027-01-16T00:00:00Z","closed":true}`, true},
		"paid":               {`{"chamber":"milano","createdAt":"2026-12-31T22:45:00Z","paid":{"receipt":"R1"},"expired":"2027-01-16T00:00:00Z","closed":true}`, true},
		"still open":         {`{"chamber":"milano","createdAt":"2026-12-31T22:45:00Z","expired":"2027-01-16T00:00:00Z"}`, true},
	} {
		w := build()
		w.awaits = map[string]string{event("e"): "payment"}
		delete(w.applications, row("APP#"+caseB, "META"))
		delete(w.applications, row("PEND#milano#2026-12-31", event("e")))
		if c.payment != "" {
			w.applications[row("PAY#"+iuv, "META")] = c.payment
		}
		w.rewrite("archive", "seals", "tables")
		w.declare()
		report := look(t, w.config())
		if lost := report.Broken != nil && strings.Contains(report.Broken.What, "andata persa"); lost != c.lost || report.Broken != nil && !lost {
			t.Errorf("%s: %v", name, report.Broken)
		}
	}
}

// What waited for its payment and ended without it is not lost; what a row says to be on its way is.
func TestUnpaid(t *testing.T) {
	for name, c := range map[string]struct {
		meta string
		lost bool
	}{
		"expired":         {`{"state":"expired","fee":{"iuv":"` + iuv + `"}}`, false},
		"withdrawn":       {`{"state":"withdrawn","fee":{"iuv":"` + iuv + `"}}`, false},
		"paid for":        {`{"state":"presented","fee":{"iuv":"` + iuv + `"}}`, true},
		"numbered":        {`{"state":"withdrawn","fee":{"iuv":"` + iuv + `"},"protocol":{"number":"0000001"}}`, true},
		"paid, withdrawn": {`{"state":"withdrawn","closeAt":"2027-01-05T10:00:00Z","fee":{"iuv":"` + iuv + `"}}`, true},
		"nothing to pay":  {`{"state":"withdrawn"}`, true},
	} {
		w := build()
		w.awaits = map[string]string{event("e"): "payment"}
		w.applications[row("APP#"+caseB, "META")] = c.meta
		delete(w.applications, row("PEND#milano#2026-12-31", event("e")))
		w.rewrite("archive", "seals", "tables")
		w.declare()
		report := look(t, w.config())
		if lost := report.Broken != nil && strings.Contains(report.Broken.What, "andata persa"); lost != c.lost || report.Broken != nil && !lost {
			t.Errorf("%s: %v", name, report.Broken)
		}
	}
}
