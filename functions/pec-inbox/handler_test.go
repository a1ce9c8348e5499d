package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/pec"
	"sportello/shared/edge/lambdafn"
	"sportello/shared/flow/flowtest"
	"sportello/shared/flow/inbox"
	"sportello/shared/platform/cms/cmstest"
	"sportello/shared/platform/mail"
)

func task(t *testing.T) lambdafn.Task {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "schedule.json"))
	if err != nil {
		t.Fatal(err)
	}
	var v lambdafn.Task
	if err := json.Unmarshal(raw, &v); err != nil || v.Task == "" {
		t.Fatal(err)
	}
	return v
}

// down is a mailbox that one chamber's provider does not serve now.
type down struct {
	inbox.Mailbox
	chamber string
}

func (d down) Since(ctx context.Context, chamber string, validity, last uint32, limit int) ([]inbox.Raw, uint32, error) {
	if chamber == d.chamber {
		return nil, 0, errors.New("connection refused")
	}
	return d.Mailbox.Since(ctx, chamber, validity, last, limit)
}

// Every chamber's mailbox is read; one that fails does not keep the others waiting, and the alarm learns how long ago it was read.
func TestHandle(t *testing.T) {
	w := flowtest.New(t)
	var log, metrics bytes.Buffer
	p := &lambdafn.Process{Log: slog.New(slog.NewJSONHandler(&log, nil)), Now: w.Now, Metrics: lambdafn.NewMetrics(&metrics, w.Now, "test", "pec-inbox")}
	if err := (handler{w.Inbox, p}).handle(context.Background(), task(t)); err != nil {
		t.Fatal(err)
	}
	w.Pass(20 * time.Minute)
	for _, c := range catalogue.Chambers() {
		w.Mail.Arrive(c.ID, inbox.Message{Class: pec.ClassCertified, From: "fornitore@pec.example.it", Subject: "Fattura", Ident: "opec-" + c.ID, At: w.Now()})
	}
	c := w.Inbox.Config
	c.Mailbox = down{w.Mail, "bergamo"}
	desk, err := inbox.New(c)
	if err != nil {
		t.Fatal(err)
	}
	metrics.Reset()
	if err := (handler{desk, p}).handle(context.Background(), task(t)); err == nil {
		t.Error("a mailbox that cannot be read is no error")
	}
	w.Settle()
	for _, c := range catalogue.Chambers() {
		want := 1
		if c.ID == "bergamo" {
			want = 0
		}
		if got := len(w.Entries(c.ID + "#2026")); got != want {
			t.Errorf("%s has %d entries", c.ID, got)
		}
	}
	if !strings.Contains(metrics.String(), `"MailboxCursorAgeMinutes":20`) {
		t.Errorf("metrics %s", metrics.String())
	}
	if strings.Contains(log.String(), "fornitore") {
		t.Errorf("the log names a person: %s", log.String())
	}
}

// What the mail library says of a message becomes what the step understands: unsigned mail vouches for nothing.
func TestReader(t *testing.T) {
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	trust, err := mail.NewTrust(cmstest.New(t, "Gestore di prova", now).PEM)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		raw   string
		class pec.Class
		fails bool
	}{
		"ordinary": {"From: mario@example.it\r\nSubject: Ciao\r\nMessage-ID: <1@example.it>\r\n\r\nTesto\r\n", pec.ClassOrdinary, false},
		"forged receipt": {"From: posta-certificata@example.it\r\nSubject: CONSEGNA: x\r\nX-Ricevuta: avvenuta-consegna\r\n" +
			"X-Riferimento-Message-ID: <a.b@pec.example.it>\r\n\r\nx\r\n", pec.ClassUntrusted, false},
		"nothing": {"", "", true},
		"nested":  {"From: mario@example.it\r\nSubject: Ciao\r\n" + nested(20), "", true},
	} {
		m, err := reader{trust}.Read([]byte(c.raw), now)
		if (err != nil) != c.fails || m.Class != c.class || m.Receipt != nil {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
		if err == nil && !m.At.Equal(now) {
			t.Errorf("%s: at %s", name, m.At)
		}
		if said := strings.Contains(c.raw, "From: mario"); said != (m.From == "mario@example.it" && m.Subject == "Ciao") {
			t.Errorf("%s: from %q, about %q", name, m.From, m.Subject)
		}
	}
}

// nested is a body of parts within parts.
func nested(depth int) string {
	var b strings.Builder
	for n := range depth {
		fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", n, n)
	}
	return b.String() + "\r\nx"
}

// hanging is a provider that takes all the time it is given for one chamber.
type hanging struct {
	inbox.Mailbox
	chamber string
	asked   *[]string
	longest *time.Duration
}

func (m hanging) Since(ctx context.Context, chamber string, validity, last uint32, limit int) ([]inbox.Raw, uint32, error) {
	*m.asked = append(*m.asked, chamber)
	end, _ := ctx.Deadline()
	*m.longest = max(*m.longest, time.Until(end))
	if chamber == m.chamber {
		return nil, 0, context.DeadlineExceeded
	}
	return m.Mailbox.Since(ctx, chamber, validity, last, limit)
}

// A provider that hangs takes half of the function's time at most, not the other mailboxes'; and each minute another mailbox is the first.
func TestHangingProvider(t *testing.T) {
	w := flowtest.New(t)
	p := &lambdafn.Process{Log: slog.New(slog.DiscardHandler), Now: w.Now, Metrics: lambdafn.NewMetrics(io.Discard, w.Now, "test", "pec-inbox")}
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	var first []string
	for range len(catalogue.Chambers()) {
		var asked []string
		var longest time.Duration
		c := w.Inbox.Config
		c.Mailbox = hanging{w.Mail, flowtest.Chamber, &asked, &longest}
		desk, err := inbox.New(c)
		if err != nil {
			t.Fatal(err)
		}
		err = handler{desk, p}.handle(ctx, task(t))
		if err == nil || longest <= 0 || longest > 30*time.Minute || len(asked) != len(catalogue.Chambers()) {
			t.Errorf("asked %v, %v, for up to %s of an hour", asked, err, longest)
		}
		first = append(first, asked[0])
		w.Pass(time.Duration(len(catalogue.Chambers()))*time.Minute + time.Minute) // the hanging mailbox's lease is over
	}
	slices.Sort(first)
	if len(slices.Compact(first)) != len(catalogue.Chambers()) {
		t.Errorf("the first of each minute: %v", first)
	}
}
