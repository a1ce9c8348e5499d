package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"sportello/infra/verify/audit"
)

// tell prints the verdict and returns the exit code.
func (o options) tell(out io.Writer, r audit.Report) int {
	if o.json {
		encoder := json.NewEncoder(out)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		_ = encoder.Encode(r)
	} else {
		show(out, r)
	}
	if r.OK {
		return holds
	}
	return broken
}

// show prints what was looked at, what stays open and the verdict, for a person.
func show(out io.Writer, r audit.Report) {
	c := r.Checked
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range []struct {
		what   string
		n      int
		detail string
	}{
		{"Registri", c.Books, heads(r)},
		{"Registrazioni", c.Entries, fmt.Sprintf("più %d annotazioni", c.Annexes)},
		{"Blocchi archiviati", c.Blocks, ""},
		{"Giorni chiusi", c.Seals, lastDays(r)},
		{"Giorni dichiarati", c.Statements, ""},
		{"Pacchetti", c.Packages, fmt.Sprintf("%d con il rapporto di versamento", c.Receipts)},
		{"Messaggi PEC", c.Mails, ""},
		{"Righe del registro", c.Rows, ""},
	} {
		fmt.Fprintf(table, "%s\t%d\t%s\n", row.what, row.n, row.detail)
	}
	_ = table.Flush()
	for _, note := range r.Notes {
		fmt.Fprintln(out, "Nota:", note)
	}
	if r.OK {
		fmt.Fprintln(out, "TUTTO TORNA")
		return
	}
	fmt.Fprintln(out, "ROTTO", r.Broken.Error())
}

func heads(r audit.Report) string {
	var list []string
	for _, h := range r.Heads {
		list = append(list, fmt.Sprintf("%s fino a seq %d", h.Book, h.Seq))
	}
	return strings.Join(list, ", ")
}

func lastDays(r audit.Report) string {
	var list []string
	for _, s := range r.Seals {
		list = append(list, fmt.Sprintf("%s fino al %s", s.Chamber, s.Day))
	}
	return strings.Join(list, ", ")
}
