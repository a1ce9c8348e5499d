package outside

import (
	"fmt"
	"math/rand/v2"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/flow/external"
)

// Protocol is the protocols that chambers keep themselves.
type Protocol struct {
	Now    func() time.Time
	Random *rand.Rand
	Down   bool
	// Calm is set when the year is over: nothing more is refused.
	Calm bool

	given   map[string][]application.External // by chamber and reference
	refused map[string]time.Time              // until then
	last    map[string]int
}

// NewProtocol returns protocols without an entry.
func NewProtocol() *Protocol {
	return &Protocol{given: map[string][]application.External{}, refused: map[string]time.Time{}, last: map[string]int{}}
}

// Find returns the numbers that a reference has.
func (p *Protocol) Find(chamber, reference string) ([]application.External, error) {
	if p.Down {
		return nil, ErrDown
	}
	return p.given[chamber+" "+reference], nil
}

// Register gives a number, the same to the same reference. Now and then it gives two, or takes the document only some days later.
func (p *Protocol) Register(chamber string, q external.Question) (application.External, error) {
	key := chamber + " " + q.Reference
	switch given := p.given[key]; {
	case p.Down:
		return application.External{}, ErrDown
	case len(given) > 0:
		return given[0], nil
	}
	if _, known := p.refused[key]; !known && !p.Calm && p.Random.Float64() < 0.05 {
		p.refused[key] = p.Now().Add(time.Duration(p.Random.Int64N(int64(5 * 24 * time.Hour))))
	}
	if !p.Calm && p.Now().Before(p.refused[key]) {
		return application.External{}, external.ErrRefused
	}
	p.given[key] = append(p.given[key], p.next(chamber))
	if p.Random.Float64() < 0.05 {
		p.given[key] = append(p.given[key], p.next(chamber))
	}
	return p.given[key][0], nil
}

func (p *Protocol) next(chamber string) application.External {
	p.last[chamber]++
	now := p.Now()
	return application.External{
		Number: fmt.Sprintf("%07d", p.last[chamber]), Year: now.Year(), Date: now.Format(time.DateOnly), Register: "PG-" + chamber,
	}
}
