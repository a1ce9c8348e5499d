package mail

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
)

// literal is a message on its way into the server's mailbox.
type literal struct{ *bytes.Reader }

func (l literal) Size() int64 { return int64(l.Len()) }

// box is a mailbox on a real IMAP server in memory.
type box struct {
	t       *testing.T
	user    *imapmemserver.User
	mailbox *Mailbox
}

func newBox(t *testing.T) *box {
	t.Helper()
	pair, trust := certificate(t)
	memory := imapmemserver.New()
	user := imapmemserver.NewUser("protocollo@milano.pec.example.it", "segreto")
	if err := user.Create("INBOX", nil); err != nil {
		t.Fatal(err)
	}
	memory.AddUser(user)
	server := imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return memory.NewSession(), nil, nil
		},
		Caps:      imap.CapSet{imap.CapIMAP4rev1: {}},
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}},
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	mailbox, err := NewMailbox(MailboxConfig{Addr: listener.Addr().String(), User: "protocollo@milano.pec.example.it", Password: "segreto", TLS: trust, Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return &box{t: t, user: user, mailbox: mailbox}
}

func (b *box) add(raw string) {
	b.t.Helper()
	if _, err := b.user.Append("INBOX", literal{bytes.NewReader([]byte(raw))}, &imap.AppendOptions{Time: time.Now()}); err != nil {
		b.t.Fatal(err)
	}
}

func numbered(n int) string {
	return fmt.Sprintf("Subject: messaggio %d\r\nX-Riferimento-Message-ID: <a.m%d@pec.example.it>\r\n\r\ncorpo\r\n.\r\n\xe8\r\n", n, n)
}

func TestSince(t *testing.T) {
	b := newBox(t)
	raws, validity, err := b.mailbox.Since(t.Context(), 0, 0, 10)
	if err != nil || len(raws) != 0 || validity == 0 {
		t.Fatalf("empty mailbox: %v, %d, %v", raws, validity, err)
	}
	for n := 1; n <= 5; n++ {
		b.add(numbered(n))
	}
	var last uint32
	for seen := 0; seen < 5; {
		raws, again, err := b.mailbox.Since(t.Context(), validity, last, 2)
		if err != nil || again != validity || len(raws) == 0 || len(raws) > 2 {
			t.Fatalf("%d messages, validity %d, %v", len(raws), again, err)
		}
		for _, raw := range raws {
			seen++
			if raw.UID <= last || string(raw.Bytes) != numbered(seen) || raw.TooLarge {
				t.Errorf("message %d: UID %d after %d, %q", seen, raw.UID, last, raw.Bytes)
			}
			last = raw.UID
		}
	}
	if raws, _, err := b.mailbox.Since(t.Context(), validity, last, 10); err != nil || len(raws) != 0 {
		t.Errorf("nothing new: %d messages, %v", len(raws), err)
	}
	// UIDs mean something else now: all over again.
	if raws, _, err := b.mailbox.Since(t.Context(), validity+1, last, 10); err != nil || len(raws) != 5 {
		t.Errorf("other UIDVALIDITY: %d messages, %v", len(raws), err)
	}
}

func TestFindReceipts(t *testing.T) {
	b := newBox(t)
	b.add(numbered(1))
	b.add(numbered(2))
	b.add(numbered(1))
	raws, err := b.mailbox.FindReceipts(t.Context(), "<a.m1@pec.example.it>", time.Now().Add(-time.Hour))
	if err != nil || len(raws) != 2 || string(raws[0].Bytes) != numbered(1) {
		t.Errorf("%d receipts, %v", len(raws), err)
	}
	if raws, err := b.mailbox.FindReceipts(t.Context(), "a.m3@pec.example.it", time.Time{}); err != nil || len(raws) != 0 {
		t.Errorf("%d receipts of an unknown message, %v", len(raws), err)
	}
	if raws, err := b.mailbox.FindReceipts(t.Context(), "a.m1@pec.example.it", time.Now().AddDate(0, 0, 5)); err != nil || len(raws) != 0 {
		t.Errorf("%d receipts from the future, %v", len(raws), err)
	}
	if _, err := b.mailbox.FindReceipts(t.Context(), "x\" ALL", time.Time{}); !errors.Is(err, ErrCompose) {
		t.Errorf("what is no Message-ID: %v", err)
	}
}

func TestMailboxErrors(t *testing.T) {
	b := newBox(t)
	b.add(numbered(1))
	wrong := *b.mailbox
	wrong.config.Password = "sbagliata"
	if _, _, err := wrong.Since(t.Context(), 0, 0, 1); !errors.Is(err, ErrMailbox) || strings.Contains(err.Error(), "sbagliata") {
		t.Errorf("wrong password: %v", err)
	}
	wrong = *b.mailbox
	wrong.config.TLS = nil
	if _, _, err := wrong.Since(t.Context(), 0, 0, 1); !errors.Is(err, ErrMailbox) {
		t.Errorf("certificate nobody vouches for: %v", err)
	}
	wrong.config.Addr = "127.0.0.1:1"
	if _, _, err := wrong.Since(t.Context(), 0, 0, 1); !errors.Is(err, ErrMailbox) {
		t.Errorf("nobody there: %v", err)
	}
	if _, err := NewMailbox(MailboxConfig{Addr: "x"}); err == nil {
		t.Error("no error for a configuration without a port")
	}
}

func TestMailboxThatNeverAnswers(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	mailbox, err := NewMailbox(MailboxConfig{Addr: listener.Addr().String(), User: "u", Password: "p"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, _, err := mailbox.Since(ctx, 0, 0, 1); !errors.Is(err, ErrMailbox) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}
