package lambdafn

import (
	"bytes"
	"regexp"
	"sync"
	"testing"
	"time"
)

var version7 = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

// The example of RFC 9562, A.6: 2022-02-22T19:22:22Z, rand_a CC3, rand_b 18C4DC0C0C07398F. Our counter keeps its top bit
// clear at the start of a millisecond, so CC3 becomes 4C3.
func TestIDFormat(t *testing.T) {
	at := time.UnixMilli(0x017F22E279B0)
	random := bytes.NewReader([]byte{0x0C, 0xC3, 0x18, 0xC4, 0xDC, 0x0C, 0x0C, 0x07, 0x39, 0x8F})
	if got := NewIDs(func() time.Time { return at }, random).New(); got != "017f22e2-79b0-74c3-98c4-dc0c0c07398f" {
		t.Error(got)
	}
}

// Ids sort as they were made, within a millisecond, over a corrected clock, and from several goroutines.
func TestIDsSort(t *testing.T) {
	now := time.UnixMilli(1_795_342_530_123)
	var mu sync.Mutex
	g := NewIDs(func() time.Time { mu.Lock(); defer mu.Unlock(); return now }, nil)
	last, seen := "", map[string]bool{}
	next := func() {
		t.Helper()
		id := g.New()
		if id <= last || seen[id] || !version7.MatchString(id) {
			t.Fatalf("%s after %s", id, last)
		}
		last, seen[id] = id, true
	}
	for range 10_000 { // more than the counter holds
		next()
	}
	now = now.Add(-2 * time.Second)
	for range 10 {
		next()
	}
	now = now.Add(time.Minute)
	next()

	// The clock of the local cloud is moved back by hours: ids follow it.
	now = now.Add(-3 * time.Hour)
	last = ""
	next()
	if got := g.millis; got != now.UnixMilli() {
		t.Errorf("time %d, want %d", got, now.UnixMilli())
	}

	var wg sync.WaitGroup
	ids := make(chan string, 4000)
	for range 4 {
		wg.Go(func() {
			previous := ""
			for range 1000 {
				id := g.New()
				if id <= previous {
					t.Errorf("%s after %s", id, previous)
				}
				previous = id
				ids <- id
			}
		})
	}
	wg.Wait()
	close(ids)
	for id := range ids {
		if seen[id] {
			t.Fatalf("%s twice", id)
		}
		seen[id] = true
	}
}
