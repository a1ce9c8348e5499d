package lambdafn

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestClock(t *testing.T) {
	file := filepath.Join(t.TempDir(), "clock")
	real := time.Date(2026, 11, 22, 11, 15, 30, 123_456_789, time.FixedZone("CET", 3600))
	c := NewClock(file)
	c.real = func() time.Time { return real }
	utc := time.Date(2026, 11, 22, 10, 15, 30, 123_000_000, time.UTC)

	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		real = real.Add(reread) // the next look reads it
		utc = utc.Add(reread)
	}
	want := func(offset time.Duration) {
		t.Helper()
		if got := c.Now(); got != utc.Add(offset) {
			t.Errorf("got %v, want %v", got, utc.Add(offset))
		}
	}
	want(0) // no file
	write("93600000\n")
	want(26 * time.Hour)
	write("") // being written
	want(26 * time.Hour)
	write("12x")
	want(26 * time.Hour)
	write("9223372036854775807")
	want(26 * time.Hour)
	write("-1000")
	want(-time.Second)
	if err := os.WriteFile(file, []byte("5000"), 0o600); err != nil {
		t.Fatal(err)
	}
	want(-time.Second) // just read
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	real, utc = real.Add(reread), utc.Add(reread)
	want(0)
}

func TestRealClock(t *testing.T) {
	before := time.Now().Truncate(time.Millisecond)
	got := NewClock("").Now()
	if got.Before(before) || got.After(time.Now()) || got.Location() != time.UTC {
		t.Errorf("%v", got)
	}
}

// Only where AWS is on this very machine may the clock be moved.
func TestLocalClockFile(t *testing.T) {
	for endpoint, moved := range map[string]bool{
		"http://127.0.0.1:8104":               true,
		"http://localhost:8104":               true,
		"http://[::1]:8104":                   true,
		"http://127.0.0.53":                   true,
		"":                                    false,
		"127.0.0.1:8104":                      false,
		"http://localhost.example.com":        false,
		"http://127.0.0.1.example.com":        false,
		"https://dynamodb.eu-south-1.aws.com": false,
		"http://10.0.0.1:8104":                false,
		"://":                                 false,
	} {
		got := localClockFile(func(name string) string {
			return map[string]string{"AWS_ENDPOINT_URL": endpoint, "LOCAL_CLOCK_FILE": "/data/clock"}[name]
		})
		if (got != "") != moved {
			t.Errorf("%s: %q", endpoint, got)
		}
	}
}
