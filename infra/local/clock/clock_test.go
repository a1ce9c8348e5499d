package clock_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"sportello/infra/local/clock"
)

func TestMoves(t *testing.T) {
	path := filepath.Join(t.TempDir(), "clock")
	c, err := clock.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if c.Offset() != 0 {
		t.Errorf("a new clock is off by %s", c.Offset())
	}
	moved := c.Moved()
	if err := c.Advance(26 * time.Hour); err != nil {
		t.Fatal(err)
	}
	select {
	case <-moved:
	default:
		t.Error("nobody was told")
	}
	if err := c.Advance(-time.Hour); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil || string(text) != "90000000\n" {
		t.Errorf("the file has %q (%v)", text, err)
	}
	again, err := clock.Open(path)
	if err != nil || again.Offset() != 25*time.Hour {
		t.Errorf("the next start is off by %s (%v)", again.Offset(), err)
	}
	if ahead := again.Now().Sub(time.Now().Add(25 * time.Hour)).Abs(); ahead > time.Minute {
		t.Errorf("now is %s from where it should be", ahead)
	}
	if err := again.Set(0); err != nil || again.Offset() != 0 {
		t.Errorf("set back: %s (%v)", again.Offset(), err)
	}
}

func TestBrokenFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "clock")
	if err := os.WriteFile(path, []byte("soon"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := clock.Open(path); err == nil {
		t.Error("a broken file was taken")
	}
}
