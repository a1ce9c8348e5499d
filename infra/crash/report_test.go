//go:build road

package crash

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// elsewhere are the rows of the table of crash points that no complaint comes to.
var elsewhere = [][2]string{
	{"PAY / provider not called", "a complaint costs nothing: comes with payments"},
	{"notice archived / no transaction", "a complaint costs nothing: comes with payments"},
	{"seal signed / no timestamp", "day seals carry no timestamp yet: comes with the timestamp authority"},
}

// report prints the table.
func report(w io.Writer, all []*crash) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "row\tpoint\teffect\tfault hit\tredeliveries\tverdict")
	wrong := 0
	for _, c := range all {
		verdict := "ok"
		if len(c.verdict) > 0 {
			verdict = c.verdict[0]
			wrong++
		}
		hits := fmt.Sprint(c.hits)
		if c.fault == "" {
			hits = "-"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%s\n", c.row, c.point.name, c.effect.name, hits, c.redelivered, verdict)
	}
	for _, row := range elsewhere {
		fmt.Fprintf(t, "%s\t-\t-\t-\t-\tnot applicable: %s\n", row[0], row[1])
	}
	_ = t.Flush()
	fmt.Fprintf(w, "CRASH %d cases, %d wrong\n", len(all), wrong)
}
