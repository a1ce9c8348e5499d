package outside

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"time"

	"sportello/shared/flow/sealing"
)

// Authority is the time-stamping authority. No two of its tokens are the same.
type Authority struct {
	Now    func() time.Time
	Random *rand.Rand
	Down   bool
	// Calm is set when the year is over: nothing more is refused.
	Calm bool

	stamped int
}

// Stamp stamps content, if it will.
func (a *Authority) Stamp(content []byte) ([]byte, error) {
	if a.Down {
		return nil, ErrDown
	}
	if !a.Calm && a.Random.Float64() < 0.08 {
		return nil, sealing.ErrRefused
	}
	a.stamped++
	return fmt.Appendf(nil, "stamped %x %d %s", sha256.Sum256(content), a.stamped, a.Now().Format(time.RFC3339)), nil
}

// Stamped tells whether a token is about content.
func Stamped(token, content []byte) bool {
	var digest string
	_, err := fmt.Sscanf(string(token), "stamped %s ", &digest)
	return err == nil && digest == fmt.Sprintf("%x", sha256.Sum256(content))
}

// Seal is the seal of the sportello's key: the same input, the same bytes.
func Seal(content []byte, at time.Time) []byte {
	return fmt.Appendf(nil, "sealed %x %s", sha256.Sum256(content), at.Format(time.RFC3339))
}

// Sealed tells whether a seal is about content.
func Sealed(seal, content []byte) bool {
	var digest string
	_, err := fmt.Sscanf(string(seal), "sealed %s ", &digest)
	return err == nil && digest == fmt.Sprintf("%x", sha256.Sum256(content))
}
