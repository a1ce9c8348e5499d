package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/smtp"
	"net/textproto"
	"regexp"
	"strings"
	"time"
)

var (
	// ErrRefused is returned, wrapped, when the server refused the message for good (5xx). Nothing was sent, and sending again will not
	// help. errors.As finds the *Reply.
	ErrRefused = errors.New("mail: refused")
	// ErrTemporary is returned, wrapped, when certainly nothing was sent and a later try may succeed: no connection, 4xx, connection lost
	// before the message was complete.
	ErrTemporary = errors.New("mail: not sent for now")
	// ErrUnclear is returned, wrapped, when the connection was lost after the end of the message and before the server's answer: it may or
	// may not have been sent. Look for its receipts before sending again.
	ErrUnclear = errors.New("mail: unclear whether sent")
)

// Reply is what the server said when it refused.
type Reply struct {
	Code     int    // such as 550
	Enhanced string // RFC 3463, such as 5.1.1; empty if the server gave none
	Text     string // the server's words: they may name addresses, so they go to the officer, not to logs
}

// Error tells the codes only.
func (r *Reply) Error() string {
	return strings.TrimSpace(fmt.Sprintf("server answered %d %s", r.Code, r.Enhanced))
}

// SenderConfig says how to reach the submission server of one mailbox.
type SenderConfig struct {
	Addr     string // host:port, required; the certificate must be for host
	User     string // required
	Password string // required
	TLS      *tls.Config
	Hello    string        // our name in EHLO; empty: localhost
	Timeout  time.Duration // of a whole submission; 0: DefaultSendTimeout
}

// DefaultSendTimeout bounds a submission: RFC 5321, 4.5.3.2.6, has servers take up to ten minutes to answer the end of DATA; our
// function lives one minute.
const DefaultSendTimeout = 45 * time.Second

// Sender submits messages for one mailbox (RFC 6409), always under TLS. It may be used by several goroutines.
type Sender struct {
	config SenderConfig
	host   string
}

// NewSender checks the configuration. Nothing is connected yet.
func NewSender(config SenderConfig) (*Sender, error) {
	host, _, err := net.SplitHostPort(config.Addr)
	if err != nil || config.User == "" || config.Password == "" {
		return nil, errors.New("configuring mail submission: Addr (host:port), User and Password are required")
	}
	if config.Timeout <= 0 {
		config.Timeout = DefaultSendTimeout
	}
	return &Sender{config: config, host: host}, nil
}

// Send submits raw, exactly as it is, to all recipients or to none. nil means that the server answered 250 to the end of the data:
// the caller records that before anything else, because from then on the message must never be sent again.
func (s *Sender) Send(ctx context.Context, from string, to []string, raw []byte) error {
	if err := sendable(from, to, raw); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	client, stop, err := s.connect(ctx)
	if err != nil {
		return classify(aside(err), ErrTemporary)
	}
	defer stop()
	if err := s.authenticate(client); err != nil {
		return classify(aside(err), ErrTemporary)
	}
	if err := recipients(client, from, to); err != nil {
		return classify(err, ErrTemporary)
	}
	data, err := client.Data()
	if err != nil {
		return classify(err, ErrTemporary)
	}
	if _, err := data.Write(raw); err != nil {
		return classify(err, ErrTemporary) // without the final dot the server must discard what it got (RFC 5321, 4.1.1.4)
	}
	if err := data.Close(); err != nil {
		return classify(err, ErrUnclear)
	}
	// The message is the server's now. A failing QUIT changes nothing.
	_ = client.Quit()
	return nil
}

// sendable refuses what the protocol would alter on the way, so that what was archived is what is sent.
func sendable(from string, to []string, raw []byte) error {
	if _, err := address(from); err != nil || len(to) == 0 {
		return fmt.Errorf("sending: %w: sender or recipients", ErrCompose)
	}
	for _, recipient := range to {
		if _, err := address(recipient); err != nil {
			return fmt.Errorf("sending: %w: recipient", ErrCompose)
		}
	}
	if len(raw) == 0 || !strings.HasSuffix(string(raw[max(0, len(raw)-2):]), "\r\n") {
		return fmt.Errorf("sending: %w: does not end with a line", ErrCompose)
	}
	for i, c := range raw {
		if c == '\n' && (i == 0 || raw[i-1] != '\r') || c == '\r' && (i+1 == len(raw) || raw[i+1] != '\n') {
			return fmt.Errorf("sending: %w: bare CR or LF", ErrCompose)
		}
	}
	return nil
}

// connect dials and greets. stop ends the connection, as the end of ctx does.
func (s *Sender) connect(ctx context.Context) (*smtp.Client, func(), error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.config.Addr)
	if err != nil {
		return nil, nil, err
	}
	release := context.AfterFunc(ctx, func() { conn.Close() })
	stop := func() { release(); conn.Close() }
	client, err := smtp.NewClient(conn, s.host)
	if err != nil {
		stop()
		return nil, nil, err
	}
	return client, stop, nil
}

// authenticate greets, goes under TLS and says who we are.
func (s *Sender) authenticate(client *smtp.Client) error {
	if s.config.Hello != "" {
		if err := client.Hello(s.config.Hello); err != nil {
			return err
		}
	}
	if ok, _ := client.Extension("STARTTLS"); !ok {
		return errors.New("the server offers no STARTTLS") // never the password in the clear
	}
	if err := client.StartTLS(tlsConfig(s.config.TLS, s.host)); err != nil {
		return err
	}
	return client.Auth(smtp.PlainAuth("", s.config.User, s.config.Password, s.host))
}

// tlsConfig completes a configuration for a server.
func tlsConfig(given *tls.Config, host string) *tls.Config {
	config := &tls.Config{}
	if given != nil {
		config = given.Clone()
	}
	if config.ServerName == "" {
		config.ServerName = host
	}
	config.MinVersion = max(config.MinVersion, tls.VersionTLS12)
	return config
}

func recipients(client *smtp.Client, from string, to []string) error {
	if err := client.Mail(from); err != nil {
		return err
	}
	for _, recipient := range to {
		if err := client.Rcpt(recipient); err != nil {
			return err
		}
	}
	return nil
}

// aside keeps a refusal from counting against the message when it came before the message was spoken of: a blocked address, a refused
// login are the operator's to mend, and the message will go then.
func aside(err error) error {
	var reply *textproto.Error
	if errors.As(err, &reply) {
		return fmt.Errorf("connecting: server answered %d", reply.Code)
	}
	return err
}

// classify says what an error of the conversation means for the message; doubt is what a lost connection means at that point.
func classify(err error, doubt error) error {
	var answer *textproto.Error
	if !errors.As(err, &answer) {
		if errors.Is(err, io.EOF) {
			err = errors.New("connection closed")
		}
		return fmt.Errorf("sending: %w: %w", doubt, err)
	}
	reply := &Reply{Code: answer.Code, Text: answer.Msg}
	if m := enhanced.FindStringSubmatch(answer.Msg); m != nil {
		reply.Enhanced, reply.Text = m[1], strings.TrimSpace(m[2])
	}
	if answer.Code >= 500 && answer.Code < 600 {
		return fmt.Errorf("sending: %w: %w", ErrRefused, reply)
	}
	return fmt.Errorf("sending: %w: %w", ErrTemporary, reply)
}

var enhanced = regexp.MustCompile(`(?s)^([245]\.\d{1,3}\.\d{1,3})\s(.*)$`)
