package fault_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/smtp"
	"strings"
	"sync"
	"testing"

	"sportello/infra/local/fault"
)

// server is a mail server small enough to read: it speaks what its dialogue
// says, with STARTTLS.
type server struct {
	t         *testing.T
	authority *fault.Authority
	listener  net.Listener
	greeting  string
	command   func(s *conversation, line string) bool
	mu        sync.Mutex
	delivered []string
}

type conversation struct {
	server *server
	conn   net.Conn
	reader *bufio.Reader
}

func (c *conversation) say(text string) { _, _ = io.WriteString(c.conn, text) }

func (c *conversation) secure() {
	made := tls.Server(c.conn, &tls.Config{Certificates: []tls.Certificate{fault.LeafForTest(c.server.authority)}, MinVersion: tls.VersionTLS12})
	c.conn, c.reader = made, bufio.NewReader(made)
}

func listen(t *testing.T, greeting string, command func(*conversation, string) bool) *server {
	t.Helper()
	authority, err := fault.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	s := &server{t: t, authority: authority, listener: l, greeting: greeting, command: command}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go s.talk(conn)
		}
	}()
	return s
}

func (s *server) talk(conn net.Conn) {
	c := &conversation{s, conn, bufio.NewReader(conn)}
	defer func() { _ = c.conn.Close() }()
	c.say(s.greeting)
	for {
		line, err := c.reader.ReadString('\n')
		if err != nil || !s.command(c, strings.TrimRight(line, "\r\n")) {
			return
		}
	}
}

func (s *server) deliver(message string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delivered = append(s.delivered, message)
}

func (s *server) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.delivered)
}

