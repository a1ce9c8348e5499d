package evidence_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"sportello/shared/domain/evidence"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/problem"
	"sportello/shared/domain/register"
	"sportello/shared/flow/casefile"
	flow "sportello/shared/flow/evidence"
	"sportello/shared/flow/flowtest"
)

var ctx = context.Background()

func made(t *testing.T, w *flowtest.World, id string) []byte {
	t.Helper()
	c, err := casefile.Load(ctx, w.Applications, id)
	if err != nil {
		t.Fatal(err)
	}
	body, err := w.Evidence.Make(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	again, err := w.Evidence.Make(ctx, c)
	if err != nil || !bytes.Equal(body, again) {
		t.Errorf("made again it is another file (%v)", err)
	}
	return body
}

func read(t *testing.T, body []byte) (m evidence.Manifest, files map[string]string) {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	files = map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name] = string(content)
	}
	if err := json.Unmarshal([]byte(files["manifest.json"]), &m); err != nil {
		t.Fatal(err)
	}
	if len(files) != len(m.Files)+1 {
		t.Errorf("%d files, %d listed", len(files), len(m.Files))
	}
	for _, f := range m.Files {
		if register.Digest([]byte(files[f.Path])) != f.SHA256 || len(files[f.Path]) != f.Size {
			t.Errorf("%s is not what is listed", f.Path)
		}
	}
	return m, files
}

func missing(m evidence.Manifest, what string) bool {
	return slices.ContainsFunc(m.Missing, func(x evidence.Missing) bool { return strings.HasPrefix(x.What, what) })
}

// Before its day is closed a file says so; afterwards it has the statement, and of the day's leaves its own alone.
func TestMake(t *testing.T) {
	w := flowtest.New(t)
	other := w.Registered()
	id := w.Decided()
	m, files := read(t, made(t, w, id))
	if !missing(m, "sigillo del registro del 2026-11-23") || len(m.Register) != 2 || m.Register[0].Proof != nil || len(m.Days) != 0 {
		t.Errorf("before the day is closed: %+v", m.Missing)
	}
	if files["istanza.json"] == "" || m.Register[0].Document != register.Digest([]byte(files["istanza.json"])) {
		t.Error("what was presented is not what was registered")
	}
	if len(m.Mail) == 0 || len(m.Mail[0].Receipts) == 0 {
		t.Errorf("mail %+v", m.Mail)
	}

	w.Pass(24 * time.Hour)
	w.CloseDays()
	w.Rest()
	m, files = read(t, made(t, w, id))
	if missing(m, "sigillo") || len(m.Days) != 1 || m.Register[0].Proof == nil || m.Register[0].Proof.Size != 3 {
		t.Fatalf("after the day is closed: %+v, %+v", m.Register, m.Missing)
	}
	leaves, err := w.Archive.Get(ctx, layout.Leaves(flowtest.Chamber, "2026-11-23"))
	if err != nil {
		t.Fatal(err)
	}
	day, err := register.ParseLeaves(leaves)
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(valuesOf(files), "\n")
	for n, leaf := range day.Leaves {
		own := slices.ContainsFunc(m.Register, func(r evidence.Record) bool { return r.Proof.Index == n })
		if strings.Contains(all, leaf.Salt) != own {
			t.Errorf("leaf %d: inside %v, the case's %v", n, !own, own)
		}
	}
	if strings.Contains(all, other) {
		t.Error("another case is named")
	}
	if !strings.Contains(files["leggimi.txt"], id) {
		t.Error("the read-me is of nothing")
	}
}

func valuesOf(files map[string]string) (list []string) {
	for _, body := range files {
		list = append(list, body)
	}
	return list
}

// A day that waits for its timestamp says so.
func TestWithoutTimestamp(t *testing.T) {
	w := flowtest.New(t)
	id := w.Registered()
	w.Stamper.Down = true
	w.Pass(24 * time.Hour)
	w.CloseDays()
	w.Settle()
	m, _ := read(t, made(t, w, id))
	if !missing(m, "marca temporale del 2026-11-23") || len(m.Days) != 1 || m.Days[0].Seal == "" || m.Days[0].Timestamp != "" || m.Register[0].Proof == nil {
		t.Errorf("%+v, %+v", m.Days, m.Missing)
	}
}

// An annulled number leaves with its annulment.
func TestAnnulled(t *testing.T) {
	w := flowtest.New(t)
	id := w.Registered()
	if _, err := w.Office.Annul(ctx, w.Officer(), 2026, 1, "Doppione", "Determina 7 del 2026"); err != nil {
		t.Fatal(err)
	}
	w.Settle()
	m, _ := read(t, made(t, w, id))
	if len(m.Register) != 2 || m.Register[1].Annex != 1 {
		t.Errorf("%+v", m.Register)
	}
}

func TestLink(t *testing.T) {
	w := flowtest.New(t)
	c, err := casefile.Load(ctx, w.Applications, w.Presented())
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Evidence.Link(ctx, c)
	flowtest.Refused(t, "a case without a number", err, problem.Conflict)
	if c, err = casefile.Load(ctx, w.Applications, w.Registered()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := w.Evidence.Link(ctx, c); err != nil {
			t.Fatal(err)
		}
	}
	if kept, err := w.Documents.List(ctx, "evidence/", "", 10); err != nil || len(kept) != 1 {
		t.Errorf("kept %v, %v", kept, err)
	}
	if _, err := flow.New(flow.Config{}); err == nil {
		t.Error("made of nothing")
	}
}
