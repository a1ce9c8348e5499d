package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/infra/verify/audit"
	"sportello/infra/verify/book"
	"sportello/infra/verify/source"
)

// record is the register's own example of an entry, as the first of its book.
func record(t *testing.T) book.Record {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("..", "..", "shared", "domain", "register", "testdata", "entry.json"))
	if err != nil {
		t.Fatal(err)
	}
	r := book.Record{
		Book: "milano#2026", Seq: 1, Number: 1, Event: "01939f3e-0000-7000-8000-000000000001", Page: "2026-11-22",
		Body: strings.TrimSpace(string(body)), Prev: book.Zero, First: 1, Count: 1,
	}
	r.Hash = r.Sum()
	return r
}

const blockKey = "register/milano/2026/blocks/0000000001.jsonl"

// folder makes a copy of an archive with one block, and the table that goes with it.
func folder(t *testing.T) (archive, table string) {
	t.Helper()
	dir, r := t.TempDir(), record(t)
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(r); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "archive", blockKey), line.String())
	row, err := r.RowBody()
	if err != nil {
		t.Fatal(err)
	}
	var rows strings.Builder
	for _, one := range [][3]string{
		{"H#milano#2026", "HEAD", `{"number":1,"seq":1,"hash":"` + r.Hash + `","from":"` + r.Page + `","last":{"book":"milano#2026","number":1}}`}, {"E#milano#2026", "0000001", string(row)},
		{"D#" + r.Event, "D", `{"book":"milano#2026","number":1}`}, {"DAY#milano#2026#2026-11-22", "DAY", `{"ranges":[{"first":1,"last":1}]}`},
	} {
		text, err := json.Marshal(map[string]string{"pk": one[0], "sk": one[1], "b": one[2]})
		if err != nil {
			t.Fatal(err)
		}
		rows.Write(append(text, '\n'))
	}
	put(t, filepath.Join(dir, "register.jsonl"), rows.String())
	return filepath.Join(dir, "archive"), filepath.Join(dir, "register.jsonl")
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// verify runs the program.
func verify(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, complaints bytes.Buffer
	code = run(t.Context(), args, func(string) string { return "" }, &out, &complaints)
	return code, out.String(), complaints.String()
}

func TestRunHolds(t *testing.T) {
	archive, table := folder(t)
	code, out, complaints := verify(t, "--archive", archive, "--register", table)
	if code != holds || !strings.HasSuffix(out, "TUTTO TORNA\n") || !strings.Contains(out, "milano#2026 fino a seq 1") || complaints != "" {
		t.Errorf("%d\n%s%s", code, out, complaints)
	}
	code, out, _ = verify(t, "--archive", archive)
	if code != holds || !strings.Contains(out, "Nota: senza la tabella del registro") {
		t.Errorf("%d\n%s", code, out)
	}
}

func TestRunJSON(t *testing.T) {
	archive, table := folder(t)
	code, out, _ := verify(t, "--archive", archive, "--register", table, "--json")
	var report map[string]any
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != holds {
		t.Fatal(code, err)
	}
	checked := map[string]any{"books": 1.0, "entries": 1.0, "annexes": 0.0, "blocks": 1.0, "seals": 0.0, "statements": 0.0, "packages": 0.0, "receipts": 0.0, "mails": 0.0, "rows": 4.0}
	if diff := cmp.Diff(checked, report["checked"]); diff != "" || report["ok"] != true {
		t.Error(diff, report["ok"])
	}
	// The report is what a later run compares with.
	earlier := filepath.Join(t.TempDir(), "earlier.json")
	put(t, earlier, out)
	if code, out, _ := verify(t, "--archive", archive, "--before", earlier); code != holds {
		t.Error(out)
	}
	if err := os.Remove(filepath.Join(archive, blockKey)); err != nil {
		t.Fatal(err)
	}
	if code, out, _ := verify(t, "--archive", archive, "--before", earlier); code != broken || !strings.HasSuffix(out, "ROTTO milano#2026: seq 1: c'era in un controllo precedente e non c'è più\n") {
		t.Errorf("%d\n%s", code, out)
	}
}

