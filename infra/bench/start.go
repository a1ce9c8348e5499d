package main

import (
	"fmt"
	"os/exec"
	"strings"
)

// documents are the packages by which a function reads or writes PDF, and so may take longer to start.
var documents = []string{"sportello/shared/platform/pdf", "sportello/shared/platform/pdffile", "sportello/shared/platform/sealing", "github.com/go-pdf/fpdf"}

// starts measures, for each function of the template, how much longer than the no-op function it takes from before its process is made to
// its first request for an invocation, fifty times each in turn, with the environment that the local cloud gives it: parameters are read
// from the local cloud, as from Parameter Store.
func starts(b *bench) ([]line, error) {
	papers, err := b.papers()
	if err != nil {
		return nil, err
	}
	var lines []line
	for _, f := range b.deployment.functions {
		l, err := b.startOne(f, papers[f.Folder])
		if err != nil {
			l = failure("start."+f.Folder, err)
		}
		lines = append(lines, l)
	}
	return lines, nil
}

func (b *bench) startOne(f function, papers []string) (line, error) {
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
	limit, why := 20.0, "no package that reads or writes PDF"
	if len(papers) > 0 {
		limit, why = 80, strings.Join(papers, ", ")
	}
	return result("start."+f.Folder, millis(took[0].median()-took[1].median()), "ms at p50", atMost(limit), map[string]any{
		"functionP50Millis": round(millis(took[0].median())), "noopP50Millis": round(millis(took[1].median())),
		"functionProcessorMillis": round(millis(worked[0].median())), "noopProcessorMillis": round(millis(worked[1].median())),
		"functionP90Millis": round(millis(took[0].at(0.9))), "starts": rounds, "because": why,
	}), nil
}

// papers lists, by folder, the packages for PDF that a function is made of.
func (b *bench) papers() (map[string][]string, error) {
	command := exec.CommandContext(b.ctx, "go", "list", "-f", `{{.ImportPath}} {{join .Deps " "}}`, "./functions/...")
	command.Dir = b.root
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("listing what functions are made of: %w", err)
	}
	papers := map[string][]string{}
	for l := range strings.Lines(string(out)) {
		words := strings.Fields(l)
		folder := strings.TrimPrefix(words[0], "sportello/functions/")
		for _, d := range documents {
			if strings.Contains(l, " "+d+" ") || strings.HasSuffix(strings.TrimSpace(l), " "+d) {
				papers[folder] = append(papers[folder], d)
			}
		}
	}
	return papers, nil
}
