package build

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestWhenChanged(t *testing.T) {
	root := t.TempDir()
	b := &builder{Config: Config{Root: root}}
	note, target := filepath.Join(root, "note"), filepath.Join(root, "out")
	made := 0
	run := func() bool {
		t.Helper()
		worked, err := b.whenChanged(note, []string{"src", "absent"}, []string{target}, func() error {
			made++
			write(t, target, "made")
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return worked
	}
	write(t, filepath.Join(root, "src", "a.go"), "one")
	for _, step := range []struct {
		name   string
		change func()
		want   bool
	}{
		{"the first time", func() {}, true},
		{"nothing changed", func() {}, false},
		{"contents", func() { write(t, filepath.Join(root, "src", "a.go"), "two") }, true},
		{"a new file", func() { write(t, filepath.Join(root, "src", "deep", "b.html"), "x") }, true},
		{"a test", func() { write(t, filepath.Join(root, "src", "a_test.go"), "x") }, false},
		{"generated", func() { write(t, filepath.Join(root, "src", "node_modules", "x"), "x") }, false},
		{"same contents again", func() { write(t, filepath.Join(root, "src", "a.go"), "two") }, false},
		{"a renamed file", func() {
			if err := os.Rename(filepath.Join(root, "src", "a.go"), filepath.Join(root, "src", "c.go")); err != nil {
				t.Fatal(err)
			}
		}, true},
		{"the target is gone", func() { _ = os.Remove(target) }, true},
	} {
		step.change()
		if got := run(); got != step.want {
			t.Errorf("%s: worked is %v", step.name, got)
		}
	}
}

// TestAdopt: what make has built is not built again, unless its sources are
// newer.
func TestAdopt(t *testing.T) {
	root := t.TempDir()
	b := &builder{Config: Config{Root: root}}
	note, target, source := filepath.Join(root, "note"), filepath.Join(root, "dist", "index.html"), filepath.Join(root, "src", "a.ts")
	write(t, source, "one")
	write(t, target, "made")
	early := time.Now().Add(-time.Hour)
	for _, c := range []struct {
		source time.Time
		stale  bool
	}{{early.Add(time.Minute), true}, {early.Add(-time.Minute), false}} {
		_ = os.Remove(note)
		if err := errors.Join(os.Chtimes(source, c.source, c.source), os.Chtimes(target, early, early)); err != nil {
			t.Fatal(err)
		}
		if err := b.adopt(note, []string{"src"}, target); err != nil {
			t.Fatal(err)
		}
		worked, err := b.whenChanged(note, []string{"src"}, []string{target}, func() error { return nil })
		if err != nil || worked != c.stale {
			t.Errorf("worked %v, want %v (%v)", worked, c.stale, err)
		}
	}
}

// TestFailedMakingIsRepeated: a build that failed must not look done.
func TestFailedMakingIsRepeated(t *testing.T) {
	root := t.TempDir()
	b := &builder{Config: Config{Root: root}}
	write(t, filepath.Join(root, "src", "a.go"), "one")
	fails := func() error { return errors.New("no") }
	for range 2 {
		worked, err := b.whenChanged(filepath.Join(root, "note"), []string{"src"}, nil, fails)
		if err == nil || !worked {
			t.Errorf("worked %v, %v", worked, err)
		}
	}
}

func TestPlaceKeepsTheRunningBinary(t *testing.T) {
	root := t.TempDir()
	b := &builder{Config: Config{Root: root, Bin: root}}
	stage, target := filepath.Join(root, "stage"), filepath.Join(root, "login", "bootstrap")
	write(t, filepath.Join(stage, "login"), "one")
	if err := b.place(stage, []string{target}); err != nil {
		t.Fatal(err)
	}
	old, err := os.Open(target)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	// The compiler replaces its output, it does not write into it.
	if err := os.Remove(filepath.Join(stage, "login")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(stage, "login"), "two")
	for range 2 {
		if err := b.place(stage, []string{target}); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(target)
	if err != nil || string(text) != "two" {
		t.Errorf("the new binary is %q (%v)", text, err)
	}
	running := make([]byte, 3)
	if _, err := old.Read(running); err != nil || string(running) != "one" {
		t.Errorf("the running binary became %q (%v)", running, err)
	}
	if left, _ := filepath.Glob(filepath.Join(root, "login", "*.new")); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}