// proxy puts a fault proxy before a server; clients trust the pool returned.
func proxy(t *testing.T, service string, s *server, set *fault.Set, kill func()) (string, *x509.CertPool) {
	t.Helper()
	authority, err := fault.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(s.authority.PEM)
	m, err := fault.NewMail(fault.MailConfig{
		Set: set, Victim: fault.Victim{Function: "MailFunction", Kill: kill}, Service: service,
		Upstream: s.listener.Addr().String(), Roots: roots, Authority: authority,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(authority.PEM)
	return m.Address(), trusted
}

func smtpServer(t *testing.T) *server {
	return listen(t, "220 ready\r\n", func(c *conversation, line string) bool {
		verb, _, _ := strings.Cut(strings.ToUpper(line), " ")
		switch verb {
		case "EHLO":
			c.say("250-here\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n")
		case "STARTTLS":
			c.say("220 go on\r\n")
			c.secure()
		case "AUTH":
			c.say("235 welcome\r\n")
		case "DATA":
			c.say("354 go on\r\n")
			var message strings.Builder
			for {
				line, err := c.reader.ReadString('\n')
				if err != nil {
					return false
				}
				if line == ".\r\n" {
					break
				}
				message.WriteString(line)
			}
			c.server.deliver(message.String())
			c.say("250 taken\r\n")
		case "QUIT":
			c.say("221 bye\r\n")
			return false
		default:
			c.say("250 ok\r\n")
		}
		return true
	})
}

func send(address string, roots *x509.CertPool, message string) error {
	client, err := smtp.Dial(address)
	if err != nil {
		return err
	}
	defer client.Close()
	if err := client.StartTLS(&tls.Config{RootCAs: roots, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12}); err != nil {
		return fmt.Errorf("starting TLS: %w", err)
	}
	if err := client.Auth(smtp.PlainAuth("", "user", "password", "127.0.0.1")); err != nil {
		return err
	}
	if err := client.Mail("a@example.it"); err != nil {
		return err
	}
	if err := client.Rcpt("b@example.it"); err != nil {
		return err
	}
	w, err := client.Data()
	if err != nil {
		return err
	}
	if _, err := io.WriteString(w, message); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return client.Quit()
}

func TestSMTP(t *testing.T) {
	for name, c := range map[string]struct {
		fault     *fault.Fault
		delivered int
		fails     bool
		killed    bool
	}{
		"no fault":          {nil, 1, false, false},
		"other message":     {&fault.Fault{Action: "DATA", Match: "elsewhere", When: "before", Effect: "drop"}, 1, false, false},
		"before, dropped":   {&fault.Fault{Action: "DATA", Match: "Message-ID: <ev1", When: "before", Effect: "drop"}, 0, true, false},
		"before, refused":   {&fault.Fault{Action: "DATA", When: "before", Effect: "error"}, 0, true, false},
		"before, killed":    {&fault.Fault{Action: "DATA", When: "before", Effect: "kill"}, 0, true, true},
		"after, 250 lost":   {&fault.Fault{Action: "DATA", When: "after", Effect: "drop"}, 1, true, false},
		"after, killed":     {&fault.Fault{Action: "DATA", When: "after", Effect: "kill"}, 1, true, true},
		"recipient refused": {&fault.Fault{Action: "RCPT", Match: "b@example.it", When: "before", Effect: "error"}, 0, true, false},
		"login fails after": {&fault.Fault{Action: "AUTH", When: "after", Effect: "drop"}, 0, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			var set fault.Set
			if c.fault != nil {
				f := *c.fault
				f.Function, f.Service = "MailFunction", "smtp"
				if _, err := set.Add(f); err != nil {
					t.Fatal(err)
				}
			}
			behind := smtpServer(t)
			killed := make(chan struct{}, 1)
			address, roots := proxy(t, "smtp", behind, &set, func() { killed <- struct{}{} })
			err := send(address, roots, "Message-ID: <ev1@example.it>\r\n\r\nbody\r\n")
			if (err != nil) != c.fails || behind.count() != c.delivered || (len(killed) > 0) != c.killed {
				t.Errorf("got %v, %d delivered, killed %v", err, behind.count(), len(killed) > 0)
			}
		})
	}
}

func imapServer(t *testing.T) *server {
	return listen(t, "* OK ready\r\n", func(c *conversation, line string) bool {
		tag, rest, _ := strings.Cut(line, " ")
		verb, arg, _ := strings.Cut(strings.ToUpper(rest), " ")
		switch verb {
		case "CAPABILITY":
			c.say("* CAPABILITY IMAP4rev1 STARTTLS\r\n" + tag + " OK done\r\n")
		case "STARTTLS":
			c.say(tag + " OK go on\r\n")
			c.secure()
		case "UID":
			// The literal holds a line that looks like the end of the response.
			c.say("* 1 FETCH (UID 1 BODY[] {12}\r\na3 OK fake\r\n)\r\n" + tag + " OK " + arg + "\r\n")
		case "APPEND":
			c.say("+ go on\r\n")
			text := make([]byte, 7)
			if _, err := io.ReadFull(c.reader, text); err != nil {
				return false
			}
			c.server.deliver(string(text))
			_, _ = c.reader.ReadString('\n')
			c.say(tag + " OK appended\r\n")
		case "LOGOUT":
			c.say("* BYE\r\n" + tag + " OK bye\r\n")
			return false
		default:
			c.say(tag + " OK done\r\n")
		}
		return true
	})
}

// dialogue runs commands over TLS and returns all that the client saw.
func dialogue(t *testing.T, address string, roots *x509.CertPool, commands ...string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	reader := bufio.NewReader(conn)
	until := func(prefix string) string {
		var all strings.Builder
		for {
			line, err := reader.ReadString('\n')
			all.WriteString(line)
			if err != nil || strings.HasPrefix(line, prefix) {
				return all.String()
			}
		}
	}
	until("* OK")
	fmt.Fprint(conn, "a1 CAPABILITY\r\n")
	until("a1 ")
	fmt.Fprint(conn, "a2 STARTTLS\r\n")
	until("a2 ")
	secured := tls.Client(conn, &tls.Config{RootCAs: roots, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12})
	if err := secured.Handshake(); err != nil {
		t.Fatal(err)
	}
	reader = bufio.NewReader(secured)
	var seen strings.Builder
	for _, c := range commands {
		first, rest, _ := strings.Cut(c, "|")
		fmt.Fprint(secured, first+"\r\n")
		if rest != "" {
			seen.WriteString(until("+ "))
			fmt.Fprint(secured, rest+"\r\n")
		}
		tag, _, _ := strings.Cut(c, " ")
		seen.WriteString(until(tag + " "))
	}
	return seen.String()
}

func TestIMAP(t *testing.T) {
	literal := "* 1 FETCH (UID 1 BODY[] {12}\r\na3 OK fake\r\n)\r\n"
	for name, c := range map[string]struct {
		fault    *fault.Fault
		commands []string
		want     string
		appended int
	}{
		"no fault": {nil, []string{"a3 LOGIN u p", "a4 UID FETCH 1 (BODY[])", `a5 APPEND INBOX {7}|message`, "a6 LOGOUT"},
			"a3 OK done\r\n" + literal + "a4 OK FETCH 1 (BODY[])\r\n+ go on\r\na5 OK appended\r\n* BYE\r\na6 OK bye\r\n", 1},
		"before, refused": {&fault.Fault{Action: "LOGIN", When: "before", Effect: "error"}, []string{"a3 LOGIN u p"}, "a3 NO [UNAVAILABLE] Temporary failure\r\n", 0},
		"before, dropped": {&fault.Fault{Action: "FETCH", When: "before", Effect: "drop"}, []string{"a3 SELECT INBOX", "a4 UID FETCH 1 (BODY[])"}, "a3 OK done\r\n", 0},
		"after, withheld": {&fault.Fault{Action: "FETCH", When: "after", Effect: "drop"}, []string{"a3 SELECT INBOX", "a4 UID FETCH 1 (BODY[])"}, "a3 OK done\r\n", 0},
		"after, appended": {&fault.Fault{Action: "APPEND", When: "after", Effect: "error"}, []string{"a3 NOOP", "a4 SELECT INBOX"}, "a3 OK done\r\na4 OK done\r\n", 0},
	} {
		t.Run(name, func(t *testing.T) {
			var set fault.Set
			if c.fault != nil {
				f := *c.fault
				f.Function, f.Service = "MailFunction", "imap"
				if _, err := set.Add(f); err != nil {
					t.Fatal(err)
				}
			}
			behind := imapServer(t)
			address, roots := proxy(t, "imap", behind, &set, func() {})
			if got := dialogue(t, address, roots, c.commands...); got != c.want || behind.count() != c.appended {
				t.Errorf("the client saw %q, %d appended; want %q, %d", got, behind.count(), c.want, c.appended)
			}
		})
	}
}
