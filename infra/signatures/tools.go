package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sportello/shared/platform/signing/trust"
)

// anchors are what both tools are given to believe in: they read no trust list. Revocation OpenSSL has from the lists; pyHanko asks the services
// that the certificates name, by OCSP, and for the list where that answer settles nothing.
type anchors struct {
	Roots         []string `json:"roots"`         // files, DER
	Intermediates []string `json:"intermediates"` // files, DER
	Revocation    bool     `json:"revocation"`    // must be known of every certificate

	bundle string // all of it and the revocation lists in one PEM file, for OpenSSL
}

// gather fetches the authorities that stand on the trust list or above one that does, whatever their status there, with their revocation
// lists. An authority that no list knows is left out.
func gather(ctx context.Context, base string, list *trust.List, folder string) (a anchors, err error) {
	a.Revocation = true
	answer, err := ask(ctx, base+"/control/trust", "", nil)
	if err != nil {
		return a, err
	}
	var known struct {
		Authorities []struct{ Name, Certificate, CRL string }
	}
	if err := json.Unmarshal(answer, &known); err != nil {
		return a, err
	}
	var listed []*x509.Certificate
	for _, s := range list.Services {
		for _, der := range s.Certificates {
			c, err := x509.ParseCertificate(der)
			if err != nil {
				return a, err
			}
			listed = append(listed, c)
		}
	}
	var bundle bytes.Buffer
	for _, authority := range known.Authorities {
		der, err := ask(ctx, authority.Certificate, "", nil)
		if err != nil {
			return a, err
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return a, err
		}
		if !slices.ContainsFunc(listed, func(l *x509.Certificate) bool { return l.Equal(c) || l.CheckSignatureFrom(c) == nil }) {
			continue
		}
		crl, err := ask(ctx, authority.CRL, "", nil)
		if err != nil {
			return a, err
		}
		file := filepath.Join(folder, authority.Name)
		if err := os.WriteFile(file+".crt", der, 0o600); err != nil {
			return a, err
		}
		kind := &a.Intermediates
		if bytes.Equal(c.RawIssuer, c.RawSubject) {
			kind = &a.Roots
		}
		*kind = append(*kind, file+".crt")
		bundle.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
		bundle.Write(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: crl}))
	}
	a.bundle = filepath.Join(folder, "bundle.pem")
	return a, os.WriteFile(a.bundle, bundle.Bytes(), 0o600)
}

// toolTime is how long a tool may take over one file.
const toolTime = time.Minute

// openssl is the command-line tool.
type openssl struct {
	program, version string
	anchors          anchors
	folder           string
}

// newOpenSSL finds the tool; nil where there is none.
func newOpenSSL(ctx context.Context, a anchors, folder string) *openssl {
	program, err := exec.LookPath("openssl")
	if err != nil {
		return nil
	}
	version, err := exec.CommandContext(ctx, program, "version").Output()
	if err != nil {
		return nil
	}
	return &openssl{program, strings.TrimSpace(string(version)), a, folder}
}

// call runs the tool. Words are what it said where it says what went wrong.
func (o *openssl) call(ctx context.Context, args ...string) (out, words string, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, toolTime)
	defer cancel()
	command := exec.CommandContext(ctx, o.program, args...)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	err := command.Run()
	return stdout.String(), errorWords(stderr.String()), err == nil
}

// errorWords takes the reasons out of OpenSSL's error lines: thread:error:code:library:function:reason:file:line:details.
func errorWords(text string) string {
	var words []string
	add := func(s string) {
		if s = strings.TrimSpace(s); s != "" && !slices.Contains(words, s) {
			words = append(words, s)
		}
	}
	for line := range strings.Lines(text) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 9)
		if len(fields) < 6 || fields[1] != "error" {
			continue
		}
		said := fields[5]
		if len(fields) == 9 && fields[8] != "" && !strings.HasPrefix(fields[8], "Type=") && !strings.HasPrefix(fields[8], "Field=") {
			said += " (" + strings.TrimPrefix(fields[8], "Verify error: ") + ")"
		}
		add(said)
	}
	if len(words) == 0 {
		for line := range strings.Lines(text) {
			if !strings.HasPrefix(line, "Using configuration") && !strings.Contains(line, "Verification: OK") {
				add(line)
			}
		}
	}
	return strings.ReplaceAll(strings.Join(words, "; "), "Verify error:", "")
}

