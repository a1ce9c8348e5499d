package lambdafn

import (
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Clock tells the time of the sportello. In the cloud that is the real time. In the local cloud a file may hold an offset
// in milliseconds, so that the demo and the tests can move months in a second.
type Clock struct {
	file string
	real func() time.Time

	mu     sync.Mutex
	readAt time.Time
	offset time.Duration
}

// reread is how long an offset is believed: short enough that a moved clock is seen by the next step, long enough
// that a busy step does not spend its time reading a file.
const reread = 50 * time.Millisecond

// NewClock returns a clock that adds the offset found in file; no file name, real time.
func NewClock(file string) *Clock { return &Clock{file: file, real: time.Now} }

// Now returns the instant in UTC, to the millisecond: what is stored is what is compared.
func (c *Clock) Now() time.Time {
	now := c.real()
	if c.file != "" {
		now = now.Add(c.currentOffset(now))
	}
	return now.UTC().Truncate(time.Millisecond)
}

func (c *Clock) currentOffset(now time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.readAt.IsZero() && now.Sub(c.readAt) < reread {
		return c.offset
	}
	c.readAt = now
	body, err := os.ReadFile(c.file)
	if os.IsNotExist(err) {
		c.offset = 0
		return 0
	}
	// A file that is being written may be read half: the last offset stays until the next look.
	if ms, parseErr := strconv.ParseInt(strings.TrimSpace(string(body)), 10, 64); err == nil && parseErr == nil && inRange(ms) {
		c.offset = time.Duration(ms) * time.Millisecond
	}
	return c.offset
}

// inRange bounds an offset to a hundred years each way, so that it fits a Duration and a UUIDv7.
func inRange(ms int64) bool {
	const century = 100 * 366 * 24 * 3600 * 1000
	return -century < ms && ms < century
}

// localClockFile returns the name of the offset's file, or "" wherever the clock must not be moved. The law's clock may
// move only where nothing is real, and the address of AWS proves it: loopback is never the cloud.
func localClockFile(getenv func(string) string) string {
	if !isLocal(getenv) {
		return ""
	}
	return getenv("LOCAL_CLOCK_FILE")
}

// isLocal tells whether AWS is this computer.
func isLocal(getenv func(string) string) bool {
	endpoint, err := url.Parse(getenv("AWS_ENDPOINT_URL"))
	return err == nil && isLoopback(endpoint.Hostname())
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}
