package main

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"
)

//go:embed pyhanko.py
var script string

// pyhanko is one Python process that judges file after file: starting it takes longer than judging.
type pyhanko struct {
	version string
	command *exec.Cmd
	in      io.WriteCloser
	lines   *bufio.Scanner
	errors  bytes.Buffer
}

// newPyHanko starts the interpreter. An error is that there is none, or that it has no pyHanko.
func newPyHanko(ctx context.Context, interpreter string, a anchors) (*pyhanko, error) {
	if interpreter == "" {
		return nil, errors.New("no interpreter is named")
	}
	p := &pyhanko{command: exec.CommandContext(ctx, interpreter, "-c", script)}
	p.command.Stderr, p.command.WaitDelay = &p.errors, time.Second
	in, err1 := p.command.StdinPipe()
	out, err2 := p.command.StdoutPipe()
	if err := errors.Join(err1, err2, p.command.Start()); err != nil {
		return nil, err
	}
	p.in, p.lines = in, bufio.NewScanner(out)
	p.lines.Buffer(nil, 1<<20)
	var hello struct{ Version string }
	if err := p.talk(a, &hello); err != nil {
		return nil, err
	}
	p.version = "pyHanko " + hello.Version
	return p, nil
}

// talk sends one line and reads one.
func (p *pyhanko) talk(question, answer any) error {
	line, err := json.Marshal(question)
	if err != nil {
		return err
	}
	if _, err := p.in.Write(append(line, '\n')); err != nil || !p.lines.Scan() {
		p.stop() // and what it said at its end is all there
		return fmt.Errorf("pyHanko ended: %s", lastLine(p.errors.String()))
	}
	return json.Unmarshal(p.lines.Bytes(), answer)
}

// lastLine is what a Python program says in the end of what it died of.
func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return text[strings.LastIndexByte(text, '\n')+1:]
}

// question is about a file on disk. Content is set when the signature stands beside what is signed.
type question struct {
	File    string  `json:"file"`
	Content string  `json:"content,omitempty"`
	Seconds float64 `json:"seconds"`
}

// ask has its opinion.
func (p *pyhanko) ask(q question) (o opinion, err error) {
	q.Seconds = toolTime.Seconds()
	err = p.talk(q, &o)
	return o, err
}

func (p *pyhanko) stop() {
	_ = p.in.Close()
	_ = p.command.Wait() // killed at the end of the run, if it has not ended
}
