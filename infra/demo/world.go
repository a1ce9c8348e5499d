package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// mail is a certified message as the outside world saw it.
type mail struct {
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

func (c *cloud) outside() *browser {
	return &browser{client: &http.Client{Transport: shared, Timeout: 30 * time.Second}, base: c.Outside}
}

func (c *cloud) control() *browser {
	return &browser{client: &http.Client{Transport: shared, Timeout: 60 * time.Second}, base: c.Control}
}

// mails returns the certified messages sent to an address, or all.
func (c *cloud) mails(ctx context.Context) ([]mail, error) {
	var list []mail
	err := c.outside().get(ctx, "/control/pec", &list)
	return list, err
}

// original returns a message as its recipient reads it.
func (c *cloud) original(ctx context.Context, id string) (string, error) {
	answer, err := c.outside().send(ctx, "GET", "/control/pec/"+id+"/original", nil, nil)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	return string(data), err
}

// write has a person send a certified message.
func (c *cloud) write(ctx context.Context, from, to, subject, text, inReplyTo string) error {
	message := map[string]any{"from": from, "to": to, "subject": subject, "text": text}
	if inReplyTo != "" {
		message["inReplyTo"] = inReplyTo
	}
	return c.outside().post(ctx, "/control/pec/incoming", message, nil)
}

// fire runs a schedule now.
func (c *cloud) fire(ctx context.Context, schedule string) error {
	return c.control().post(ctx, "/schedules/"+schedule+"/fire", map[string]any{}, nil)
}

// advance moves the cloud's clock. Functions look at it every fifty milliseconds: what is asked next must not be judged by two clocks.
func (c *cloud) advance(ctx context.Context, by time.Duration) error {
	err := c.control().post(ctx, "/clock", map[string]any{"advance": by.String()}, nil)
	time.Sleep(150 * time.Millisecond)
	return err
}

// now is the cloud's time.
func (c *cloud) now(ctx context.Context) (time.Time, error) {
	var clock struct{ Now time.Time }
	err := c.control().get(ctx, "/clock", &clock)
	return clock.Now, err
}

// keys are the chambers' API keys, as the chambers' systems hold them.
func (c *cloud) keys() (map[string]string, error) {
	data, err := os.ReadFile(filepath.Join(c.Data, "outside", "keys.json"))
	if err != nil {
		return nil, err
	}
	var keys map[string]string
	return keys, json.Unmarshal(data, &keys)
}

// eventually asks until the answer is yes, giving the schedules a push now and then; it gives up after a minute and says what it waited for.
func (c *cloud) eventually(ctx context.Context, what string, ok func() (bool, error)) error {
	deadline := time.Now().Add(90 * time.Second)
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
				if err := c.fire(ctx, schedule); err != nil {
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
