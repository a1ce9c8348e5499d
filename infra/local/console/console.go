// Package console writes the one log of the local cloud: every line says when,
// who and what, in a colour for each speaker. What functions print as JSON is
// laid out for reading; the lines as they were are kept in a file for each.
package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Console is safe for concurrent use.
type Console struct {
	mu     sync.Mutex
	out    io.Writer
	colour bool
	dir    string
	files  map[string]*os.File
	width  int
}

// New writes to out; raw lines go to files in dir, unless it is empty.
func New(out io.Writer, colour bool, dir string) *Console {
	return &Console{out: out, colour: colour, dir: dir, files: map[string]*os.File{}, width: 12}
}

// Close closes the files.
func (c *Console) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range c.files {
		_ = f.Close()
	}
	c.files = map[string]*os.File{}
}

// Speaker returns a writer for the lines of one program.
func (c *Console) Speaker(name string) io.Writer { return &speaker{console: c, name: name} }

// Quiet returns a writer that only keeps the lines in the program's file.
func (c *Console) Quiet(name string) io.Writer { return &speaker{console: c, name: name, quiet: true} }

// Print writes lines without a speaker.
func (c *Console) Print(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, _ = io.WriteString(c.out, text)
}

type speaker struct {
	console *Console
	name    string
	quiet   bool
	mu      sync.Mutex
	rest    []byte
}

// longest is where a line without an end is cut.
const longest = 64 << 10

func (s *speaker) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rest = append(s.rest, p...)
	for {
		i := bytes.IndexByte(s.rest, '\n')
		if i < 0 && len(s.rest) > longest {
			i = longest
		}
		if i < 0 {
			return len(p), nil
		}
		s.console.line(s.name, string(bytes.TrimRight(s.rest[:i], "\r")), s.quiet)
		s.rest = bytes.Clone(bytes.TrimPrefix(s.rest[i:], []byte("\n")))
	}
}

func (c *Console) line(name, text string, quiet bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.file(name); f != nil {
		_, _ = fmt.Fprintln(f, text)
	}
	if quiet || strings.Contains(text, metrics) {
		return
	}
	at, level, message := time.Now(), "", text
	if strings.HasPrefix(text, "{") {
		at, level, message = readable(text, at)
	}
	c.width = max(c.width, len(name))
	prefix := fmt.Sprintf("%s %-*s", at.Format("15:04:05.000"), c.width, name)
	if c.colour {
		prefix = fmt.Sprintf("\x1b[2m%s\x1b[0m \x1b[%dm%-*s\x1b[0m", at.Format("15:04:05.000"), colourOf(name), c.width, name)
		level = paint(level)
	}
	_, _ = fmt.Fprintf(c.out, "%s %s\n", prefix, strings.TrimSpace(level+" "+message))
}

// metrics marks a line that is a measurement for CloudWatch (embedded metric
// format): it is kept in the file, and would drown the rest on a screen.
const metrics = `"_aws":{`

// file is nil when files are not kept or cannot be.
func (c *Console) file(name string) *os.File {
	if c.dir == "" {
		return nil
	}
	if f, ok := c.files[name]; ok {
		return f
	}
	f, err := os.OpenFile(filepath.Join(c.dir, name+".log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		f = nil
	}
	c.files[name] = f
	return f
}

// readable lays out a line of JSON as slog or Lambda writes it.
func readable(text string, at time.Time) (time.Time, string, string) {
	var fields map[string]any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if d.Decode(&fields) != nil {
		return at, "", text
	}
	take := func(name string) string {
		v, ok := fields[name]
		delete(fields, name)
		if !ok {
			return ""
		}
		return fmt.Sprint(v)
	}
	// The console shows the real time: the moved clock is for what functions do.
	take("time")
	take("timestamp")
	level, message := take("level"), take("msg")
	if message == "" {
		// Lambda's own JSON format calls it so.
		message = take("message")
	}
	var b strings.Builder
	b.WriteString(message)
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		fmt.Fprintf(&b, " %s=%s", name, value(fields[name]))
	}
	return at, level, b.String()
}

func value(v any) string {
	if s, ok := v.(string); ok {
		if strings.ContainsAny(s, " \"\n") {
			return strconv.Quote(s)
		}
		return s
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}

func paint(level string) string {
	switch level {
	case "ERROR":
		return "\x1b[31m" + level + "\x1b[0m"
	case "WARN":
		return "\x1b[33m" + level + "\x1b[0m"
	}
	return level
}

// colourOf is always the same for a name.
func colourOf(name string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name))
	colours := []int{32, 34, 35, 36, 92, 94, 95, 96}
	return colours[h.Sum32()%uint32(len(colours))]
}
