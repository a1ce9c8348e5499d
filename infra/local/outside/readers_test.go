//go:build readers

package outside

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sportello/infra/local/outside/casedesk"
)

// reader is a program of infra/readers, which `make test` installs. Their sum, set by make, is asked for so that `go test` does not answer
// from its cache when they changed.
func reader(program string, args ...string) *exec.Cmd {
	_ = os.Getenv("READERS_SUM")
	return exec.Command("node", append([]string{"../../readers/" + program}, args...)...)
}

// read gives a reader its input, and returns what it says.
func read(t *testing.T, input []byte, program string, args ...string) (string, error) {
	t.Helper()
	command := reader(program, args...)
	command.Stdin = bytes.NewReader(input)
	out, err := command.CombinedOutput()
	return string(out), err
}

// Receipts hold before another implementation of CMS than the one that signed them; and it does refuse.
func TestReceiptsVerifyElsewhere(t *testing.T) {
	w := start(t)
	authority := filepath.Join(w.data, "pec-ca.pem")
	to := "officine.rinaldi@pec.example.it"
	if err := w.send(milano, []string{to}, letter(milano, to)); err != nil {
		t.Fatal(err)
	}
	list := append(w.inbox(milano, 2), w.inbox(to, 1)...)
	for i, r := range list {
		if said, err := read(t, r.raw, "smime.mjs", authority); err != nil {
			t.Errorf("message %d: %v\n%s", i, err, said)
		}
	}
	raw := list[0].raw
	wrong := map[string][]byte{
		"another's sender":  bytes.Replace(raw, []byte("From: posta-certificata@pec"), []byte("From: posta-certificata@altro"), 1),
		"unsigned":          []byte(letter(milano, to)),
		"changed content":   with(raw, bytes.Index(raw, list[0].signed)+len(list[0].signed)/2),
		"changed signature": with(raw, bytes.LastIndex(raw, []byte("\r\n--"))-40),
	}
	if err := w.send(milano, []string{"falsa@impresa.pec.example.it"}, letter(milano, "falsa@impresa.pec.example.it")); err != nil {
		t.Fatal(err)
	}
	wrong["a stranger's"] = w.inbox(milano, 4)[3].raw
	for name, message := range wrong {
		if said, err := read(t, message, "smime.mjs", authority); err == nil || bytes.Equal(message, raw) {
			t.Errorf("%s: not refused", name)
		} else {
			t.Logf("%s: %s", name, said)
		}
	}
	if said, err := read(t, raw, "smime.mjs", filepath.Join(w.data, "ca.pem")); err == nil {
		t.Errorf("an authority that did not certify the signer: not refused %s", said)
	}
}

// with is a copy in which one bit is another.
func with(raw []byte, at int) []byte {
	changed := bytes.Clone(raw)
	changed[at] ^= 1
	return changed
}

func TestDaticertIsValid(t *testing.T) {
	const dtd = "testdata/postacert.dtd"
	w := start(t)
	to := []string{"officine.rinaldi@pec.example.it", "mancata.consegna@a.pec.example.it", "ritardo@b.pec.example.it", "sofia.conti@example.it"}
	if err := w.send(milano, to, letter(milano, to...)); err != nil {
		t.Fatal(err)
	}
	list := append(w.inbox(milano, 5), w.inbox(to[0], 1)...)
	for _, kind := range []string{"non-accettazione", "presa-in-carico", "rilevazione-virus"} {
		w.control("POST", "/control/pec/"+w.provider.Messages("")[0].ID+"/receipts", map[string]string{"kind": kind}, nil, http.StatusCreated)
	}
	list = append(list, w.inbox(milano, 8)[5:]...)
	for _, r := range list {
		if said, err := read(t, r.parts["daticert.xml"], "xml.mjs", "dtd", dtd); err != nil {
			t.Errorf("%s: %v\n%s\n%s", r.subject, err, said, r.parts["daticert.xml"])
		}
	}
	valid := string(list[0].parts["daticert.xml"])
	for _, change := range [][2]string{{`tipo="accettazione"`, `tipo="accettata"`}, {"giorno>", "giornata>"}, {"<ora>", "<ora/><ora>"}, {"</postacert>", ""}} {
		wrong := strings.ReplaceAll(valid, change[0], change[1])
		if said, err := read(t, []byte(wrong), "xml.mjs", "dtd", dtd); err == nil || wrong == valid {
			t.Errorf("%s for %s: not refused %s", change[1], change[0], said)
		}
	}
}

// The simulated office's documents open in a reader of PDF, on as many pages as their text needs.
func TestOutcomeCanBeRead(t *testing.T) {
	long := strings.Repeat("Una frase abbastanza lunga da riempire la riga. ", 150)
	command := reader("pdf.mjs")
	command.Stdin = bytes.NewReader(casedesk.PDF("Esito (prova)", []string{"perché è così – “virgolette”", "\\ ( )", long, "漢"}))
	out, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Esito (prova)", "perché è così – “virgolette”", "\\ ( )", "\n?\f"} {
		if !bytes.Contains(out, []byte(want)) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	if pages := bytes.Count(out, []byte("\f")); pages != 2 {
		t.Errorf("%d pages, want 2", pages)
	}
}
