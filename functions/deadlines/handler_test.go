package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/layout"
	"sportello/shared/edge/lambdafn"
	"sportello/shared/flow/access"
	"sportello/shared/flow/flowtest"
	"sportello/shared/flow/officers"
	"sportello/shared/flow/trustlist"
	"sportello/shared/platform/table"
)

func task(t *testing.T, name string) lambdafn.Task {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var v lambdafn.Task
	if err := json.Unmarshal(raw, &v); err != nil || v.Task != name {
		t.Fatalf("%+v, %v", v, err)
	}
	return v
}

func newHandler(t *testing.T) (handler, *flowtest.World, *bytes.Buffer) {
	t.Helper()
	w := flowtest.New(t)
	var metrics bytes.Buffer
	p := &lambdafn.Process{Log: slog.New(slog.DiscardHandler), Now: w.Now, Metrics: lambdafn.NewMetrics(&metrics, w.Now, "test", "deadlines")}
	keyring, err := officers.NewKeyring(table.NewMemory(), w.Now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	trust, err := trustlist.New(trustlist.Config{Table: w.Applications, Documents: w.Documents, Publisher: &operator{w: w}, Now: w.Now})
	if err != nil {
		t.Fatal(err)
	}
	return handler{w.Deadlines, w.Registration, keyring, trust, p}, w, &metrics
}

// operator publishes the trust list, one edition more each time, until it stops.
type operator struct {
	w        *flowtest.World
	editions int
}

func (o *operator) Fetch(context.Context) (trustlist.Edition, error) {
	if o.editions++; o.editions > 2 {
		return trustlist.Edition{}, errors.New("down")
	}
	return trustlist.Edition{Raw: []byte("x"), Compact: []byte("y"), Sequence: o.editions, NextUpdate: o.w.Now().Add(48 * time.Hour)}, nil
}

// The trust list is fetched when there is none and then each hour; one that cannot be fetched is told by its age, and what is left of it.
func TestTrustList(t *testing.T) {
	h, w, metrics := newHandler(t)
	for _, step := range []struct {
		pass time.Duration
		want string
	}{
		{0, `"TrustListAgeHours":0,`}, {30 * time.Minute, `"TrustListAgeHours":0.5,`}, {30 * time.Minute, `"TrustListAgeHours":0,`},
		{26 * time.Hour, `"TrustListAgeHours":26,`}, {20 * time.Hour, `"TrustListLeftHours":2,`}, {4 * time.Hour, `"TrustListLeftHours":-2,`},
	} {
		metrics.Reset()
		w.Pass(step.pass)
		if err := h.handle(context.Background(), task(t, "trust-list")); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(metrics.String(), step.want) {
			t.Errorf("after %s: no %s in %s", step.pass, step.want, metrics.String())
		}
	}
}

// The sweep sends again what was lost, and tells the alarms what it saw.
func TestSweep(t *testing.T) {
	h, w, metrics := newHandler(t)
	id := w.Presented()
	w.Waiting() // lost
	w.Pass(3 * time.Minute)
	if err := h.handle(context.Background(), task(t, "sweep")); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"OldestOverdueOutboxSeconds":180`, `"RegistrationAgeSeconds":180`, `"SweepHeartbeat":1`} {
		if !strings.Contains(metrics.String(), want) {
			t.Errorf("no %s in %s", want, metrics.String())
		}
	}
	w.Settle()
	w.State(id, application.Registered)
}

// What waits for a person is told to the alarms.
func TestWatch(t *testing.T) {
	h, w, metrics := newHandler(t)
	watched := func(wanted ...string) {
		t.Helper()
		metrics.Reset()
		if err := h.handle(context.Background(), task(t, "watch")); err != nil {
			t.Fatal(err)
		}
		for _, want := range wanted {
			if !strings.Contains(metrics.String(), want) {
				t.Errorf("no %s in %s", want, metrics.String())
			}
		}
	}
	watched(`"OpenProblems":0`, `"DayUnsealed":0`, `"MailWithoutReceiptHours":0`)
	w.Mail.Silent = true
	w.Registered()
	w.At(time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)) // the afternoon of the next day: unsealed, and no receipts
	if err := h.handle(context.Background(), task(t, "sweep")); err != nil {
		t.Fatal(err)
	}
	watched(`"OpenProblems":2`, `"DayUnsealed":1`, `"MailWithoutReceiptHours":25`)
}

// A chamber that cannot be looked at hides nothing of the others, is not taken for one in order, and keeps the sweep from nothing.
func TestLookThatFails(t *testing.T) {
	h, w, metrics := newHandler(t)
	keys := table.NewMemory()
	if err := keys.Commit(context.Background(), table.Put(table.Item{Key: layout.Key{PK: "CH#bergamo", SK: "KEY#prova"}, Schema: 1 << 10, Body: []byte(`{}`)})); err != nil {
		t.Fatal(err)
	}
	keyring, err := officers.NewKeyring(keys, w.Now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	h.keyring = keyring
	w.Mail.Silent = true
	w.Registered()
	w.At(time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC))
	if err := h.handle(context.Background(), task(t, "sweep")); err != nil || !strings.Contains(metrics.String(), `"SweepHeartbeat":1`) {
		t.Errorf("the sweep: %v, %s", err, metrics.String())
	}
	metrics.Reset()
	if err := h.handle(context.Background(), task(t, "watch")); err == nil {
		t.Error("nobody is told")
	}
	if told := metrics.String(); !strings.Contains(told, `"OpenProblems":2`) || strings.Contains(told, "DayUnsealed") {
		t.Errorf("told: %s", told)
	}
}

// The days that are over are sealed, each once.
func TestCloseDay(t *testing.T) {
	h, w, _ := newHandler(t)
	w.Registered()
	w.At(time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC))
	for range 2 {
		if err := h.handle(context.Background(), task(t, "close-day")); err != nil {
			t.Fatal(err)
		}
	}
	if messages := w.RegistrationQueue.Take(); len(messages) != 1 {
		t.Errorf("%d days to be sealed", len(messages))
	} else if err := w.Deliver(messages[0]); err != nil {
		t.Error(err)
	}
	keys, err := w.Archive.List(context.Background(), "register/milano/seals/", "", 10)
	if err != nil || len(keys) != 1 {
		t.Errorf("seals %v, %v", keys, err)
	}
}

// The keys of chambers' systems are told of before they end, and until somebody has revoked them.
func TestKeysEnding(t *testing.T) {
	h, w, metrics := newHandler(t)
	for _, n := range []officers.NewKey{{Name: "protocollo", Life: 90 * 24 * time.Hour}, {Name: "prova", Life: 24 * time.Hour}} {
		n.Chamber, n.Rights = flowtest.Chamber, []access.Right{access.Work}
		if _, _, err := h.keyring.Make(context.Background(), n); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		pass   time.Duration
		revoke string
		want   string
	}{
		{0, "", `"KeysEnding":1`},
		{0, "prova", `"KeysEnding":0`},
		{60*24*time.Hour - time.Second, "", `"KeysEnding":0`},
		{time.Second, "", `"KeysEnding":1`},
		{60 * 24 * time.Hour, "", `"KeysEnding":1`},
		{0, "protocollo", `"KeysEnding":0`},
	} {
		w.Pass(c.pass)
		if c.revoke != "" {
			if err := h.keyring.Revoke(context.Background(), flowtest.Chamber, c.revoke); err != nil {
				t.Fatal(err)
			}
		}
		metrics.Reset()
		if err := h.handle(context.Background(), task(t, "watch")); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(metrics.String(), c.want) {
			t.Errorf("after %s, revoked %q: no %s", c.pass, c.revoke, c.want)
		}
	}
}

func TestUnknownTask(t *testing.T) {
	h, _, _ := newHandler(t)
	if err := h.handle(context.Background(), lambdafn.Task{Task: "tea"}); err == nil {
		t.Error("done")
	}
}
