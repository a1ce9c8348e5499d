package road

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Mail is a certified message as the outside world saw it.
type Mail struct {
	ID         string
	MessageID  string
	From       string
	To         []string
	Subject    string
	ReceivedAt time.Time
	Receipts   []struct {
		Kind string
		At   time.Time
	}
}

// World is the outside world's control; Controls the local cloud's.
func (c *Cloud) World() *Browser {
	return &Browser{client: &http.Client{Transport: transport, Timeout: timeout}, base: c.Outside}
}

// Controls is the control API of the local cloud.
func (c *Cloud) Controls() *Browser {
	return &Browser{client: &http.Client{Transport: transport, Timeout: timeout}, base: c.Control}
}

// Mails returns all certified messages that the provider took, each transmission on its own.
func (c *Cloud) Mails(ctx context.Context) ([]Mail, error) {
	var list []Mail
	err := c.World().Get(ctx, "/control/pec", &list)
	return list, err
}

// Original returns a message as its recipient reads it.
func (c *Cloud) Original(ctx context.Context, id string) (string, error) {
	answer, err := c.World().Send(ctx, "GET", "/control/pec/"+id+"/original", nil, nil)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	return string(data), err
}

// Write has a person send a certified message.
func (c *Cloud) Write(ctx context.Context, from, to, subject, text, inReplyTo string) error {
	message := map[string]any{"from": from, "to": to, "subject": subject, "text": text}
	if inReplyTo != "" {
		message["inReplyTo"] = inReplyTo
	}
	return c.World().Post(ctx, "/control/pec/incoming", message, nil)
}

// Package is a case's package as the preservation provider holds it.
type Package struct{ ID, SHA256, State string }

// Packages returns what was handed to the preservation provider.
func (c *Cloud) Packages(ctx context.Context) ([]Package, error) {
	var list struct{ Items []Package }
	err := c.World().Get(ctx, "/control/packages", &list)
	return list.Items, err
}

// Fire runs a schedule now.
func (c *Cloud) Fire(ctx context.Context, schedule string) error {
	return c.Controls().Post(ctx, "/schedules/"+schedule+"/fire", map[string]any{}, nil)
}

// Advance moves the cloud's clock, and returns when everybody has seen it: functions and queues look every 50 ms.
func (c *Cloud) Advance(ctx context.Context, by time.Duration) error {
	if err := c.Controls().Post(ctx, "/clock", map[string]any{"advance": by.String()}, nil); err != nil {
		return err
	}
	time.Sleep(120 * time.Millisecond)
	return nil
}

// Now is the cloud's time.
func (c *Cloud) Now(ctx context.Context) (time.Time, error) {
	var clock struct{ Now time.Time }
	err := c.Controls().Get(ctx, "/clock", &clock)
	return clock.Now, err
}

// Keys are the chambers' API keys, as the chambers' systems hold them.
func (c *Cloud) Keys() (map[string]string, error) {
	data, err := os.ReadFile(filepath.Join(c.Data, "outside", "keys.json"))
	if err != nil {
		return nil, err
	}
	var keys map[string]string
	return keys, json.Unmarshal(data, &keys)
}

// patience is how long Eventually waits: far longer than anything takes.
const patience = 90 * time.Second

// Eventually asks until the answer is yes, giving the schedules a push now and then; it gives up after a while and says what it waited for.
func (c *Cloud) Eventually(ctx context.Context, what string, ok func() (bool, error)) error {
	deadline := time.Now().Add(patience)
	for attempt := 0; ; attempt++ {
		done, err := ok()
		if done || err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("waited in vain: %s", what)
		}
		if attempt%4 == 3 {
			for _, schedule := range []string{"Inbox", "Sweep"} {
				if err := c.Fire(ctx, schedule); err != nil {
					return err
				}
			}
		}
		select {
		case <-time.After(250 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Has tells whether a message has a receipt of a kind.
func (m Mail) Has(kind string) bool {
	for _, r := range m.Receipts {
		if strings.EqualFold(r.Kind, kind) {
			return true
		}
	}
	return false
}

// Bare is a Message-ID without its angle brackets.
func Bare(id string) string { return strings.Trim(id, "<> ") }
