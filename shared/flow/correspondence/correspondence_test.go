package correspondence_test

import (
	"testing"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/pec"
	"sportello/shared/flow/correspondence"
	"sportello/shared/platform/table"
)

var at = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

// What a message's own row says, its receipts apart, and whether time has still something to do with it.
func TestOwn(t *testing.T) {
	now := at
	for name, c := range map[string]struct {
		m     correspondence.Mail
		want  pec.State
		waits bool
	}{
		"prepared":               {correspondence.Mail{State: pec.StatePrepared}, pec.StatePrepared, false},
		"sending":                {correspondence.Mail{State: pec.StateSending, SendingAt: &now}, pec.StateSending, false},
		"sent":                   {correspondence.Mail{State: pec.StateAccepted, SendingAt: &now, SentAt: &now}, pec.StateAccepted, true},
		"sent, nobody heard":     {correspondence.Mail{State: pec.StateAccepted, SentAt: &now, Late: &now}, pec.StateAccepted, false},
		"failed":                 {correspondence.Mail{State: pec.StateFailed, Failed: "no", SendingAt: &now}, pec.StateFailed, false},
		"uncertain":              {correspondence.Mail{State: pec.StateUncertain, Failed: "?", SendingAt: &now, Doubt: true}, pec.StateUncertain, false},
		"uncertain, then proved": {correspondence.Mail{State: pec.StateAccepted, Failed: "?", SentAt: &now}, pec.StateAccepted, true},
		"delivered":              {correspondence.Mail{State: pec.StateDelivered, SentAt: &now}, pec.StateAccepted, false},
	} {
		if got := correspondence.Own(c.m); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		change, err := c.m.Row(table.Item{Key: layout.Mail("a", "m")})
		if err != nil {
			t.Fatal(err)
		}
		if _, waits := change.Item.Index[layout.Timers]; waits != c.waits {
			t.Errorf("%s: before the sweep %v", name, waits)
		}
		if c.m.Silent(at.Add(correspondence.Silence-time.Second)) || c.m.Silent(at.Add(correspondence.Silence)) != c.waits {
			t.Errorf("%s: silent at the wrong time", name)
		}
	}
}

func TestStamped(t *testing.T) {
	l := correspondence.Letter{Subject: "Esito - protocollo " + correspondence.Mark, Text: correspondence.Mark + " e " + correspondence.Mark}
	m := correspondence.New(l, "event-1", correspondence.ToApplicant, "app-1", "milano", "pec.example.it", at).
		Stamped(application.Protocol{Number: "0000042", Year: 2026, Date: "2026-11-23"})
	if m.Text != "n. 0000042 del 23/11/2026 e n. 0000042 del 23/11/2026" || m.Subject != "Esito - protocollo n. 0000042 del 23/11/2026" {
		t.Errorf("%q, %q", m.Subject, m.Text)
	}
	id, err := pec.ParseMessageID(m.MessageID)
	if err != nil || id.Application != "app-1" || id.Mail != "event-1-a" || m.ID != "event-1-a" {
		t.Errorf("%s, %v", m.MessageID, err)
	}
}

func TestPartyOf(t *testing.T) {
	if p := correspondence.PartyOf(application.Party{TaxCode: "eidas:ES:1234", Name: "Ana"}); p.TaxCode != "" || p.Name != "Ana" {
		t.Errorf("another state's: %+v", p)
	}
	if p := correspondence.PartyOf(application.Party{TaxCode: "RNLGLI79D52F205F", Name: "Giulia"}); p.TaxCode == "" {
		t.Errorf("%+v", p)
	}
}
