package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// Every bit of a small register is noticed; what holds no more, or has no table, is not tried; an evidence file that is none is no verdict.
func TestTurn(t *testing.T) {
	archive, table := folder(t)
	code, out, complaints := verify(t, "-archive", archive, "-register", table, "-flips", "400")
	if code != holds || complaints != "" || !strings.HasSuffix(out, "TUTTI NOTATI\n") {
		t.Fatalf("%d\n%s%s", code, out, complaints)
	}
	for _, want := range []string{"blocchi archiviati", "righe della tabella del registro", " 400 ", "8 giudicati anche da un controllo che non sapeva nulla", "non c'è su che cosa provarlo"} {
		if !strings.Contains(out, want) {
			t.Errorf("does not say %q:\n%s", want, out)
		}
	}
	if _, again, _ := verify(t, "-archive", archive, "-register", table, "-flips", "400"); again != out {
		t.Error("the same seed turns other bits")
	}
	none := filepath.Join(t.TempDir(), "fascicolo.zip")
	put(t, none, "PK")
	for name, c := range map[string]struct {
		args []string
		said string
	}{
		"no table":         {[]string{"-archive", archive, "-flips", "1"}, "serve anche la tabella"},
		"no evidence file": {[]string{"-evidence", none, "-flips", "1"}, "non è uno zip"},
		"none in a folder": {[]string{"-evidence", archive, "-flips", "1"}, "nessun fascicolo di prova"},
		"not there":        {[]string{"-evidence", none + "x", "-flips", "1"}, "no such file"},
	} {
		if code, out, complaints := verify(t, c.args...); code != failed || out != "" || !strings.Contains(complaints, c.said) {
			t.Errorf("%s: %d, %q, %q", name, code, out, complaints)
		}
	}
	put(t, filepath.Join(archive, blockKey), strings.Replace(read(t, filepath.Join(archive, blockKey)), "ritardo", "ritarda", 1))
	if code, _, complaints := verify(t, "-archive", archive, "-register", table, "-flips", "1"); code != failed || !strings.Contains(complaints, "prima di cambiare qualcosa") {
		t.Errorf("broken beforehand: %d, %q", code, complaints)
	}
}
