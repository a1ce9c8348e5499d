package evidence

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"sportello/infra/verify/letter"
)

// Flip turns single bits of a file that holds, one after the other, and returns those that are not noticed. Every second one is turned inside a
// file of the zip by somebody who writes list and zip anew after it: then check sums help nobody, and what is left unseen must be what the
// report says that nothing authenticates.
func Flip(data []byte, trust Trust, n int, seed uint64) (unseen []string) {
	r := rand.New(rand.NewPCG(seed, 2))
	for k := range n {
		changed := bytes.Clone(data)
		bit := r.IntN(8 * len(data))
		changed[bit/8] ^= 1 << (bit % 8)
		if k%2 == 0 {
			if Check(changed, trust).OK {
				unseen = append(unseen, fmt.Sprintf("byte %d, bit %d", bit/8, bit%8))
			}
			continue
		}
		if path, at, again := repacked(data, r); !argued(path, at, again) && Check(again, trust).OK {
			unseen = append(unseen, fmt.Sprintf("%s, byte %d, e zip ed elenco riscritti", path, at))
		}
	}
	return unseen
}

// argued: what nothing authenticates, by path. The reasons are in the report: what explains, what the sportello found of a signature, a payment
// whose key is elsewhere, the outside of a certified message.
func argued(path string, at int, data []byte) bool {
	if path == "leggimi.txt" || strings.HasPrefix(path, "firme/") || strings.HasSuffix(path, "-payment.jws") || strings.HasSuffix(path, "-payment.json") {
		return true
	}
	files, err := unzip(data)
	n := slices.IndexFunc(files, func(f file) bool { return f.name == path })
	return err == nil && n >= 0 && strings.HasPrefix(path, "pec/") && letter.Unsigned(files[n].body, at)
}

// repacked turns one bit of a file and makes list and zip fit.
func repacked(data []byte, r *rand.Rand) (path string, at int, out []byte) {
	files, err := unzip(data)
	if err != nil || len(files) < 2 {
		return "", 0, data
	}
	n := 1 + r.IntN(len(files)-1)
	for len(files[n].body) == 0 {
		n = 1 + r.IntN(len(files)-1)
	}
	bit := r.IntN(8 * len(files[n].body))
	body := bytes.Clone(files[n].body)
	body[bit/8] ^= 1 << (bit % 8)
	return files[n].name, bit / 8, Replace(data, files[n].name, body)
}
