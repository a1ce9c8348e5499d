package evidence

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"

	"sportello/infra/verify/finding"
)

// Flipped is what became of one bit that was turned.
type Flipped struct {
	Place string // the file inside, List, or Around
	At    int    // the byte of the file; of the whole for what is around
	Bit   int
	// Anew: list and zip were written anew after it, as somebody does who wants to deceive. Then check sums help nobody.
	Anew   bool
	Broken *finding.Broken
}

// Around is the place of what stands around the files of the zip, List the file that lists the others.
const (
	Around = "fascicolo"
	List   = manifestName
)

// Flip turns single bits of a file that holds, one at a time: anywhere, and every second one inside a file of the zip that is then written anew.
func Flip(data []byte, trust Trust, n int, seed uint64) []Flipped {
	files, err := unzip(data)
	if err != nil {
		return nil
	}
	flips := make([]Flipped, n)
	var wait sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		wait.Go(func() {
			for k := w; k < n; k += workers {
				flips[k] = turned(data, files, k%2 == 1, rand.New(rand.NewPCG(seed, uint64(k))), trust)
			}
		})
	}
	wait.Wait()
	return flips
}

// turned turns one bit and has the file checked.
func turned(data []byte, files []file, writtenAnew bool, r *rand.Rand, trust Trust) Flipped {
	var f Flipped
	var changed []byte
	bit := r.IntN(8)
	if writtenAnew {
		f, changed = anew(data, files, bit, r)
	} else {
		at := r.IntN(len(data))
		changed = bytes.Clone(data)
		changed[at] ^= 1 << bit
		f.Place, f.At = placeOf(files, at)
	}
	f.Bit, f.Broken = bit, Check(changed, trust).Broken
	return f
}

// placeOf finds the file that a byte of the zip is of.
func placeOf(files []file, at int) (string, int) {
	begin := 0
	for _, f := range files {
		begin += headerSize + len(f.name)
		if begin <= at && at < begin+len(f.body) {
			return f.name, at - begin
		}
		begin += len(f.body)
	}
	return Around, at
}

// anew turns a bit of a file and makes list and zip fit; every fourth one is of the list itself, on which everything depends.
func anew(data []byte, files []file, bit int, r *rand.Rand) (Flipped, []byte) {
	n := 0
	if r.IntN(4) > 0 {
		n = r.IntN(len(files))
	}
	for len(files[n].body) == 0 {
		n = r.IntN(len(files))
	}
	f := Flipped{Place: files[n].name, At: r.IntN(len(files[n].body)), Anew: true}
	body := bytes.Clone(files[n].body)
	body[f.At] ^= 1 << bit
	if n > 0 {
		return f, Replace(data, f.Place, body)
	}
	files = slices.Clone(files)
	files[0].body = body
	return f, zipped(files)
}
