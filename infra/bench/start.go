package main

import (
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
// from the local cloud, as from Parameter Store.
func starts(b *bench) ([]line, error) {
	var lines []line
	for _, f := range b.deployment.functions {
		l, err := b.startOne(f)
		if err != nil {
			l = failure("start."+f.Folder, err)
		}
		lines = append(lines, l)
	}
	return lines, nil
}

func (b *bench) startOne(f function) (line, error) {
	ours, nothing, err := b.hosts(f, nil)
	if err != nil {
		return line{}, err
	}
	defer ours.close()
	defer nothing.close()
	var took, worked [2]times
	rounds := b.rounds(50)
	for n := range rounds + 1 { // the first brings the programs into memory
		for side := range 2 {
			which := (n + side) % 2
			h := []*host{ours, nothing}[which]
			one, err := h.start(b.ctx)
			if err != nil {
				return line{}, err
			}
			processor := h.stop()
			if n > 0 {
				took[which], worked[which] = append(took[which], one), append(worked[which], processor)
			}
		}
	}
	papers, err := linked(ours.binary)
	if err != nil {
		return line{}, err
	}
	limit, why := 20.0, "nothing that reads or writes PDF is linked in"
	if len(papers) > 0 {
		limit, why = 80, "reads or writes PDF: "+strings.Join(papers, ", ")
	}
	return result("start."+f.Folder, millis(took[0].median()-took[1].median()), "ms at p50", atMost(limit), map[string]any{
		"functionP50Millis": round(millis(took[0].median())), "noopP50Millis": round(millis(took[1].median())),
		"functionProcessorMillis": round(millis(worked[0].median())), "noopProcessorMillis": round(millis(worked[1].median())),
		"functionP90Millis": round(millis(took[0].at(0.9))), "starts": rounds, "because": why,
	}), nil
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
