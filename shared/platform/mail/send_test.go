package mail

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"sportello/shared/platform/jws/jwstest"
)

// certificate makes a server's certificate for 127.0.0.1 and the configuration that trusts it.
func certificate(t *testing.T) (tls.Certificate, *tls.Config) {
	t.Helper()
	key := jwstest.New(t)
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key.PrivateKey}, &tls.Config{RootCAs: roots}
}

// smtpServer is a small submission server. Its answers to a recipient or to the data depend on the recipient's local part; answer says
// what to reply at a place of the conversation instead.
type smtpServer struct {
	t           *testing.T
	certificate tls.Certificate
	addr        string

	mu     sync.Mutex
	noTLS  bool
	script func(place string) string // "" the usual; "drop" closes the connection
	kept   [][]byte
	last   []byte // received whole, kept or not
}

func newSMTP(t *testing.T) (*smtpServer, *Sender) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	s := &smtpServer{t: t, addr: listener.Addr().String(), script: func(string) string { return "" }}
	var trust *tls.Config
	s.certificate, trust = certificate(t)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go s.serve(conn)
		}
	}()
	sender, err := NewSender(SenderConfig{Addr: s.addr, User: "protocollo@milano.pec.example.it", Password: "segreto", TLS: trust, Timeout: 5 * time.Second, Hello: "sportello.example.it"})
	if err != nil {
		t.Fatal(err)
	}
	return s, sender
}

// play sets how the server answers from now on.
func (s *smtpServer) play(noTLS bool, script func(place string) string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noTLS, s.script = noTLS, script
}

func (s *smtpServer) answer(place string) string {
	s.mu.Lock()
	script := s.script
	s.mu.Unlock()
	return script(place)
}

func (s *smtpServer) offersTLS() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.noTLS
}

func (s *smtpServer) serve(conn net.Conn) {
	defer func() { conn.Close() }()
	r := bufio.NewReader(conn)
	// say answers at a place and tells whether the conversation goes on as usual.
	say := func(place, usual string) bool {
		reply := usual
		if other := s.answer(place); other == "drop" {
			return false
		} else if other != "" {
			reply = other
		}
		fmt.Fprintf(conn, "%s\r\n", reply)
		return reply[0] == '2' || reply[0] == '3'
	}
	if !say("greeting", "220 pronto") {
		return
	}
	secure, in := false, false
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		verb := strings.ToUpper(strings.SplitN(line, " ", 2)[0])
		switch {
		case verb == "EHLO":
			extensions := "250-benvenuto\r\n250-8BITMIME\r\n"
			if !secure && s.offersTLS() {
				extensions += "250-STARTTLS\r\n"
			}
			if !say("EHLO", extensions+"250 AUTH PLAIN") {
				return
			}
		case verb == "STARTTLS":
			fmt.Fprint(conn, "220 avanti\r\n")
			secured := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{s.certificate}})
			conn, r, secure = secured, bufio.NewReader(secured), true
		case verb == "AUTH":
			credentials, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(line, "AUTH PLAIN "))
			if !secure {
				s.t.Error("password in the clear")
			}
			in = string(credentials) == "\x00protocollo@milano.pec.example.it\x00segreto"
			if in {
				say("AUTH", "235 bene")
			} else {
				say("AUTH", "535 5.7.8 no")
			}
		case verb == "MAIL" && !in:
			fmt.Fprint(conn, "530 5.7.0 prima AUTH\r\n")
		case verb == "MAIL", verb == "RCPT":
			if !say(line, "250 bene") && s.answer(line) == "drop" {
				return
			}
		case verb == "DATA":
			if !say("DATA", "354 avanti") {
				return
			}
			if s.answer("body") == "drop" {
				r.ReadString('\n')
				return
			}
			raw := s.data(r)
			reply := s.answer("end")
			s.mu.Lock()
			s.last = raw
			if reply == "" || reply == "drop" {
				s.kept = append(s.kept, raw)
			}
			s.mu.Unlock()
			if !say("end", "250 2.0.0 preso in carico") && reply == "drop" {
				return
			}
		case verb == "QUIT":
			fmt.Fprint(conn, "221 ciao\r\n")
			return
		default:
			fmt.Fprint(conn, "500 che?\r\n")
		}
	}
}

// data reads to the final dot and undoes dot-stuffing (RFC 5321, 4.5.2).
func (s *smtpServer) data(r *bufio.Reader) []byte {
	var raw bytes.Buffer
	for {
		line, err := r.ReadBytes('\n')
		if err != nil || string(line) == ".\r\n" {
			return raw.Bytes()
		}
		raw.Write(bytes.TrimPrefix(line, []byte(".")))
	}
}

func (s *smtpServer) received() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kept
}

const from = "protocollo@milano.pec.example.it"