func TestRunBroken(t *testing.T) {
	archive, table := folder(t)
	put(t, filepath.Join(archive, blockKey), strings.Replace(read(t, filepath.Join(archive, blockKey)), "ritardo", "ritarda", 1))
	want := blockKey + ": riga 1 (seq 1, protocollo 0000001): l'impronta della catena non corrisponde"
	code, out, _ := verify(t, "--archive", archive, "--register", table)
	if code != broken || !strings.HasSuffix(out, "ROTTO "+want+"\n") {
		t.Errorf("%d\n%s", code, out)
	}
	code, out, _ = verify(t, "--archive", archive, "--register", table, "--json")
	var report struct {
		OK     bool
		Broken map[string]string
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatal(err)
	}
	said := map[string]string{"where": blockKey, "record": "riga 1 (seq 1, protocollo 0000001)", "what": "l'impronta della catena non corrisponde"}
	if diff := cmp.Diff(said, report.Broken); diff != "" || report.OK || code != broken {
		t.Error(code, diff)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// What cannot be looked at is no verdict.
func TestRunFails(t *testing.T) {
	archive, table := folder(t)
	none := filepath.Join(t.TempDir(), "none")
	for name, args := range map[string][]string{
		"two sources": {"--archive", archive, "--bucket", "b"}, "no archive": {"--archive", none}, "no table": {"--archive", archive, "--register", none},
		"no authority": {"--archive", archive, "--pec-ca", table}, "no report": {"--archive", archive, "--before", table}, "argument": {archive},
		"no such flag": {"--write"}, "no data": {"--data", none}, "not a data folder": {"--data", archive},
	} {
		code, out, complaints := verify(t, args...)
		if code != failed || out != "" || complaints == "" {
			t.Errorf("%s: %d, %q, %q", name, code, out, complaints)
		}
	}
	if code, _, help := verify(t, "--help"); code != holds || !strings.Contains(help, "--archive CARTELLA") {
		t.Errorf("help: %d, %s", code, help)
	}
}

// The local cloud's data while it is stopped: objects from its folder; without its tables, a note.
func TestRunStoppedLocalCloud(t *testing.T) {
	archive, _ := folder(t)
	data := t.TempDir()
	put(t, filepath.Join(data, "data", "s3", "sportello-local-archivebucket", blockKey), read(t, filepath.Join(archive, blockKey)))
	put(t, filepath.Join(data, "lock"), "")
	code, out, complaints := verify(t, "--data", data)
	if code != holds || !strings.Contains(out, "Nota: tabelle non controllate") {
		t.Errorf("%d\n%s%s", code, out, complaints)
	}
}

// A system that moves shows for a moment what is none: only what is seen twice counts.
func TestCheckLooksTwice(t *testing.T) {
	archive, _ := folder(t)
	sound, err := source.OpenFolder(archive)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		objects *moving
		want    string
	}{
		"passes":    {&moving{Folder: sound, gone: 1}, ""},
		"stays":     {&moving{Folder: sound, gone: 9}, "strano/1"},
		"is others": {&moving{Folder: sound, gone: 9, other: true}, "strano/5"},
	} {
		report, err := look(t.Context(), input{Config: audit.Config{Objects: c.objects}, live: true}, time.Nanosecond)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if report.Broken != nil {
			got = report.Broken.Where
		}
		if got != c.want {
			t.Errorf("%s: %q", name, got)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	in := input{Config: audit.Config{Objects: &moving{Folder: sound, gone: 9}}, live: true}
	if _, err := look(ctx, in, time.Hour); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// moving has a stranger in it the first times it is listed.
type moving struct {
	*source.Folder
	gone, listed int
	other        bool
}

func (m *moving) List(ctx context.Context) ([]source.Object, error) {
	objects, err := m.Folder.List(ctx)
	if m.listed++; m.listed > m.gone {
		return objects, err
	}
	name := "strano/1"
	if m.other {
		name = "strano/" + string(rune('0'+m.listed))
	}
	return append(objects, source.Object{Key: name, Versions: 1}), err
}
