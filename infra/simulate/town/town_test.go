package town_test

import (
	"bytes"
	"testing"

	"sportello/infra/simulate/town"
)

// A few days about New Year, then rest: everybody gets a number and an end, whatever fails.
func TestDays(t *testing.T) {
	for name, o := range map[string]town.Options{
		"calm":  {Seed: 1, Days: 5, Calm: true},
		"storm": {Seed: 1, Days: 6, Need: 3},
		"alone": {Seed: 2, Days: 4, Need: 1, Chambers: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := town.New(o).Run()
			for _, v := range r.Violations {
				t.Error(v)
			}
			if r.Numbers.Cases == 0 || r.Numbers.Given == 0 || r.Numbers.Days == 0 {
				t.Errorf("nothing happened: %+v", r.Numbers)
			}
			crashes := r.Coverage.Crashes()
			if (crashes == 0) != o.Calm {
				t.Errorf("%d crashes", crashes)
			}
		})
	}
}

// The same seed is the same history, byte for byte; another seed is another one.
func TestReplay(t *testing.T) {
	live := func(seed uint64) (history []byte, r town.Result) {
		var out bytes.Buffer
		r = town.New(town.Options{Seed: seed, Days: 3, Need: 2, Trace: &out}).Run()
		return out.Bytes(), r
	}
	first, one := live(7)
	second, two := live(7)
	if one.Digest != two.Digest || !bytes.Equal(first, second) {
		t.Errorf("two histories of one seed: %s and %s, %d and %d bytes", one.Digest, two.Digest, len(first), len(second))
	}
	if _, other := live(8); other.Digest == one.Digest {
		t.Error("another seed is the same history")
	}
}
