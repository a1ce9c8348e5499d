package lambdafn

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"io"
	"sync"
	"time"
)

// IDs makes UUIDv7 (RFC 9562, 5.7) from an injected clock, which is why no library is used: those read the real clock.
type IDs struct {
	now    func() time.Time
	random io.Reader

	mu      sync.Mutex
	millis  int64  // the time written into the last id
	counter uint16 // its 12 bits of rand_a, a counter within the millisecond (RFC 9562, 6.2, method 1)
}

// NewIDs returns a maker of ids; random nil is crypto/rand.
func NewIDs(now func() time.Time, random io.Reader) *IDs {
	if random == nil {
		random = rand.Reader
	}
	return &IDs{now: now, random: random}
}

// clockMoved is how far back the clock may go before ids follow it instead of staying ahead: smaller steps are
// corrections of a real clock, larger ones are somebody moving the clock of the local cloud.
const clockMoved = int64(time.Minute / time.Millisecond)

// New returns an id that sorts after all those made before by this process, unless the clock was moved back.
func (g *IDs) New() string {
	var id [16]byte
	if _, err := io.ReadFull(g.random, id[6:]); err != nil {
		// crypto/rand never fails (it ends the process instead); an injected reader must not either.
		panic("lambdafn: reading randomness: " + err.Error())
	}
	millis, counter := g.next(g.now().UnixMilli(), binary.BigEndian.Uint16(id[6:]))
	binary.BigEndian.PutUint64(id[:8], uint64(millis)<<16|0x7000|uint64(counter))
	id[8] = id[8]&0x3f | 0x80
	return format(id)
}

// next moves time and counter on. A new millisecond starts at a random counter with the top bit clear, which leaves at
// least 2048 ids; past those, the time written is a millisecond ahead.
func (g *IDs) next(now int64, seed uint16) (int64, uint16) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case now > g.millis || now < g.millis-clockMoved:
		g.millis, g.counter = now, seed&0x07ff
	case g.counter < 0x0fff:
		g.counter++
	default:
		g.millis, g.counter = g.millis+1, seed&0x07ff
	}
	return g.millis, g.counter
}

func format(id [16]byte) string {
	text := hex.EncodeToString(id[:])
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}
