package audit_test

import (
	"encoding/asn1"
	"strings"
	"testing"

	"github.com/smallstep/pkcs7"

	"sportello/infra/verify/audit"
	"sportello/infra/verify/deposit"
	"sportello/infra/verify/trial"
)

// flips is how many single bits are turned over. There is no byte of these objects that nothing vouches for: blocks are held to their rows and
// their chain, seals to each other and to the table, packages to their receipts, receipts to their signature and to one spelling, received mail to its
// name, sent mail to its package or its delivery receipt. What has no witness yet (a package before its receipt, a message before either) is told in a
// note, and is not in this world.
func flips() int {
	if testing.Short() {
		return 600
	}
	return 3000
}

// Every bit is noticed, and what is named is what was changed, or the first that depends on it. Of every fiftieth an audit that knew nothing
// beforehand says the very same: the trial's own way of going quickly hides nothing.
func TestFlips(t *testing.T) {
	t.Parallel()
	w := build()
	w.notice(`{"iuv":"` + iuv + `","amount":300}`)
	s, err := trial.Open(t.Context(), w.config())
	if err != nil {
		t.Fatal(err)
	}
	f, err := s.Flip(t.Context(), flips(), 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range f.Faults {
		t.Error(fault)
	}
	if len(s.Open()) > 0 || f.Anew < flips()/50 || len(f.Kinds) != 13 {
		t.Errorf("%v, %d judged anew, %d kinds", s.Open(), f.Anew, len(f.Kinds))
	}
	for _, k := range f.Kinds {
		if k.Turned < flips()/len(f.Kinds) || k.Noticed() != k.Turned {
			t.Errorf("%+v", k)
		}
	}
}

// What nothing vouches for yet is listed, and is all that goes unnoticed.
func TestFlipsOfWhatWaits(t *testing.T) {
	t.Parallel()
	w := build()
	delete(w.objects, receiptA)
	w.applications[row("APP#"+caseA, "META")] = `{"state":"closed"}`
	w.objects["mail/out/"+caseB+"/"+event("2")+"-a.eml"] = []byte(message(caseB, event("2")+"-a"))
	w.undeclared("2027-01-03", "statement.tst", "package.zip", "receipt.p7m")
	delete(w.applications, row("SEAL#milano", "2027-01-03"))
	note := pkcs7.Attribute{Type: asn1.ObjectIdentifier{1, 2, 3, 4}, Value: strings.Repeat("nota", 2500)}
	w.objects[dayKey(tuesday, "receipt.p7m")] = rapporto(theTrust().preservation, "registro-milano-"+tuesday, w.objects[dayKey(tuesday, "package.zip")], note)
	s, err := trial.Open(t.Context(), w.config())
	if err != nil {
		t.Fatal(err)
	}
	var open []string
	for _, o := range s.Open() {
		open = append(open, o.Where)
	}
	want := packageA + " mail/out/" + caseB + "/" + event("2") + "-a.eml " + dayKey(tuesday, "receipt.p7m") + " " + dayKey("2027-01-03", "statement.p7s")
	if strings.Join(open, " ") != want {
		t.Errorf("open: %q", open)
	}
	f, err := s.Flip(t.Context(), flips()/5, 2)
	argued := map[string]int{}
	for _, k := range f.Kinds {
		argued[k.Kind] = k.Argued
	}
	if err != nil || len(f.Faults) > 0 || argued["sigilli"] == 0 || argued["messaggi PEC spediti"] == 0 || argued["rapporti di versamento"] == 0 || argued["blocchi archiviati"] > 0 {
		t.Errorf("%v %q %v", err, f.Faults, argued)
	}
}

func TestDeceptions(t *testing.T) {
	t.Parallel()
	s, err := trial.Open(t.Context(), build().config())
	if err != nil {
		t.Fatal(err)
	}
	ways, err := s.Deceive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range ways {
		if w.Fault || w.None {
			t.Errorf("%+v", w)
		}
	}
}

// What is known of bytes is no verdict on others: with another list of authorities, or with other bytes, everything is computed.
func TestKnown(t *testing.T) {
	w := build()
	c := w.config()
	report, known, err := audit.Learn(t.Context(), c)
	if err != nil || !report.OK {
		t.Fatal(err, report.Broken)
	}
	c.Known = known
	if r := look(t, c); !r.OK {
		t.Error(r.Broken)
	}
	c.Preservation = roots(theTrust().stranger)
	if r := look(t, c); r.OK || !strings.Contains(r.Broken.What, "di cui ci si fida") {
		t.Errorf("other authorities: %v", r.Broken)
	}
	c = w.config()
	c.Known = known
	w.objects[receiptA][len(w.objects[receiptA])-1] ^= 1
	if r := look(t, c); r.OK || r.Broken.Where != receiptA {
		t.Errorf("other bytes: %v", r.Broken)
	}
}

// Every bit of a receipt, one after the other: no byte of its CMS structure may change unnoticed, certificates included.
func TestEveryBitOfAReceipt(t *testing.T) {
	t.Parallel()
	w := build()
	pack, receipt := w.objects[packageA], w.objects[receiptA]
	roots := roots(theTrust().preservation)
	opened, err := deposit.Open(pack)
	if err != nil {
		t.Fatal(err)
	}
	holds := func() bool {
		r, err := deposit.OpenReceipt(receipt, roots)
		return err == nil && r.About(caseA, len(pack), digest(string(pack)), opened.Names) == nil
	}
	if !holds() {
		t.Fatal("the receipt does not hold as it is")
	}
	step := 1
	if testing.Short() {
		step = 7
	}
	for bit := 0; bit < 8*len(receipt); bit += step {
		receipt[bit/8] ^= 1 << (bit % 8)
		if holds() {
			t.Errorf("byte %d of %d, bit %d: not noticed", bit/8, len(receipt), bit%8)
		}
		receipt[bit/8] ^= 1 << (bit % 8)
	}
}
