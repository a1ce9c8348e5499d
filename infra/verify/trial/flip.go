package trial

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"

	"sportello/infra/verify/finding"
)

// Tally is what became of the bits that were turned in one kind of thing.
type Tally struct {
	Kind  string
	Bytes int
	// Turned is how many; each is noticed or argued, or else it is a fault.
	Turned int
	// Itself, Pair, Next: the audit named the very thing; another together with it; the first that depends on it.
	Itself, Pair, Next int
	// Argued were not noticed, and are among the bytes that nothing authenticates.
	Argued int
}

// Noticed is how many of the turned bits the audit named.
func (t Tally) Noticed() int { return t.Itself + t.Pair + t.Next }

// And adds another tally up.
func (t Tally) And(o Tally) Tally {
	return Tally{t.Kind, t.Bytes + o.Bytes, t.Turned + o.Turned, t.Itself + o.Itself, t.Pair + o.Pair, t.Next + o.Next, t.Argued + o.Argued}
}

// Flips is what became of all.
type Flips struct {
	Kinds []Tally
	// Anew is how many were also judged by an audit that knew nothing beforehand, and said the very same.
	Anew int
	// Faults are, in Italian, bits that were not noticed, or as something else, or not by both audits alike.
	Faults []string
}

// And puts others together with these, kind by kind.
func (f Flips) And(o Flips) Flips {
	f.Anew, f.Faults = f.Anew+o.Anew, append(f.Faults, o.Faults...)
	for _, k := range o.Kinds {
		n := slices.IndexFunc(f.Kinds, func(t Tally) bool { return t.Kind == k.Kind })
		if n < 0 {
			f.Kinds = append(f.Kinds, k)
		} else {
			f.Kinds[n] = f.Kinds[n].And(k)
		}
	}
	return f
}

// thing is a place where bits can be turned: an object, or a row (keys and body).
type thing struct {
	kind, name string
	row        key
	body       []byte
}

// things are all there are, by kind.
func (s *Store) things() map[string][]thing {
	all := map[string][]thing{}
	for _, name := range slices.Sorted(maps.Keys(s.objects)) {
		if body := s.objects[name]; len(body) > 0 {
			all[kindOf(name)] = append(all[kindOf(name)], thing{kind: kindOf(name), name: name, body: body})
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(s.register), func(a, b key) int { return strings.Compare(a.String(), b.String()) }) {
		all[rowKind] = append(all[rowKind], thing{rowKind, k.String(), k, []byte(k.pk + k.sk + s.register[k])})
	}
	return all
}

// flip is one bit turned: where, what the store is then, and who may be named.
type flip struct {
	thing
	at, bit int
	names   []string // the thing's, before and after
	variant variant
}

func (f flip) String() string { return fmt.Sprintf("%s, byte %d, bit %d", f.name, f.at, f.bit) }

func (t thing) flip(r *rand.Rand) flip {
	f := flip{thing: t, at: r.IntN(len(t.body)), bit: r.IntN(8), names: []string{t.name}}
	changed := bytes.Clone(t.body)
	changed[f.at] ^= 1 << f.bit
	if t.kind != rowKind {
		f.variant.objects = map[string][]byte{t.name: changed}
		return f
	}
	pk, sk := len(t.row.pk), len(t.row.pk)+len(t.row.sk)
	other, body := key{string(changed[:pk]), string(changed[pk:sk])}, string(changed[sk:])
	f.variant.rows = map[key]*string{t.row: nil, other: &body}
	f.names = append(f.names, other.String())
	return f
}

// Flip turns n bits, one at a time, as many in each kind of thing, anywhere in it.
func (s *Store) Flip(ctx context.Context, n int, seed uint64) (Flips, error) {
	all, r := s.things(), rand.New(rand.NewPCG(seed, 1))
	kinds := slices.Sorted(maps.Keys(all))
	var result Flips
	flips := make([]flip, n)
	for k, kind := range kinds {
		result.Kinds = append(result.Kinds, Tally{Kind: kind})
		for _, t := range all[kind] {
			result.Kinds[k].Bytes += len(t.body)
		}
	}
	for k := range flips {
		flips[k] = anywhere(all[kinds[k%len(kinds)]], result.Kinds[k%len(kinds)].Bytes, r).flip(r)
	}
	said, err := s.judge(ctx, flips)
	for k, one := range said {
		if err != nil {
			break
		}
		one.count(&result.Kinds[k%len(kinds)], &result)
	}
	return result, err
}

// anywhere takes a thing in the measure of its length.
func anywhere(things []thing, total int, r *rand.Rand) thing {
	at := r.IntN(total)
	for _, t := range things {
		if at < len(t.body) {
			return t
		}
		at -= len(t.body)
	}
	panic("trial: lengths do not add up")
}

// judged is what the audit said of a flip.
type judged struct {
	flip
	broken *finding.Broken
	argued bool
	next   string // what else depends on it
	anew   bool   // another audit, which knew nothing, was asked too
	differ bool
}

// often says how often the audit that knows what the store's bytes say is compared with one that knows nothing.
const often = 50

// judge has the flips audited, on all processors.
func (s *Store) judge(ctx context.Context, flips []flip) ([]judged, error) {
	said, errs := make([]judged, len(flips)), make([]error, len(flips))
	var wait sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		wait.Go(func() {
			for k := w; k < len(flips); k += workers {
				if said[k], errs[k] = s.one(ctx, flips[k], k%often == 0); errs[k] != nil {
					return
				}
			}
		})
	}
	wait.Wait()
	for k, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("%s: %w", flips[k], err)
		}
	}
	return said, nil
}

func (s *Store) one(ctx context.Context, f flip, compare bool) (judged, error) {
	report, err := s.audit(ctx, f.variant)
	j := judged{flip: f, broken: report.Broken, argued: finding.Covers(s.report.Open, f.name, f.at), anew: compare}
	if err != nil || !compare {
		return j, err
	}
	whole, err := s.anew(ctx, f.variant)
	j.differ = !reflect.DeepEqual(whole, report)
	return j, err
}

// count adds a flip to what became of its kind.
func (j judged) count(t *Tally, f *Flips) {
	t.Turned++
	if j.anew {
		f.Anew++
	}
	switch {
	case j.differ:
		f.Faults = append(f.Faults, j.String()+": un controllo che non sa nulla in anticipo dice altro")
	case j.broken == nil && j.argued:
		t.Argued++
	case j.broken == nil:
		f.Faults = append(f.Faults, j.String()+": NON NOTATO")
	case slices.Contains(j.names, j.broken.Where):
		t.Itself++
	case slices.ContainsFunc(j.names, func(name string) bool { return strings.Contains(j.broken.Error(), name) }):
		t.Pair++
	case j.broken.Where == j.next, follows(j.name, j.broken.Where):
		t.Next++
	default:
		f.Faults = append(f.Faults, j.String()+": è nominato altro: "+j.broken.Error())
	}
}
