package road

import (
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"time"

	_ "time/tzdata" // Europe/Rome, wherever it runs
)

// Entry is a number of the register as the office reads it.
type Entry struct {
	Number, Event, Kind, Date, Application string
	Deferred                               bool
}

// Register returns all numbers of a chamber's register of a year.
func Register(ctx context.Context, office *Browser, year int) ([]Entry, error) {
	var all []Entry
	for after := ""; ; {
		var page struct {
			Items  []Entry
			Cursor string
		}
		path := fmt.Sprintf("/chamber/v1/register/%d", year)
		if after != "" {
			path += "?cursor=" + after
		}
		if err := office.Get(ctx, path, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if after = page.Cursor; after == "" {
			return all, nil
		}
	}
}

// Unbroken: I2, numbers 1..n in their places, each event once.
func Unbroken(entries []Entry) error {
	events := map[string]bool{}
	for n, e := range entries {
		if e.Number != fmt.Sprintf("%07d", n+1) {
			return fmt.Errorf("il numero %s è al posto %d", e.Number, n+1)
		}
		if events[e.Event] {
			return fmt.Errorf("l'evento del numero %s è registrato due volte", e.Number)
		}
		events[e.Event] = true
	}
	return nil
}

// Once: I3, every certified message left once, or twice where the doubt is recorded; doubtful tells that of a Message-ID.
func Once(mails []Mail, doubtful func(messageID string) bool) error {
	seen := map[string]int{}
	for _, m := range mails {
		seen[Bare(m.MessageID)]++
	}
	for id, n := range seen {
		if n > 2 || n == 2 && !doubtful(id) {
			return fmt.Errorf("il messaggio %s è partito %d volte", id, n)
		}
	}
	return nil
}

// Hidden: I4, what is asked for looks to this client as if it did not exist.
func Hidden(ctx context.Context, who *Browser, paths ...string) error {
	for _, path := range paths {
		if err := who.Get(ctx, path, nil); Status(err) != http.StatusNotFound {
			return fmt.Errorf("uno sconosciuto su %s ottiene %v", path, err)
		}
	}
	return nil
}

// OnTime: I5, the instant of presentation is the one that the applicant was told.
func OnTime(v View, told time.Time) error {
	if v.PresentedAt == nil || !v.PresentedAt.Equal(told) {
		return fmt.Errorf("presentata il %v, non il %v", v.PresentedAt, told)
	}
	return nil
}

// Verify has the offline verifier read register, chain and archive, and returns what it says.
func Verify(ctx context.Context, program string, c *Cloud) (string, error) {
	return verify(ctx, program, "--data", c.Data, "--control", c.Control)
}

// VerifyFolder has the verifier look at the data of a cloud that is off.
func VerifyFolder(ctx context.Context, program, data string) (string, error) {
	return verify(ctx, program, "--data", data)
}

// VerifyEvidence has the verifier look at an evidence file, with the authorities of the cloud's outside world.
func VerifyEvidence(ctx context.Context, program string, c *Cloud, file string) (string, error) {
	outside := filepath.Join(c.Data, "outside")
	return verify(ctx, program, "-evidence", file, "-trust", filepath.Join(outside, "trust-ca.pem"), "-pec-ca", filepath.Join(outside, "pec-ca.pem"))
}

func verify(ctx context.Context, program string, args ...string) (string, error) {
	program, err := filepath.Abs(program)
	if err != nil {
		return "", err
	}
	output, err := exec.CommandContext(ctx, program, args...).CombinedOutput()
	if err != nil {
		return string(output), fmt.Errorf("%w: %s", err, output)
	}
	return string(output), nil
}

// Rome is the law's time zone.
func Rome() *time.Location {
	location, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		panic(err) // embedded
	}
	return location
}
