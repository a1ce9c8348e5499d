package state

import (
	"os"
	"strconv"
	"strings"
	"time"
)

// Clock tells the time of the simulated world: the real time plus the offset, in decimal
// milliseconds, found in a file. The file is read at every use, so whoever moves the clock needs
// no message to us; a missing or unreadable file is no offset.
type Clock struct{ File string }

// Now is the moved time, in UTC and cut to the millisecond.
func (c Clock) Now() time.Time {
	return time.Now().Add(c.offset()).UTC().Truncate(time.Millisecond)
}

func (c Clock) offset() time.Duration {
	if c.File == "" {
		return 0
	}
	raw, err := os.ReadFile(c.File)
	if err != nil {
		return 0
	}
	ms, err := strconv.ParseInt(strings.TrimSpace(string(raw)), 10, 64)
	if err != nil {
		return 0
	}
	return time.Duration(ms) * time.Millisecond
}
