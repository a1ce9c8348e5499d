package audit

import (
	"context"
	"crypto/sha256"

	"sportello/infra/verify/signature"
)

// Known is what was understood of the bytes of a register: packages read, signatures verified, mail taken apart. Each is a function of those bytes and
// of the authorities alone, so whoever audits ten thousand copies that differ in one bit may look it up by the bytes' digest. Everything else is
// done each time: that an object is there, and all that holds one to another. What is not known is computed, and not kept.
type Known struct {
	authorities [4]*signature.Roots
	results     map[understood]any
	learning    bool
}

// understood names a result: which, and of which bytes.
type understood struct {
	what string
	of   [3][sha256.Size]byte
}

// outcome is what a function returned.
type outcome[T any] struct {
	value T
	err   error
}

// Learn is Run, and returns what it understood on the way, for Config.Known of later runs with the same authorities. They may run at the same time.
func Learn(ctx context.Context, c Config) (Report, *Known, error) {
	k := &Known{c.authorities(), map[understood]any{}, true}
	c.Known = k
	report, err := Run(ctx, c)
	k.learning = false
	return report, k, err
}

func (c Config) authorities() [4]*signature.Roots {
	return [4]*signature.Roots{c.Preservation, c.Mail, c.Seals, c.Stamps}
}

// recall looks a function's outcome up by the bytes that it is computed from, which are all it may depend on but what and the authorities.
func recall[T any](a *audit, what string, compute func() (T, error), from ...[]byte) (T, error) {
	if a.Known == nil || a.Known.authorities != a.authorities() {
		return compute()
	}
	key := understood{what: what}
	for n, bytes := range from {
		key.of[n] = sha256.Sum256(bytes)
	}
	if o, there := a.Known.results[key].(outcome[T]); there {
		return o.value, o.err
	}
	value, err := compute()
	if a.Known.learning {
		a.Known.results[key] = outcome[T]{value, err}
	}
	return value, err
}
