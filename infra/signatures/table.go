package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// row is one case: what the desk says of the file, and what everyone finds.
type row struct {
	combination
	Ours    opinion `json:"ours"`
	OpenSSL opinion `json:"openssl"`
	PyHanko opinion `json:"pyhanko"`
	// Causes are the keys of the reasons for which a tool and we disagree; Open are disagreements that none explains.
	Causes []string `json:"causes,omitempty"`
	Open   []string `json:"unexplained,omitempty"`
}

// The tools, as reasons name them.
const (
	OpenSSL = "OpenSSL"
	PyHanko = "pyHanko"
)

// settle compares the opinions.
func (r *row) settle() {
	r.Causes, r.Open = nil, nil
	if r.Ours.Verdict != r.Expected {
		r.Open = append(r.Open, "the desk")
	}
	for _, tool := range []struct {
		name string
		says opinion
	}{{OpenSSL, r.OpenSSL}, {PyHanko, r.PyHanko}} {
		if tool.says.Verdict == missing {
			continue
		}
		if tool.says.accepts() == r.Ours.accepts() {
			if !akin(tool.name, r.Ours, tool.says) {
				r.Open = append(r.Open, tool.name+" refuses it for another reason")
			}
			continue
		}
		cause := causeOf(tool.name, r.Ours, tool.says)
		if cause == "" {
			r.Open = append(r.Open, tool.name)
		} else if !slices.Contains(r.Causes, cause) {
			r.Causes = append(r.Causes, cause)
		}
	}
}

func (r row) agreement() string {
	switch {
	case len(r.Open) > 0:
		return "UNEXPLAINED: " + strings.Join(r.Open, ", ")
	case len(r.Causes) > 0:
		return "explained: " + strings.Join(r.Causes, ", ")
	}
	return "agree"
}

// judgeDesk is the table.
func (o options) judgeDesk(ctx context.Context, folder string, out io.Writer) error {
	d, err := startDesk(ctx, o.outside, folder)
	if err != nil {
		return err
	}
	defer d.stop()
	list, sample, err := d.offer(ctx)
	if err != nil {
		return err
	}
	var cases []combination
	var files [][]byte
	for _, c := range list.combinations() {
		if !strings.Contains(c.name(), o.only) {
			continue
		}
		file, err := d.sign(ctx, c, sample)
		if err != nil {
			return fmt.Errorf("signing %s: %w", c.name(), err)
		}
		cases, files = append(cases, c), append(files, file)
	}
	// The revocation lists are fetched when everyone has a certificate, revoked ones included.
	j, err := newJudge(ctx, d.base)
	if err != nil {
		return err
	}
	a, err := gather(ctx, d.base, j.list, folder)
	if err != nil {
		return err
	}
	t := table{judge: j, openssl: newOpenSSL(ctx, a, folder), folder: folder, out: out, whole: o.only == ""}
	p, why := newPyHanko(ctx, o.python, a)
	if t.pyhanko = p; p != nil {
		defer p.stop()
	}
	t.head(why)
	for i, c := range cases {
		if err := t.add(ctx, c, files[i]); err != nil {
			return fmt.Errorf("judging %s: %w", c.name(), err)
		}
	}
	if err := writeLines(o.json, t.rows); err != nil {
		return err
	}
	return t.foot()
}

// writeLines writes JSON lines into a file, if one is named.
func writeLines[T any](path string, lines []T) error {
	if path == "" {
		return nil
	}
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	for _, one := range lines {
		if err := encoder.Encode(one); err != nil {
			return err
		}
	}
	return os.WriteFile(path, []byte(b.String()), 0o600)
}

type table struct {
	judge   *judge
	openssl *openssl
	pyhanko *pyhanko
	folder  string
	out     io.Writer
	whole   bool // all cases are in it
	rows    []row
}

func (t *table) add(ctx context.Context, c combination, file []byte) (err error) {
	r := row{combination: c, OpenSSL: opinion{Verdict: missing}, PyHanko: opinion{Verdict: missing}}
	if r.Ours, err = t.judge.of(ctx, file); err != nil {
		return err
	}
	if t.openssl != nil {
		if r.OpenSSL, err = t.openssl.of(ctx, file); err != nil {
			return err
		}
	}
	if t.pyhanko != nil {
		path := filepath.Join(t.folder, "file")
		if err := os.WriteFile(path, unwrappedUnlessPDF(file), 0o600); err != nil {
			return err
		}
		if r.PyHanko, err = t.pyhanko.ask(question{File: path}); err != nil {
			return err
		}
	}
	r.settle()
	t.rows = append(t.rows, r)
	t.line(c.Style, c.Fault, c.Key, c.Expected, r.Ours.Verdict+" "+r.Ours.Words, r.OpenSSL.Verdict, r.PyHanko.Verdict, r.agreement())
	return nil
}

