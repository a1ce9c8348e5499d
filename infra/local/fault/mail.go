package fault

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"sync"
)

// Mail passes the connections of one function instance to a mail server, SMTP
// or IMAP, reading them also after STARTTLS.
type Mail struct {
	config   MailConfig
	listener net.Listener
	mu       sync.Mutex
	open     map[net.Conn]bool
}

// MailConfig describes a proxy.
type MailConfig struct {
	Set    *Set
	Victim Victim
	// Service is smtp or imap.
	Service string
	// Upstream is the server's host:port, Roots what certifies it.
	Upstream  string
	Roots     *x509.CertPool
	Authority *Authority
}

// NewMail listens on a free loopback port.
func NewMail(c MailConfig) (*Mail, error) {
	if c.Service != "smtp" && c.Service != "imap" {
		return nil, fmt.Errorf("%q is no mail service", c.Service)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("starting mail proxy: %w", err)
	}
	m := &Mail{config: c, listener: listener, open: map[net.Conn]bool{}}
	go m.accept()
	return m, nil
}

// Address is where the function finds the server.
func (m *Mail) Address() string { return m.listener.Addr().String() }

// Close ends the proxy and its connections.
func (m *Mail) Close() {
	_ = m.listener.Close()
	m.mu.Lock()
	defer m.mu.Unlock()
	for c := range m.open {
		_ = c.Close()
	}
}

func (m *Mail) accept() {
	for {
		connection, err := m.listener.Accept()
		if err != nil {
			return
		}
		go m.serve(connection)
	}
}

func (m *Mail) keep(c net.Conn, on bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if on {
		m.open[c] = true
	} else {
		delete(m.open, c)
	}
}

func (m *Mail) serve(connection net.Conn) {
	m.keep(connection, true)
	defer m.keep(connection, false)
	defer connection.Close()
	upstream, err := net.Dial("tcp", m.config.Upstream)
	if err != nil {
		return
	}
	m.keep(upstream, true)
	defer m.keep(upstream, false)
	defer upstream.Close()
	s := &session{mail: m, client: newEnd(connection), server: newEnd(upstream)}
	if m.config.Service == "smtp" {
		s.smtp()
	} else {
		s.imap()
	}
}

// session is one connection through the proxy.
type session struct {
	mail           *Mail
	client, server *end
}

// end is one side of it.
type end struct {
	connection net.Conn
	reader     *bufio.Reader
}

func newEnd(c net.Conn) *end { return &end{c, bufio.NewReaderSize(c, 64<<10)} }

// line reads up to and with the line feed.
func (e *end) line() (string, error) { return e.reader.ReadString('\n') }

func (e *end) write(text string) error {
	_, err := e.connection.Write([]byte(text))
	return err
}

// secure starts TLS on both sides.
func (s *session) secure() error {
	host, _, err := net.SplitHostPort(s.mail.config.Upstream)
	if err != nil {
		return err
	}
	server := tls.Client(s.server.connection, &tls.Config{RootCAs: s.mail.config.Roots, ServerName: host, MinVersion: tls.VersionTLS12})
	if err := server.Handshake(); err != nil {
		return fmt.Errorf("securing the server's side: %w", err)
	}
	client := tls.Server(s.client.connection, &tls.Config{Certificates: []tls.Certificate{s.mail.config.Authority.leaf}, MinVersion: tls.VersionTLS12})
	if err := client.Handshake(); err != nil {
		return fmt.Errorf("securing the client's side: %w", err)
	}
	s.client, s.server = newEnd(client), newEnd(server)
	return nil
}

func (s *session) find(action string, content ...string) (Fault, bool) {
	return s.mail.config.Set.Find(Call{Function: s.mail.config.Victim.Function, Service: s.mail.config.Service, Action: action, Content: content})
}

// errStruck ends a session that a fault has struck.
var errStruck = errors.New("struck by a fault")

// strike has the fault's effect; refusal is what "error" answers.
func (s *session) strike(f Fault, refusal string) error {
	switch f.Effect {
	case "kill":
		s.mail.config.Victim.Kill()
	case "error":
		_ = s.client.write(refusal)
	}
	return errStruck
}
