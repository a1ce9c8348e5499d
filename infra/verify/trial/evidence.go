package trial

import (
	"sportello/infra/verify/evidence"
	"sportello/infra/verify/finding"
)

// Evidence turns bits of an evidence file that holds, as evidence.Flip does; of the list and of the zip's headers, on which everything depends,
// whatever is named counts. It returns too what nothing in the file authenticates.
func Evidence(data []byte, trust evidence.Trust, n int, seed uint64) (Flips, []finding.Open, error) {
	report := evidence.Check(data, trust)
	if !report.OK {
		return Flips{}, nil, report.Broken
	}
	result := Flips{Kinds: []Tally{{Kind: "fascicolo di prova", Bytes: len(data)}}}
	for _, f := range evidence.Flip(data, trust, n, seed) {
		j := judged{flip: flip{thing: thing{name: f.Place}, at: f.At, bit: f.Bit, names: []string{f.Place}}, broken: f.Broken}
		j.argued = f.Anew && finding.Covers(report.Unauthenticated, f.Place, f.At)
		if (f.Place == evidence.List || f.Place == evidence.Around) && f.Broken != nil {
			j.next = f.Broken.Where
		}
		j.count(&result.Kinds[0], &result)
	}
	return result, report.Unauthenticated, nil
}
