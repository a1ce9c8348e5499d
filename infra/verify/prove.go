package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"sportello/infra/verify/evidence"
	"sportello/infra/verify/signature"
)

// prove checks an evidence file.
func (o options) prove(stdout, stderr io.Writer) int {
	data, err := os.ReadFile(o.evidence)
	var trust evidence.Trust
	if err == nil {
		trust, err = o.trusted()
	}
	if err != nil {
		fmt.Fprintln(stderr, "verify:", err)
		return failed
	}
	report := evidence.Check(data, trust)
	if o.json {
		encoder := json.NewEncoder(stdout)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		_ = encoder.Encode(report)
	} else {
		explain(stdout, report, o.trust != "")
	}
	if !report.OK {
		return broken
	}
	return holds
}

func (o options) trusted() (evidence.Trust, error) {
	var t evidence.Trust
	for _, one := range []struct {
		path string
		into **signature.Roots
	}{{o.trust, &t.Seals}, {o.mail, &t.Mail}} {
		if one.path == "" {
			continue
		}
		bundle, err := os.ReadFile(one.path)
		if err == nil {
			*one.into, err = signature.ParseRoots(bundle)
		}
		if err != nil {
			return t, err
		}
	}
	return t, nil
}

// explain tells a person what holds, against which keys, and what does not.
func explain(out io.Writer, r evidence.Report, pinned bool) {
	section := func(title string, lines []string) {
		if len(lines) > 0 {
			fmt.Fprintln(out, title)
		}
		for _, line := range lines {
			fmt.Fprintln(out, "  -", line)
		}
	}
	fmt.Fprintln(out, "Fascicolo di prova della pratica", r.Application)
	section("TORNA", r.Holds)
	section("CON QUESTE CHIAVI", r.Keys)
	if pinned {
		fmt.Fprintln(out, "  gli emittenti di sigillo e marca temporale sono tra le autorità indicate con -trust")
	}
	section("NON C'È, O NON ANCORA", r.Missing)
	section("NON AUTENTICATO, E PERCHÉ", r.Open)
	if r.OK {
		fmt.Fprintln(out, "TUTTO TORNA")
		return
	}
	fmt.Fprintln(out, "ROTTO", r.Broken.Error())
}
