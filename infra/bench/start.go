package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
)

// documents are the packages that read and write PDF. Nearly every function has them among its dependencies; the linker keeps their code
// only where something calls it, and that is what lets a function take longer to start.
var documents = regexp.MustCompile(`(?:sportello/shared/platform/(?:pdf|pdffile|sealing)|github\.com/go-pdf/fpdf)\.[A-Za-z0-9_().*]+`)

// starts measures, for each function of the template, how much longer than the no-op function it takes from before its process is made to
// its first request for an invocation, fifty times each in turn, with the environment that the local cloud gives it: parameters are read
// from the local cloud, as from Parameter Store. The functions take turns too, so that what holds the machine up for a while hits no one alone.
func starts(b *bench) ([]line, error) {
	var all []*starting
	defer func() {
		for _, s := range all {
			s.ours.close()
			s.nothing.close()
		}
	}()
	var lines []line
	for _, f := range b.deployment.functions {
		s := &starting{name: "start." + f.Folder}
		var err error
		if s.ours, s.nothing, err = b.hosts(f, nil); err != nil {
			lines = append(lines, failure(s.name, err))
			continue
		}
		all = append(all, s)
	}
	for n := range b.rounds(50) + 1 { // the first brings the programs into memory
		for _, s := range all {
			if s.failed == nil {
				s.failed = s.pair(b.ctx, n)
			}
		}
	}
	for _, s := range all {
		lines = append(lines, s.line())
	}
	return lines, nil
}

// starting is a function and the no-op function, and how long they took.
type starting struct {
	name          string
	ours, nothing *host
	took, worked  [2]times
	failed        error
}

// pair starts both, each first every other time.
func (s *starting) pair(ctx context.Context, n int) error {
	for side := range 2 {
		which := (n + side) % 2
		h := []*host{s.ours, s.nothing}[which]
		one, err := h.start(ctx)
		if err != nil {
			return err
		}
		processor := h.stop()
		if n > 0 {
			s.took[which], s.worked[which] = append(s.took[which], one), append(s.worked[which], processor)
		}
	}
	return nil
}

func (s *starting) line() line {
	papers, err := linked(s.ours.binary)
	if err = errors.Join(s.failed, err); err != nil {
		return failure(s.name, err)
	}
	limit, why := 20.0, "nothing that reads or writes PDF is linked in"
	if len(papers) > 0 {
		limit, why = 80, "reads or writes PDF: "+strings.Join(papers, ", ")
	}
	return result(s.name, excess(s.took[0], s.took[1]), "ms at p50", atMost(limit), map[string]any{
		"functionP50Millis": round(millis(s.took[0].median())), "noopP50Millis": round(millis(s.took[1].median())),
		"functionProcessorMillis": round(millis(s.worked[0].median())), "noopProcessorMillis": round(millis(s.worked[1].median())),
		"functionP90Millis": round(millis(s.took[0].at(0.9))), "starts": len(s.took[0]), "because": why,
	})
}

// linked tells which packages for PDF have code in a program, and how many functions; what a package does when it is initialised counts for
// nothing.
func linked(binary string) ([]string, error) {
	program, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	functions := map[string]map[string]bool{}
	for _, found := range documents.FindAll(program, -1) {
		folder, name := path.Split(string(found))
		pkg, name, _ := strings.Cut(name, ".")
		if name == "init" || strings.HasPrefix(name, "init.") {
			continue
		}
		if functions[folder+pkg] == nil {
			functions[folder+pkg] = map[string]bool{}
		}
		functions[folder+pkg][name] = true
	}
	var list []string
	for _, pkg := range slices.Sorted(maps.Keys(functions)) {
		list = append(list, fmt.Sprintf("%s (%d functions)", pkg, len(functions[pkg])))
	}
	return list, nil
}
