package supervisor

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"sportello/infra/local/clock"
)

// TestWelcome: the office has no pages at the portal; it works at the outside world's desk, and that is where a person is sent.
func TestWelcome(t *testing.T) {
	c, err := clock.Open(filepath.Join(t.TempDir(), "clock"))
	if err != nil {
		t.Fatal(err)
	}
	s := &Supervisor{
		addresses: Addresses{Portal: "http://localhost:8080", Outside: "http://localhost:8090"}, clock: c, log: slog.New(slog.DiscardHandler),
	}
	text := s.welcome()
	if !strings.Contains(text, "http://localhost:8090/gestionale ") || strings.Contains(text, "/ufficio") {
		t.Errorf("the office is sent elsewhere:\n%s", text)
	}
}
