package outside

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"sportello/shared/flow/keeping"
)

// Keeper is the preservation provider.
type Keeper struct {
	Now    func() time.Time
	Random *rand.Rand
	Down   bool
	// Calm is set when the year is over: nothing more is refused.
	Calm bool

	packages map[string]*deposit
	signings int
}

type deposit struct {
	digest  [32]byte
	ready   time.Time
	refused time.Time // until then: what it did not like is put right on its side
}

// NewKeeper returns a provider that holds nothing.
func NewKeeper() *Keeper { return &Keeper{packages: map[string]*deposit{}} }

// ErrOther is returned for other bytes under an id that is taken: we must never do that.
var ErrOther = errors.New("outside: another package has that id")

// Deposit takes a package.
func (k *Keeper) Deposit(id string, zip []byte) error {
	if k.Down {
		return ErrDown
	}
	digest := sha256.Sum256(zip)
	if d, there := k.packages[id]; there {
		if d.digest != digest {
			return ErrOther
		}
		return nil
	}
	if !k.Calm && k.Random.Float64() < 0.08 {
		return keeping.ErrRefused
	}
	wait := 20 * time.Minute
	if k.Random.IntN(20) == 0 {
		wait = 8 * time.Hour
	}
	d := &deposit{digest: digest, ready: k.Now().Add(time.Duration(k.Random.Int64N(int64(wait))))}
	if !k.Calm && k.Random.Float64() < 0.06 {
		d.refused = k.Now().Add(time.Duration(k.Random.Int64N(int64(9 * 24 * time.Hour))))
	}
	k.packages[id] = d
	return nil
}

// Receipt tells what became of a package. Every answer is signed anew.
func (k *Keeper) Receipt(id string) (keeping.Receipt, error) {
	if k.Down {
		return keeping.Receipt{}, ErrDown
	}
	d, there := k.packages[id]
	switch {
	case !there:
		return keeping.Receipt{State: keeping.Unknown}, nil
	case k.Now().Before(d.ready):
		return keeping.Receipt{State: keeping.Received}, nil
	case k.Now().Before(d.refused):
		return keeping.Receipt{State: keeping.Refused, Reason: "indice non leggibile"}, nil
	}
	k.signings++
	return keeping.Receipt{State: keeping.Preserved, Signed: fmt.Appendf(nil, "%s %x %d", id, d.digest, k.signings)}, nil
}

// Verify checks that a receipt is about this very package.
func (k *Keeper) Verify(receipt []byte, id string, digest [32]byte, _ time.Time) error {
	if !bytes.HasPrefix(receipt, fmt.Appendf(nil, "%s %x ", id, digest)) {
		return errors.New("outside: receipt of another package")
	}
	return nil
}

// Holds tells whether the provider has a package.
func (k *Keeper) Holds(id string) bool {
	_, there := k.packages[id]
	return there
}
