package mail

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"sportello/shared/domain/pec"
)

// ErrMailbox is returned, wrapped, when the mailbox could not be read now. Nothing was lost: the same call may succeed later.
var ErrMailbox = errors.New("mail: mailbox not readable for now")

// MailboxConfig says how to reach one mailbox.
type MailboxConfig struct {
	Addr     string // host:port, required; the certificate must be for host
	User     string // required
	Password string // required
	TLS      *tls.Config
	Timeout  time.Duration // of one call, connection included; 0: DefaultReadTimeout
}

// DefaultReadTimeout bounds one reading of a mailbox.
const DefaultReadTimeout = 40 * time.Second

// maxBatch bounds the bytes of one answer, so that a function's memory holds it; the first message is always in.
const maxBatch = 96 << 20

// Mailbox reads the INBOX of one mailbox over IMAP4rev1, under TLS. It marks nothing and moves nothing: what has been read is known on
// our side by its UID, and the mailbox stays evidence. Each call makes its own connection.
type Mailbox struct {
	config MailboxConfig
	host   string
}

// NewMailbox checks the configuration. Nothing is connected yet.
func NewMailbox(config MailboxConfig) (*Mailbox, error) {
	host, _, err := net.SplitHostPort(config.Addr)
	if err != nil || config.User == "" || config.Password == "" {
		return nil, errors.New("configuring mailbox: Addr (host:port), User and Password are required")
	}
	if config.Timeout <= 0 {
		config.Timeout = DefaultReadTimeout
	}
	return &Mailbox{config: config, host: host}, nil
}

// Raw is a message as the mailbox holds it.
type Raw struct {
	UID   uint32
	Bytes []byte // nil when TooLarge
	// TooLarge: longer than MaxMessage, which certified mail cannot be. It was not fetched; an operator must look.
	TooLarge bool
}

// Since returns the messages that came after lastUID, oldest first, at most limit, and the mailbox's UIDVALIDITY. When that differs from
// the one given, UIDs mean something else now (RFC 3501, 2.3.1.1): the messages are then those from the start of the mailbox, and the
// caller recognises what it has already seen by the messages themselves. Pass 0, 0 the first time.
func (m *Mailbox) Since(ctx context.Context, uidValidity, lastUID uint32, limit int) ([]Raw, uint32, error) {
	var raws []Raw
	var validity uint32
	err := m.read(ctx, func(client *imapclient.Client, selected *imap.SelectData) error {
		validity = selected.UIDValidity
		if validity != uidValidity {
			lastUID = 0
		}
		if selected.NumMessages == 0 {
			return nil
		}
		// "n:*" holds the last message even when n is beyond it (RFC 3501, 6.4.8), hence the filter.
		uids, err := search(client, &imap.SearchCriteria{UID: []imap.UIDSet{{imap.UIDRange{Start: imap.UID(lastUID) + 1, Stop: 0}}}})
		if err != nil {
			return err
		}
		uids = slices.DeleteFunc(uids, func(uid imap.UID) bool { return uint32(uid) <= lastUID })
		raws, err = fetch(client, uids, limit)
		return err
	})
	return raws, validity, err
}

// maxReceipts is how many messages FindReceipts looks at: acceptance, delivery, warnings, doubled, for one message.
const maxReceipts = 50

// FindReceipts returns the messages that refer to one of ours (X-Riferimento-Message-ID) and came on the day of since or later. Whether
// they are genuine receipts is for Trust to say.
func (m *Mailbox) FindReceipts(ctx context.Context, messageID string, since time.Time) ([]Raw, error) {
	if !wellFormed(messageID) {
		return nil, fmt.Errorf("finding receipts: %w: Message-ID", ErrCompose)
	}
	var raws []Raw
	err := m.read(ctx, func(client *imapclient.Client, _ *imap.SelectData) error {
		criteria := imap.SearchCriteria{Header: []imap.SearchCriteriaHeaderField{{Key: "X-Riferimento-Message-ID", Value: pec.Bare(messageID)}}}
		if !since.IsZero() {
			// Servers compare dates in a zone of their own: a day earlier misses nothing.
			criteria.Since = since.AddDate(0, 0, -1)
		}
		uids, err := search(client, &criteria)
		if err != nil {
			return err
		}
		raws, err = fetch(client, uids, maxReceipts)
		return err
	})
	return raws, err
}

