package mailbox

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/emersion/go-imap/v2"

	"sportello/infra/local/outside/state"
)

const address = "protocollo@milano.pec.example.it"

func openBox(t *testing.T, dir string) *Mailbox {
	t.Helper()
	s, err := Open(dir, state.Clock{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.Box("Protocollo@Milano.PEC.example.it ")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func deliver(t *testing.T, m *Mailbox, key, text string) uint32 {
	t.Helper()
	uid, err := m.Deliver(key, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return uid
}

func TestMailboxSurvivesReopening(t *testing.T) {
	dir := t.TempDir()
	m := openBox(t, dir)
	first := deliver(t, m, "a", "uno")
	if again := deliver(t, m, "a", "altro"); again != first {
		t.Errorf("the same key was delivered as %d and %d", first, again)
	}
	second := deliver(t, m, "", "due")
	if _, err := m.SetFlags(first, func([]imap.Flag) []imap.Flag { return []imap.Flag{imap.FlagDeleted} }, nil); err != nil {
		t.Fatal(err)
	}
	if err := m.Expunge(func(uint32) bool { return true }); err != nil {
		t.Fatal(err)
	}
	before := m.Status()
	m = openBox(t, dir)
	if after := m.Status(); after != before {
		t.Errorf("status %+v, was %+v", after, before)
	}
	if again := deliver(t, m, "a", "uno"); again != first {
		t.Error("a key was forgotten when its message was expunged")
	}
	if uid := deliver(t, m, "b", "tre"); uid != second+1 {
		t.Errorf("UID %d after %d", uid, second)
	}
	raw, err := m.Read(second)
	if err != nil || string(raw) != "due" {
		t.Errorf("message %q, %v", raw, err)
	}
}

// TestHalfWrittenIndex cuts the index at every byte, as a crash may: what had been acknowledged
// before the last line is there, and the mailbox goes on.
func TestHalfWrittenIndex(t *testing.T) {
	dir := t.TempDir()
	m := openBox(t, dir)
	deliver(t, m, "a", "uno")
	file := filepath.Join(dir, address, "index.jsonl")
	kept, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	deliver(t, m, "b", "due")
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for cut := len(kept); cut < len(whole); cut++ {
		if err := os.WriteFile(file, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		m := openBox(t, dir)
		if s := m.Status(); s.Messages != 1 || s.Next != 2 {
			t.Fatalf("cut at %d: %+v", cut, s)
		}
		if uid := deliver(t, m, "b", "due"); uid != 2 {
			t.Fatalf("cut at %d: UID %d", cut, uid)
		}
		if s := openBox(t, dir).Status(); s.Messages != 2 {
			t.Fatalf("cut at %d, then a message: %+v", cut, s)
		}
	}
}

func TestFoldersStayInside(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, state.Clock{})
	if err != nil {
		t.Fatal(err)
	}
	odd := []string{"../../x@y", "", ".", "a/b@c", "x-1@y", "è@pec.example.it"}
	for _, a := range odd {
		m, err := s.Box(a)
		if err != nil {
			t.Fatalf("%q: %v", a, err)
		}
		if rel, err := filepath.Rel(dir, m.dir); err != nil || filepath.Dir(rel) != "." || rel == ".." {
			t.Errorf("%q is kept in %s", a, rel)
		}
	}
	if s, err = Open(dir, state.Clock{}); err != nil || len(s.Addresses()) != len(odd) {
		t.Errorf("after reopening: %q, %v", s.Addresses(), err)
	}
}

func TestAccounts(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mailboxes.json")
	first, err := OpenAccounts(file, []Account{{Address: address, Chamber: "milano"}})
	if err != nil {
		t.Fatal(err)
	}
	a, ok := first.Find(address)
	if !ok || len(a.Password) < 20 {
		t.Fatalf("account there: %v, password of %d characters", ok, len(a.Password))
	}
	second, err := OpenAccounts(file, []Account{{Address: address}, {Address: "b@pec.example.it"}})
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := second.Login(address, a.Password); !ok || got != address {
		t.Error("the password changed at a restart")
	}
	for _, password := range []string{"", "x", a.Password + "x"} {
		if _, ok := second.Login(address, password); ok {
			t.Errorf("the password %q opened the mailbox", password)
		}
	}
	if _, ok := second.Login("nessuno@pec.example.it", ""); ok {
		t.Error("nobody logged in")
	}
}
