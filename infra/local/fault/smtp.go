package fault

import (
	"fmt"
	"io"
	"strings"
)

// refusal of a mail server that cannot just now.
const smtpRefusal = "451 4.3.0 Requested action aborted: local error in processing\r\n"

// smtp passes replies and commands in turn. Its actions are the commands; DATA
// is judged when the whole message is there, so that "before" means that the
// server never gets it and "after" that its final 250 is withheld.
func (s *session) smtp() {
	if _, err := s.reply(true); err != nil {
		return
	}
	for {
		line, err := s.client.line()
		if err != nil || s.command(line) != nil {
			return
		}
	}
}

func (s *session) command(line string) error {
	verb, arg, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(line)), " ")
	if verb == "BDAT" {
		return s.chunk(line, arg)
	}
	if verb == "DATA" {
		return s.data(line)
	}
	f, struck := s.find(verb, line)
	if struck && f.When == "before" {
		return s.strike(f, smtpRefusal)
	}
	if err := s.server.write(line); err != nil {
		return err
	}
	code, err := s.reply(!struck)
	if err != nil {
		return err
	}
	if struck {
		return s.strike(f, smtpRefusal)
	}
	// A dialogue inside a command: AUTH.
	for code == "334" {
		answer, err := s.client.line()
		if err != nil {
			return err
		}
		if err := s.server.write(answer); err != nil {
			return err
		}
		if code, err = s.reply(true); err != nil {
			return err
		}
	}
	switch {
	case verb == "STARTTLS" && code == "220":
		return s.secure()
	case verb == "QUIT":
		return io.EOF
	}
	return nil
}

// reply reads the server's reply and passes it on if wanted.
func (s *session) reply(pass bool) (code string, err error) {
	for {
		line, err := s.server.line()
		if err != nil {
			return "", err
		}
		if pass {
			if err := s.client.write(line); err != nil {
				return "", err
			}
		}
		if len(line) < 4 || line[3] != '-' {
			return line[:min(3, len(line))], nil
		}
	}
}

// biggest is more than any mail of ours.
const biggest = 100 << 20

func (s *session) data(line string) error {
	if err := s.server.write(line); err != nil {
		return err
	}
	code, err := s.reply(true)
	if err != nil || code != "354" {
		return err
	}
	var message strings.Builder
	for {
		line, err := s.client.line()
		if err != nil {
			return err
		}
		message.WriteString(line)
		if line == ".\r\n" || message.Len() > biggest {
			break
		}
	}
	return s.deliver(message.String(), message.String())
}

// chunk is RFC 3030's BDAT; only the last one delivers.
func (s *session) chunk(line, arg string) error {
	var size int
	if _, err := fmt.Sscan(arg, &size); err != nil || size < 0 || size > biggest {
		return fmt.Errorf("%q is no chunk", arg)
	}
	content := make([]byte, size)
	if _, err := io.ReadFull(s.client.reader, content); err != nil {
		return err
	}
	if strings.HasSuffix(arg, "LAST") {
		return s.deliver(line+string(content), string(content))
	}
	if err := s.server.write(line + string(content)); err != nil {
		return err
	}
	_, err := s.reply(true)
	return err
}

func (s *session) deliver(wire, message string) error {
	f, struck := s.find("DATA", message)
	if struck && f.When == "before" {
		return s.strike(f, smtpRefusal)
	}
	if err := s.server.write(wire); err != nil {
		return err
	}
	if _, err := s.reply(!struck); err != nil {
		return err
	}
	if struck {
		return s.strike(f, smtpRefusal)
	}
	return nil
}