func unwrappedUnlessPDF(file []byte) []byte {
	if strings.HasPrefix(string(file[:min(len(file), 5)]), "%PDF-") {
		return file
	}
	return unwrapped(file)
}

// head names the tools. Why is what keeps pyHanko away.
func (t *table) head(why error) {
	said := []string{"OpenSSL is not here: its column is empty", fmt.Sprintf("pyHanko is not here: its column is empty (%v)", why)}
	if t.openssl != nil {
		said[0] = t.openssl.version
	}
	if t.pyhanko != nil {
		said[1] = t.pyhanko.version
	}
	fmt.Fprintf(t.out, "%s\n\n", strings.Join(said, "\n"))
	t.line("style", "fault", "key", "desk", "ours", "OpenSSL", "pyHanko", "")
}

func (t *table) line(style, fault, key, desk, ours, openssl, pyhanko, rest string) {
	fmt.Fprintln(t.out, strings.TrimRight(fmt.Sprintf("%-14s  %-23s  %-7s  %-7s  %-34s  %-7s  %-7s  %s", style, fault, key, desk, ours, openssl, pyhanko, rest), " "))
}

// foot sums up, gives the reasons with the tools' own words, and says what the run came to.
func (t *table) foot() error {
	agree, explained, open := 0, 0, 0
	said := map[string][]string{} // what a tool said, by cause
	for _, r := range t.rows {
		switch {
		case len(r.Open) > 0:
			open++
			fmt.Fprintf(t.out, "\nUNEXPLAINED %s\n  desk    %s\n  ours    %s %s\n  OpenSSL %s %s\n  pyHanko %s %s\n", r.name(), r.Expected,
				r.Ours.Verdict, r.Ours.Words, r.OpenSSL.Verdict, r.OpenSSL.Words, r.PyHanko.Verdict, r.PyHanko.Words)
		case len(r.Causes) > 0:
			explained++
		default:
			agree++
		}
		for _, cause := range r.Causes {
			said[cause] = append(said[cause], r.name())
		}
	}
	t.words()
	fmt.Fprintf(t.out, "\n%d cases: %d agree, %d disagree for a written reason, %d unexplained\n", len(t.rows), agree, explained, open)
	for _, x := range reasons {
		if cases := said[x.cause]; len(cases) > 0 {
			fmt.Fprintf(t.out, "\n%s (%d cases, %s)\n  %s\n", x.cause, len(cases), x.tool, x.text)
		} else if t.whole && t.has(x.tool) {
			fmt.Fprintf(t.out, "\nSTALE %s (%s): no disagreement has this reason any more\n", x.cause, x.tool)
		}
	}
	switch {
	case open > 0:
		return errDisagree
	case t.openssl == nil || t.pyhanko == nil:
		fmt.Fprintln(t.out, "\nA tool is missing: the table is not whole.")
		return errPartial
	}
	return nil
}

// words are what the tools said where all refuse: the same fault in each one's own language.
func (t *table) words() {
	said := map[string][2]string{}
	for _, r := range t.rows {
		if _, known := said[r.Ours.Words]; !known && r.Ours.Verdict == invalid && r.OpenSSL.Verdict == invalid && r.PyHanko.Verdict == invalid {
			said[r.Ours.Words] = [2]string{r.OpenSSL.Words, r.PyHanko.Words}
		}
	}
	if len(said) == 0 {
		return
	}
	fmt.Fprint(t.out, "\nWhere all three refuse, in each one's own words (the first case of each):\n")
	for _, code := range slices.Sorted(maps.Keys(said)) {
		fmt.Fprintf(t.out, "  %-26s  %-62.62s  %.110s\n", code, said[code][0], said[code][1])
	}
}

func (t *table) has(tool string) bool {
	return tool == OpenSSL && t.openssl != nil || tool == PyHanko && t.pyhanko != nil
}