// read connects, selects the INBOX read-only, and runs f.
func (m *Mailbox) read(ctx context.Context, f func(*imapclient.Client, *imap.SelectData) error) error {
	ctx, cancel := context.WithTimeout(ctx, m.config.Timeout)
	defer cancel()
	client, stop, err := m.connect(ctx)
	if err != nil {
		return unreadable(ctx, "connecting", err)
	}
	defer stop()
	if err := client.Login(m.config.User, m.config.Password).Wait(); err != nil {
		return unreadable(ctx, "logging in", err)
	}
	selected, err := client.Select("INBOX", &imap.SelectOptions{ReadOnly: true}).Wait()
	if err != nil {
		return unreadable(ctx, "selecting INBOX", err)
	}
	if err := f(client, selected); err != nil {
		return unreadable(ctx, "fetching", err)
	}
	_ = client.Logout().Wait() // all has been read; a failing goodbye changes nothing
	return nil
}

// connect dials and goes under TLS. stop ends the connection, as the end of ctx does: the library has only time limits of its own.
func (m *Mailbox) connect(ctx context.Context) (*imapclient.Client, func(), error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", m.config.Addr)
	if err != nil {
		return nil, nil, err
	}
	release := context.AfterFunc(ctx, func() { conn.Close() })
	client, err := imapclient.NewStartTLS(conn, &imapclient.Options{TLSConfig: tlsConfig(m.config.TLS, m.host)})
	if err != nil {
		release()
		conn.Close()
		return nil, nil, err
	}
	return client, func() { release(); client.Close() }, nil
}

func unreadable(ctx context.Context, doing string, err error) error {
	if ctx.Err() != nil {
		err = ctx.Err() // the cause; what the library says is only "closed connection"
	}
	return fmt.Errorf("%w: %s: %w", ErrMailbox, doing, err)
}

func search(client *imapclient.Client, criteria *imap.SearchCriteria) ([]imap.UID, error) {
	data, err := client.UIDSearch(criteria, nil).Wait()
	if err != nil {
		return nil, err
	}
	uids := data.AllUIDs()
	slices.Sort(uids)
	return slices.Compact(uids), nil
}

// fetch gets at most limit messages, one at a time, so that no more than one too many is ever in memory.
func fetch(client *imapclient.Client, uids []imap.UID, limit int) ([]Raw, error) {
	if len(uids) > limit {
		uids = uids[:limit]
	}
	raws := make([]Raw, 0, len(uids))
	total := 0
	for _, uid := range uids {
		raw, found, err := fetchOne(client, uid)
		if err != nil {
			return nil, err
		}
		if !found {
			continue // removed from the mailbox meanwhile
		}
		if total += len(raw.Bytes); total > maxBatch && len(raws) > 0 {
			break
		}
		raws = append(raws, raw)
	}
	return raws, nil
}

func fetchOne(client *imapclient.Client, uid imap.UID) (Raw, bool, error) {
	section := &imap.FetchItemBodySection{Peek: true}
	command := client.Fetch(imap.UIDSetNum(uid), &imap.FetchOptions{UID: true, BodySection: []*imap.FetchItemBodySection{section}})
	raw, found := Raw{UID: uint32(uid)}, false
	for item := command.Next(); item != nil; item = command.Next() {
		for part := item.Next(); part != nil; part = item.Next() {
			body, ok := part.(imapclient.FetchItemDataBodySection)
			if !ok || body.Literal == nil || found {
				continue
			}
			found = true
			if err := raw.take(body.Literal); err != nil {
				command.Close()
				return Raw{}, false, err
			}
		}
	}
	return raw, found, command.Close()
}

func (r *Raw) take(literal imap.LiteralReader) error {
	if literal.Size() > MaxMessage {
		r.TooLarge = true
		_, err := io.Copy(io.Discard, literal)
		return err
	}
	var buffer bytes.Buffer
	if _, err := io.Copy(&buffer, literal); err != nil {
		return err
	}
	r.Bytes = buffer.Bytes()
	return nil
}