func (o *openssl) put(name string, content []byte) (string, error) {
	file := filepath.Join(o.folder, name)
	return file, os.WriteFile(file, content, 0o600)
}

// of is its opinion of a file. Every signature has to hold.
func (o *openssl) of(ctx context.Context, file []byte) (opinion, error) {
	if bytes.HasPrefix(file, []byte("%PDF-")) {
		return o.pdf(ctx, file)
	}
	content := unwrapped(file)
	for range 5 {
		got, err := o.message(ctx, content, nil)
		if err != nil || !got.accepts() {
			return got, err
		}
		if content, err = os.ReadFile(filepath.Join(o.folder, "opened")); err != nil {
			return opinion{}, err
		}
		if !looksSigned(content) {
			return got, nil
		}
	}
	return opinion{invalid, "five envelopes opened"}, nil
}

func (o *openssl) pdf(ctx context.Context, file []byte) (opinion, error) {
	all, err := pdfSignatures(file)
	if err != nil || len(all) == 0 {
		return opinion{invalid, "no signature that can be taken out of the PDF"}, nil
	}
	for _, one := range all {
		got, err := o.message(ctx, one.message, one.covered)
		if err != nil || !got.accepts() {
			return got, err
		}
	}
	return opinion{Verdict: valid}, nil
}

// message judges one CMS message. The tool does not look for a timestamp itself: where there is one that it finds good, it is told to judge
// the certificates at that instant, and the revocation lists of today apart from that, for they were not there yet.
func (o *openssl) message(ctx context.Context, message, content []byte) (opinion, error) {
	in, err := o.put("message", message)
	if err != nil {
		return opinion{}, err
	}
	args := []string{"cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", in, "-out", filepath.Join(o.folder, "opened"),
		"-CAfile", o.anchors.bundle, "-no-CApath", "-no-CAstore"}
	if content != nil {
		covered, err := o.put("covered", content)
		if err != nil {
			return opinion{}, err
		}
		args = append(args, "-content", covered)
	}
	ways := [][]string{{"-crl_check_all"}}
	at, err := o.stampedAt(ctx, message)
	if err != nil {
		return opinion{}, err
	}
	if !at.IsZero() {
		ways = [][]string{{"-attime", fmt.Sprint(at.Unix())}, {"-crl_check_all", "-no_check_time"}}
	}
	for _, way := range ways {
		if _, words, ok := o.call(ctx, append(slices.Clone(args), way...)...); !ok {
			return opinion{invalid, words}, ctx.Err()
		}
	}
	return opinion{Verdict: valid}, nil
}

// stampedAt is the instant of a message's timestamp, if the tool itself finds that good; else zero.
func (o *openssl) stampedAt(ctx context.Context, message []byte) (time.Time, error) {
	value, token := stamp(message)
	if token == nil {
		return time.Time{}, nil
	}
	signature, err1 := o.put("value", value)
	stamped, err2 := o.put("token", token)
	if err := errors.Join(err1, err2); err != nil {
		return time.Time{}, err
	}
	if _, _, ok := o.call(ctx, o.stampArgs(signature, stamped)...); !ok {
		return time.Time{}, nil
	}
	said, _, _ := o.call(ctx, "ts", "-reply", "-in", stamped, "-token_in", "-text")
	return saidTime(said), nil
}

func (o *openssl) stampArgs(data, token string) []string {
	return []string{"ts", "-verify", "-data", data, "-in", token, "-token_in", "-CAfile", o.anchors.bundle, "-crl_check_all"}
}

// saidTime reads the instant out of the tool's description of a timestamp.
func saidTime(text string) time.Time {
	for line := range strings.Lines(text) {
		if said, found := strings.CutPrefix(line, "Time stamp: "); found {
			at, err := time.Parse("Jan _2 15:04:05 2006 GMT", strings.TrimSpace(said))
			if err == nil {
				return at
			}
		}
	}
	return time.Time{}
}
