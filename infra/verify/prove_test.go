package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// An evidence file that cannot be read is no verdict; one that is not one is named, in both forms of the report.
func TestProve(t *testing.T) {
	file := filepath.Join(t.TempDir(), "fascicolo.zip")
	if err := os.WriteFile(file, []byte("PK"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		code int
		said string
	}{
		"nothing there":  {[]string{"-evidence", file + "x"}, failed, "verify:"},
		"no authorities": {[]string{"-evidence", file, "-trust", file}, failed, "verify:"},
		"no zip":         {[]string{"-evidence", file}, broken, "ROTTO fascicolo: non è uno zip"},
		"no zip, JSON":   {[]string{"-evidence", file, "-json"}, broken, `"where": "fascicolo"`},
	} {
		var out bytes.Buffer
		if code := run(t.Context(), c.args, func(string) string { return "" }, &out, &out); code != c.code || !strings.Contains(out.String(), c.said) {
			t.Errorf("%s: %d\n%s", name, code, out.String())
		}
	}
}
