package fault

import (
	"io"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// imap passes commands and responses. Its actions are the commands (UID FETCH
// counts as FETCH). "After" withholds the whole response to the command.
func (s *session) imap() {
	greeting, err := s.server.line()
	if err != nil || s.client.write(greeting) != nil {
		return
	}
	for {
		line, err := s.client.line()
		if err != nil {
			return
		}
		tag, verb := imapCommand(line)
		if verb != "CAPABILITY" && verb != "STARTTLS" && verb != "ID" && verb != "NOOP" {
			s.relay(line)
			return
		}
		ok, err := s.simple(line, tag, verb)
		if err != nil {
			return
		}
		if verb == "STARTTLS" && ok {
			if s.secure() != nil {
				return
			}
			if line, err = s.client.line(); err == nil {
				s.relay(line)
			}
			return
		}
	}
}

// imapCommand splits a command line.
func imapCommand(line string) (tag, verb string) {
	fields := strings.Fields(line)
	if len(fields) < 2 {
		return "", ""
	}
	verb = strings.ToUpper(fields[1])
	if verb == "UID" && len(fields) > 2 {
		verb = strings.ToUpper(fields[2])
	}
	return fields[0], verb
}

// simple passes a command that has no literals, before TLS.
func (s *session) simple(line, tag, verb string) (ok bool, err error) {
	f, struck := s.find(verb, line)
	if struck && f.When == "before" {
		return false, s.strike(f, imapRefusal(tag))
	}
	if err := s.server.write(line); err != nil {
		return false, err
	}
	for {
		response, err := s.server.line()
		if err != nil {
			return false, err
		}
		if !struck {
			if err := s.client.write(response); err != nil {
				return false, err
			}
		}
		if rest, last := strings.CutPrefix(response, tag+" "); last {
			if struck {
				return false, s.strike(f, imapRefusal(tag))
			}
			return strings.HasPrefix(strings.ToUpper(rest), "OK"), nil
		}
	}
}

func imapRefusal(tag string) string { return tag + " NO [UNAVAILABLE] Temporary failure\r\n" }

// watch is a command whose response is to be withheld.
type watch struct {
	mu    sync.Mutex
	fault *Fault
	tag   string
}

// relay passes both directions at once, from the client's line on.
func (s *session) relay(line string) {
	w := &watch{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.responses(w)
		_ = s.client.connection.Close()
		_ = s.server.connection.Close()
	}()
	for {
		if s.commands(line, w) != nil {
			break
		}
		var err error
		if line, err = s.client.line(); err != nil {
			break
		}
	}
	// A logout: the server says its last words and hangs up by itself. A fault
	// or a client that is gone: nothing more is to be said.
	_ = s.server.connection.Close()
	<-done
}

// literal at the end of a line announces that many bytes.
var literal = regexp.MustCompile(`\{(\d+)(\+?)\}\r?\n$`)

// commands passes one command with its literals.
func (s *session) commands(line string, w *watch) error {
	tag, verb := imapCommand(line)
	if verb != "" {
		f, struck := s.find(verb, line)
		if struck && f.When == "before" {
			return s.strike(f, imapRefusal(tag))
		}
		if struck {
			w.mu.Lock()
			w.fault, w.tag = &f, tag
			w.mu.Unlock()
		}
	}
	for {
		// The line goes first: for a literal the client waits to be asked.
		if err := s.server.write(line); err != nil {
			return err
		}
		size, ok := literalSize(line)
		if !ok {
			return nil
		}
		if _, err := io.CopyN(s.server.connection, s.client.reader, size); err != nil {
			return err
		}
		var err error
		if line, err = s.client.line(); err != nil {
			return err
		}
	}
}

func literalSize(line string) (int64, bool) {
	m := literal.FindStringSubmatch(line)
	if m == nil {
		return 0, false
	}
	size, err := strconv.ParseInt(m[1], 10, 64)
	return size, err == nil && size <= biggest
}

// responses passes what the server says, until a withheld response is complete.
func (s *session) responses(w *watch) {
	for {
		line, err := s.server.line()
		if err != nil {
			return
		}
		w.mu.Lock()
		f, tag := w.fault, w.tag
		w.mu.Unlock()
		if f != nil && strings.HasPrefix(line, tag+" ") {
			_ = s.strike(*f, imapRefusal(tag))
			return
		}
		var to io.Writer = s.client.connection
		if f != nil {
			to = io.Discard
		}
		for {
			if _, err := io.WriteString(to, line); err != nil {
				return
			}
			size, ok := literalSize(line)
			if !ok {
				break
			}
			if _, err := io.CopyN(to, s.server.reader, size); err != nil {
				return
			}
			if line, err = s.server.line(); err != nil {
				return
			}
		}
	}
}
