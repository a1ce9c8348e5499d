package audit_test

import (
	"math/rand/v2"
	"testing"

	"sportello/infra/verify/deposit"
)

// flips is how many single bits are turned over. There is no byte of these objects that nothing vouches for: blocks are held to their rows and
// their chain, seals to each other and to the table, packages to their receipts, receipts to their signature and to one spelling, received mail to its
// name, sent mail to its package or its delivery receipt. What has no witness yet (a package before its receipt, a message before either) is told in a
// note, and is not in this world.
func flips() int {
	if testing.Short() {
		return 300
	}
	return 2000
}

// place is a bit of an object.
type place struct {
	key      string
	at, mask int
}

func anywhere[V ~string | []byte](objects map[string]V, keys []string, r *rand.Rand) place {
	total := 0
	for _, key := range keys {
		total += len(objects[key])
	}
	n := r.IntN(total)
	for _, key := range keys {
		if n < len(objects[key]) {
			return place{key, n, 1 << r.IntN(8)}
		}
		n -= len(objects[key])
	}
	panic("no place")
}

func TestFlipsInTheArchive(t *testing.T) {
	t.Parallel()
	w := build()
	c := w.config()
	keys := sorted(w.objects)
	r := rand.New(rand.NewPCG(1, 2))
	for range flips() {
		p := anywhere(w.objects, keys, r)
		w.objects[p.key][p.at] ^= byte(p.mask)
		if report := look(t, c); report.OK {
			t.Errorf("%s: byte %d of %d, bit %#x: not noticed", p.key, p.at, len(w.objects[p.key]), p.mask)
		}
		w.objects[p.key][p.at] ^= byte(p.mask)
	}
	if report := look(t, c); !report.OK {
		t.Fatal(report.Broken)
	}
}

func TestFlipsInTheTable(t *testing.T) {
	t.Parallel()
	w := build()
	c := w.config()
	rows, keys := map[string]string{}, map[string][2]string{}
	for key, body := range w.register {
		rows[key[0]+"/"+key[1]], keys[key[0]+"/"+key[1]] = body, key
	}
	names := sorted(rows)
	r := rand.New(rand.NewPCG(3, 4))
	for range flips() / 2 {
		p := anywhere(rows, names, r)
		changed := []byte(rows[p.key])
		changed[p.at] ^= byte(p.mask)
		w.register[keys[p.key]] = string(changed)
		if report := look(t, c); report.OK {
			t.Errorf("%s: byte %d, bit %#x: not noticed", p.key, p.at, p.mask)
		}
		w.register[keys[p.key]] = rows[p.key]
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
		return err == nil && r.About(caseA, pack, digest(string(pack)), opened.Names) == nil
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
