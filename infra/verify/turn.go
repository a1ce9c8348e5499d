package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"sportello/infra/verify/evidence"
	"sportello/infra/verify/finding"
	"sportello/infra/verify/trial"
)

// turned is what -flips found.
type turned struct {
	trial.Flips
	ways []trial.Deceit
	open []finding.Open
}

// turn changes copies in memory of archive and register, and of evidence files: bit by bit, then in the ways of somebody who knows how they are made.
// Each time the audit must name what was changed, or the first thing that depends on it.
func (o options) turn(ctx context.Context, stdout, stderr io.Writer) int {
	files, err := o.files()
	var t turned
	var trust evidence.Trust
	if err == nil {
		trust, err = o.trusted()
	}
	if err == nil && o.store {
		err = o.turnStore(ctx, &t, &trust, len(files) > 0)
	}
	for n, file := range files {
		if err == nil {
			err = t.evidence(file, trust, o.share(n, len(files)), o.seed+uint64(n))
		}
	}
	if err != nil {
		fmt.Fprintln(stderr, "verify:", err)
		return failed
	}
	return t.tell(stdout)
}

// evidenceShare is the share of the bits that is turned in evidence files, if there is a register too.
const evidenceShare = 10

// share is how many bits are turned in one of the evidence files.
func (o options) share(n, files int) int {
	all := o.flips
	if o.store {
		all = o.flips / evidenceShare
	}
	return all*(n+1)/files - all*n/files
}

// files are the evidence files: one, or those of a folder.
func (o options) files() ([]string, error) {
	if o.evidence == "" {
		return nil, nil
	}
	if info, err := os.Stat(o.evidence); err != nil || !info.IsDir() {
		return []string{o.evidence}, err
	}
	files, err := filepath.Glob(filepath.Join(o.evidence, "*.zip"))
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s: nessun fascicolo di prova (*.zip)", o.evidence)
	}
	return files, err
}

// turnStore does it to the register. The authorities that it came with are those of the evidence files, unless others are given.
func (o options) turnStore(ctx context.Context, t *turned, trust *evidence.Trust, files bool) error {
	in, err := o.open(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	if trust.Seals == nil {
		trust.Seals = in.Seals
	}
	if trust.Mail == nil {
		trust.Mail = in.Mail
	}
	s, err := trial.Open(ctx, in.Config)
	if err != nil {
		return err
	}
	n := o.flips
	if files {
		n -= o.flips / evidenceShare
	}
	if t.Flips, err = s.Flip(ctx, n, o.seed); err == nil {
		t.ways, err = s.Deceive(ctx)
	}
	t.open = s.Open()
	return err
}

func (t *turned) evidence(file string, trust evidence.Trust, n int, seed uint64) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	f, open, err := trial.Evidence(data, trust, n, seed)
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(file), err)
	}
	for _, o := range open {
		o.Where = filepath.Base(file) + ", " + o.Where
		t.open = append(t.open, o)
	}
	for n := range f.Faults {
		f.Faults[n] = filepath.Base(file) + ", " + f.Faults[n]
	}
	t.Flips = t.And(f)
	return nil
}

// tell prints what became of it all, and returns the exit code.
func (t turned) tell(out io.Writer) int {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "BIT CAMBIATI\tbyte\tcambiati\tnotati\tnomina lui\tlui e un altro\tchi ne dipende\tnon autenticati\t")
	all := trial.Tally{Kind: "in tutto"}
	for _, k := range t.Kinds {
		all = all.And(k)
	}
	for _, k := range append(slices.Clone(t.Kinds), all) {
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t\n", k.Kind, k.Bytes, k.Turned, k.Noticed(), k.Itself, k.Pair, k.Next, k.Argued)
	}
	_ = table.Flush()
	if t.Anew > 0 {
		fmt.Fprintf(out, "Di questi, %d giudicati anche da un controllo che non sapeva nulla in anticipo: stesso esito\n", t.Anew)
	}
	for _, fault := range t.Faults {
		fmt.Fprintln(out, "GUASTO", fault)
	}
	faults := len(t.Faults) + t.tellWays(out)
	t.tellOpen(out)
	switch {
	case faults > 0:
		fmt.Fprintf(out, "GUASTI: %d\n", faults)
		return broken
	case all.Argued > 0:
		fmt.Fprintf(out, "TUTTI NOTATI, tranne %d tra i byte che niente autentica\n", all.Argued)
	default:
		fmt.Fprintln(out, "TUTTI NOTATI")
	}
	return holds
}

func (t turned) tellWays(out io.Writer) (faults int) {
	if len(t.ways) > 0 {
		fmt.Fprintln(out, "INGANNI")
	}
	for _, w := range t.ways {
		switch {
		case w.None:
			fmt.Fprintf(out, "  - %s: non c'è su che cosa provarlo\n", w.What)
		case w.Fault:
			faults++
			fmt.Fprintf(out, "  - GUASTO %s: doveva essere nominato %q e invece %q\n", w.What, w.Wanted, w.Named)
		default:
			fmt.Fprintf(out, "  - %s: %s\n", w.What, w.Named)
		}
	}
	return faults
}

// tellOpen lists what nothing authenticates: the ranges of one file that have one reason on one line, of many the first.
func (t turned) tellOpen(out io.Writer) {
	type line struct{ where, why string }
	ranges := map[line][]finding.Open{}
	for _, o := range t.open {
		l := line{o.Where, o.Why}
		ranges[l] = append(ranges[l], o)
	}
	if len(ranges) > 0 {
		fmt.Fprintln(out, "NIENTE AUTENTICA, E PERCHÉ (tutti gli intervalli, byte per byte, in -json di un controllo)")
	}
	for _, l := range slices.SortedFunc(maps.Keys(ranges), func(a, b line) int { return strings.Compare(a.where+a.why, b.where+b.why) }) {
		said, size := "", 0
		for n, o := range ranges[l] {
			size += o.To - o.From
			switch {
			case n < fewRanges:
				said += fmt.Sprintf(", %d-%d", o.From, o.To-1)
			case n == fewRanges:
				said += fmt.Sprintf(" e altri %d", len(ranges[l])-n)
			}
		}
		fmt.Fprintf(out, "  - %s, byte %s (%d in tutto): %s\n", l.where, said[2:], size, l.why)
	}
}

// fewRanges is how many ranges of one reason are printed.
const fewRanges = 6