func TestSendSendsTheBytes(t *testing.T) {
	server, sender := newSMTP(t)
	o := letter()
	o.Text = ".\n..\n.testo\n"
	raw, err := Compose(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := sender.Send(t.Context(), from, []string{"acme@pec.example.it", "beta@pec.example.it"}, raw); err != nil {
		t.Fatal(err)
	}
	if got := server.received(); len(got) != 1 || !bytes.Equal(got[0], raw) {
		t.Errorf("received %q, sent %q", got, raw)
	}
}

func TestSendErrors(t *testing.T) {
	raw := []byte("Subject: x\r\n\r\nx\r\n")
	for name, c := range map[string]struct {
		place, answer string
		want          error
		enhanced      string
		kept          int
	}{
		"greeting 421":          {"greeting", "421 occupato", ErrTemporary, "", 0},
		"greeting 554":          {"greeting", "554 non da qui", ErrTemporary, "", 0}, // says nothing about the message
		"greeting dropped":      {"greeting", "drop", ErrTemporary, "", 0},
		"EHLO dropped":          {"EHLO", "drop", ErrTemporary, "", 0},
		"login refused":         {"AUTH", "535 5.7.8 credenziali", ErrTemporary, "", 0},
		"sender refused":        {"MAIL", "553 5.7.1 mittente", ErrRefused, "5.7.1", 0},
		"recipient refused":     {"RCPT", "550 5.1.1 inesistente", ErrRefused, "5.1.1", 0},
		"recipient later":       {"RCPT", "451 4.7.1 riprovare", ErrTemporary, "4.7.1", 0},
		"recipient dropped":     {"RCPT", "drop", ErrTemporary, "", 0},
		"DATA refused":          {"DATA", "554 5.3.4 no", ErrRefused, "5.3.4", 0},
		"dropped while sending": {"body", "drop", nil, "", 0},
		"message refused":       {"end", "552 5.2.2 troppo grande", ErrRefused, "5.2.2", 0},
		"message later":         {"end", "452 4.3.1 spazio", ErrTemporary, "4.3.1", 0},
		"refused, no code":      {"end", "554 virus", ErrRefused, "", 0},
		"answer lost":           {"end", "drop", ErrUnclear, "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			server, sender := newSMTP(t)
			server.play(false, func(place string) string {
				if strings.HasPrefix(place, c.place) {
					return c.answer
				}
				return ""
			})
			err := sender.Send(t.Context(), from, []string{"acme@pec.example.it"}, raw)
			if name == "dropped while sending" {
				// So short a message leaves in one piece with its final dot: then only the server knows, and that is doubt.
				if !errors.Is(err, ErrTemporary) && !errors.Is(err, ErrUnclear) {
					t.Errorf("%v", err)
				}
				return
			}
			if !errors.Is(err, c.want) {
				t.Fatalf("%v, want %v", err, c.want)
			}
			for _, other := range []error{ErrRefused, ErrTemporary, ErrUnclear} {
				if other != c.want && errors.Is(err, other) {
					t.Errorf("%v is also %v", err, other)
				}
			}
			var reply *Reply
			if errors.As(err, &reply); reply != nil && (reply.Enhanced != c.enhanced || reply.Text == "" || strings.Contains(err.Error(), reply.Text)) {
				t.Errorf("reply %+v in %q", reply, err)
			}
			if (reply == nil) != (c.enhanced == "" && name != "refused, no code") {
				t.Errorf("reply %v", reply)
			}
			if got := len(server.received()); got != c.kept {
				t.Errorf("the server kept %d messages", got)
			}
		})
	}
}

func TestSendNeedsTLS(t *testing.T) {
	server, sender := newSMTP(t)
	usual := func(string) string { return "" }
	server.play(true, usual)
	if err := sender.Send(t.Context(), from, []string{"a@pec.it"}, []byte("x: y\r\n\r\n")); !errors.Is(err, ErrTemporary) {
		t.Errorf("without STARTTLS: %v", err)
	}
	server.play(false, usual)
	sender.config.TLS = nil // a certificate nobody vouches for
	if err := sender.Send(t.Context(), from, []string{"a@pec.it"}, []byte("x: y\r\n\r\n")); !errors.Is(err, ErrTemporary) || len(server.received()) != 0 {
		t.Errorf("unknown certificate: %v", err)
	}
}

func TestSendTimeouts(t *testing.T) {
	server, sender := newSMTP(t)
	block := make(chan struct{})
	defer close(block)
	server.play(false, func(place string) string {
		if place == "end" {
			<-block
		}
		return ""
	})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := sender.Send(ctx, from, []string{"a@pec.it"}, []byte("x: y\r\n\r\n")); !errors.Is(err, ErrUnclear) {
		t.Errorf("no answer to the end of the data: %v", err)
	}
	nobody, err := NewSender(SenderConfig{Addr: "127.0.0.1:1", User: "u", Password: "p"})
	if err != nil {
		t.Fatal(err)
	}
	if err := nobody.Send(t.Context(), from, []string{"a@pec.it"}, []byte("x: y\r\n\r\n")); !errors.Is(err, ErrTemporary) {
		t.Errorf("nobody there: %v", err)
	}
}

func TestSendRefusesWhatItWouldAlter(t *testing.T) {
	server, sender := newSMTP(t)
	for name, c := range map[string]struct {
		from, to string
		raw      string
	}{
		"bare LF":      {from, "a@pec.it", "x: y\n\nz\r\n"},
		"bare CR":      {from, "a@pec.it", "x: y\r\n\r\nz\rz\r\n"},
		"no last line": {from, "a@pec.it", "x: y\r\n\r\nz"},
		"empty":        {from, "a@pec.it", ""},
		"sender":       {"x\r\nRCPT TO:<b@c.it>", "a@pec.it", "x: y\r\n\r\n"},
		"recipient":    {from, "a@pec.it>\r\nDATA", "x: y\r\n\r\n"},
	} {
		if err := sender.Send(t.Context(), c.from, []string{c.to}, []byte(c.raw)); !errors.Is(err, ErrCompose) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(server.received()) != 0 {
		t.Error("something was sent")
	}
	for _, config := range []SenderConfig{{User: "u", Password: "p"}, {Addr: "h:1", Password: "p"}, {Addr: "h:1", User: "u"}, {Addr: "h", User: "u", Password: "p"}} {
		if _, err := NewSender(config); err == nil {
			t.Errorf("%+v: no error", config)
		}
	}
}
