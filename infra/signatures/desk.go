package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// desk is the outside world, started for one run, with its signing desk and its authorities.
type desk struct {
	base    string
	process *exec.Cmd
}

// startDesk starts the outside world on free ports with data of its own.
func startDesk(ctx context.Context, program, folder string) (*desk, error) {
	d := &desk{process: exec.CommandContext(ctx, program, "-http", "127.0.0.1:0", "-smtp", "127.0.0.1:0", "-imap", "127.0.0.1:0",
		"-data", filepath.Join(folder, "outside"))}
	d.process.Cancel = func() error { return d.process.Process.Signal(syscall.SIGTERM) }
	d.process.WaitDelay = 5 * time.Second
	out, err := d.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := d.process.Start(); err != nil {
		return nil, fmt.Errorf("starting the outside world: %w", err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		said, ready := strings.CutPrefix(lines.Text(), "READY ")
		if !ready {
			continue
		}
		var at struct {
			HTTP string `json:"http"`
		}
		if err := json.Unmarshal([]byte(said), &at); err != nil {
			d.stop()
			return nil, fmt.Errorf("reading the outside world's addresses: %w", err)
		}
		d.base = at.HTTP
		return d, nil
	}
	d.stop()
	return nil, errors.New("the outside world ended before it was ready")
}

func (d *desk) stop() {
	_ = d.process.Process.Signal(syscall.SIGTERM) // it may be gone already
	_ = d.process.Wait()
}

// maxAnswer is more than any file of the desk.
const maxAnswer = 64 << 20

// ask is one call; body nil is a GET.
func ask(ctx context.Context, address, contentType string, body []byte) ([]byte, error) {
	method := http.MethodGet
	if body != nil {
		method = http.MethodPost
	}
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s %s: %s: %.200s", method, request.URL.Path, response.Status, answer)
	}
	return answer, nil
}

// offer is what the desk can sign and how.
type offer struct {
	Styles []struct {
		ID       string   `json:"id"`
		Detached bool     `json:"detached"`
		Faults   []string `json:"faults"`
	} `json:"styles"`
	Keys   []struct{ ID string }
	Faults []struct{ ID, Expected string }
}

func (d *desk) offer(ctx context.Context) (o offer, sample []byte, err error) {
	list, err := ask(ctx, d.base+"/control/sign", "", nil)
	if err != nil {
		return o, nil, err
	}
	if err := json.Unmarshal(list, &o); err != nil || len(o.Keys) == 0 {
		return o, nil, errors.Join(errors.New("the desk's list cannot be read"), err)
	}
	sample, err = ask(ctx, d.base+"/control/sign/sample.pdf", "", nil)
	return o, sample, err
}

// persona signs: one who represents a company.
const persona = "giulia"

func (d *desk) sign(ctx context.Context, c combination, document []byte) ([]byte, error) {
	q := url.Values{"persona": {persona}, "style": {c.Style}, "fault": {c.Fault}, "key": {c.Key}, "name": {"listino.pdf"}}
	return ask(ctx, d.base+"/control/sign?"+q.Encode(), "application/octet-stream", document)
}

// combination is a way of signing, and what the desk says a careful reader finds.
type combination struct {
	Style    string `json:"style"`
	Fault    string `json:"fault"`
	Key      string `json:"key"`
	Expected string `json:"expected"`
}

func (c combination) name() string { return c.Style + " " + c.Fault + " " + c.Key }

// combinations are every style with every fault that fits it, keys taking turns, and every key with every style that is sound.
func (o offer) combinations() []combination {
	expected := map[string]string{}
	for _, f := range o.Faults {
		expected[f.ID] = f.Expected
	}
	var all []combination
	add := func(style string, detached bool, fault, key string) {
		c := combination{style, fault, key, expected[fault]}
		if detached && c.Expected == "valid" {
			c.Expected = "invalid" // the document is not in the file
		}
		if !slices.Contains(all, c) {
			all = append(all, c)
		}
	}
	turn := 0
	for _, s := range o.Styles {
		for _, k := range o.Keys {
			add(s.ID, s.Detached, "none", k.ID)
		}
		for _, f := range s.Faults {
			if f != "none" {
				add(s.ID, s.Detached, f, o.Keys[turn%len(o.Keys)].ID)
				turn++
			}
		}
	}
	return all
}
