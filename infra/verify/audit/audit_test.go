package audit_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"sportello/infra/verify/audit"
)

func TestHolds(t *testing.T) {
	report := look(t, build().config())
	if report.Broken != nil {
		t.Fatal(report.Broken)
	}
	want := audit.Counts{Books: 3, Entries: 11, Annexes: 2, Blocks: 10, Seals: 7, Statements: 7, Packages: 1, Receipts: 8, Mails: 7, Rows: 0}
	want.Rows = report.Checked.Rows
	if diff := cmp.Diff(want, report.Checked); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"in attesa di un numero dopo la chiusura del loro giorno: 1"}, report.Notes); diff != "" {
		t.Error(diff)
	}
}
