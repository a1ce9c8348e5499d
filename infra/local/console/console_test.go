package console_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sportello/infra/local/console"
)

func TestLines(t *testing.T) {
	var out bytes.Buffer
	dir := t.TempDir()
	c := console.New(&out, false, dir)
	speaker := c.Speaker("login")
	// A line may come in pieces, or several at once.
	for _, piece := range []string{"hel", "lo\r\nplain ", `{"x":1}` + "\n", `{"time":"2026-01-01T00:00:00Z","level":"ERROR","msg":"went wrong","error":"a \"b\"","n":12345678901234567,"group":{"k":"v"}}` + "\n"} {
		if _, err := io.WriteString(speaker, piece); err != nil {
			t.Fatal(err)
		}
	}
	_, _ = io.WriteString(speaker, `{"_aws":{"Timestamp":1},"SweepHeartbeat":1}`+"\n")
	_, _ = io.WriteString(c.Quiet("s3"), "not shown\n")
	c.Print("welcome\n")
	c.Close()
	got := regexp.MustCompile(`(?m)^\d\d:\d\d:\d\d\.\d{3} `).ReplaceAllString(out.String(), "")
	want := `login        hello
login        plain {"x":1}
login        ERROR went wrong error="a \"b\"" group={"k":"v"} n=12345678901234567
welcome
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for name, want := range map[string]string{"login": "plain {\"x\":1}\n", "s3": "not shown\n"} {
		text, err := os.ReadFile(filepath.Join(dir, name+".log"))
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s.log has %q (%v)", name, text, err)
		}
	}
}

func TestColours(t *testing.T) {
	var out bytes.Buffer
	c := console.New(&out, true, "")
	_, _ = fmt.Fprintln(c.Speaker("login"), `{"level":"WARN","msg":"careful"}`)
	if !strings.Contains(out.String(), "\x1b[33mWARN\x1b[0m careful") {
		t.Errorf("got %q", out.String())
	}
}

func TestEndlessLineIsCut(t *testing.T) {
	var out bytes.Buffer
	c := console.New(&out, false, "")
	_, _ = io.WriteString(c.Speaker("x"), strings.Repeat("a", 200<<10))
	if n := strings.Count(out.String(), "\n"); n != 3 {
		t.Errorf("%d lines", n)
	}
}
