// Package smtpd is the submission server of the certified-mail provider: STARTTLS, then AUTH PLAIN
// or LOGIN, then messages. It answers 250 when the message is on disk.
package smtpd

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"sportello/infra/local/outside/mailbox"
	"sportello/infra/local/outside/pec"
)

// Config is what the server needs; every field is required.
type Config struct {
	TLS      *tls.Config
	Provider *pec.Provider
	Accounts *mailbox.Accounts
	Log      *slog.Logger
}

// Server is a submission server.
type Server struct{ inner *smtp.Server }

// New checks the configuration.
func New(cfg Config) (*Server, error) {
	if cfg.TLS == nil || cfg.Provider == nil || cfg.Accounts == nil || cfg.Log == nil {
		return nil, errors.New("smtpd: incomplete configuration")
	}
	s := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &session{cfg: cfg, conn: c}, nil
	}))
	s.Domain = "smtp." + cfg.Provider.Domain
	s.TLSConfig = cfg.TLS
	s.MaxMessageBytes = pec.MaxSize + 1<<20 // what is over the legal limit gets a notice, not a 552
	s.MaxRecipients = 50
	s.ReadTimeout, s.WriteTimeout = 5*time.Minute, time.Minute
	s.ErrorLog = slog.NewLogLogger(cfg.Log.Handler(), slog.LevelDebug)
	return &Server{s}, nil
}

// Serve accepts connections until Close.
func (s *Server) Serve(l net.Listener) error { return s.inner.Serve(l) }

// Close ends every connection.
func (s *Server) Close() error { return s.inner.Close() }

type session struct {
	cfg     Config
	conn    *smtp.Conn
	account string // address that logged in
	from    string
	to      []string
}

var _ smtp.AuthSession = (*session)(nil)

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain, sasl.Login} }

func (s *session) Auth(mech string) (sasl.Server, error) {
	switch mech {
	case sasl.Plain:
		return sasl.NewPlainServer(func(_, user, password string) error { return s.login(user, password) }), nil
	case sasl.Login:
		return &loginServer{check: s.login}, nil
	}
	return nil, smtp.ErrAuthUnknownMechanism
}

func (s *session) login(user, password string) error {
	address, ok := s.cfg.Accounts.Login(user, password)
	if !ok {
		return smtp.ErrAuthFailed
	}
	s.account = address
	return nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.account == "" {
		return &smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "Authentication required"}
	}
	if mailbox.Normal(from) != s.account {
		return &smtp.SMTPError{Code: 553, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "Sender is not the authenticated mailbox"}
	}
	s.from = from
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if named(to, "rifiuta") {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "Recipient refused"}
	}
	s.to = append(s.to, to)
	return nil
}

func named(address, local string) bool {
	return strings.HasPrefix(mailbox.Normal(address), local+"@")
}

func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := s.temporary(raw); err != nil {
		return err
	}
	m, err := s.cfg.Provider.Submit(pec.Submission{From: s.from, To: s.to, Raw: raw, Certified: true})
	if err != nil {
		s.cfg.Log.Error("message not taken in charge", "err", err)
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "Could not store the message"}
	}
	if drop, err := s.first(raw, "interrotta", 1); err != nil || drop {
		_ = s.conn.Conn().Close() // the answer is lost, as when the line falls
		return errors.New("connection dropped on purpose")
	}
	s.cfg.Log.Debug("message taken in charge", "id", m.ID)
	return nil
}

// temporary refuses the first two attempts at a message for temporaneo@.
func (s *session) temporary(raw []byte) error {
	early, err := s.first(raw, "temporaneo", 2)
	if err != nil || early {
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 2}, Message: "Try again later"}
	}
	return nil
}

// first tells whether this is among the first n attempts at a message with a recipient whose local
// part is the one given. Attempts are told apart by Message-ID, which a retry keeps.
func (s *session) first(raw []byte, local string, n int) (bool, error) {
	if !slices.ContainsFunc(s.to, func(to string) bool { return named(to, local) }) {
		return false, nil
	}
	id := ""
	if h, err := pec.Header(raw); err == nil {
		id = h.Get("Message-Id")
	}
	if id == "" {
		id = string(raw)
	}
	sum := sha256.Sum256([]byte(local + "\n" + id))
	count, err := s.cfg.Provider.Attempt(hex.EncodeToString(sum[:]))
	if err != nil {
		return false, fmt.Errorf("counting attempts: %w", err)
	}
	return count <= n, nil
}

func (s *session) Reset() { s.from, s.to = "", nil }

func (s *session) Logout() error { return nil }

// loginServer is the server side of AUTH LOGIN: two questions, user name and password.
type loginServer struct {
	check func(user, password string) error
	user  string
	step  int
}

func (l *loginServer) Next(answer []byte) ([]byte, bool, error) {
	if l.step == 0 && answer == nil {
		l.step = 1
		return []byte("Username:"), false, nil
	}
	switch l.step {
	case 0, 1: // the user name, sent at once or when asked
		l.user, l.step = string(answer), 2
		return []byte("Password:"), false, nil
	case 2:
		l.step = 3
		return nil, true, l.check(l.user, string(answer))
	}
	return nil, false, sasl.ErrUnexpectedClientResponse
}
