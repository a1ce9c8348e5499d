package mailbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"sportello/infra/local/outside/state"
)

// Mailbox is one INBOX.
//
// A message is in the mailbox when its line is in the index: the .eml file is written and fsynced
// before. A crash in between leaves a file that no line names; the number is used again and the
// file overwritten. UIDs only grow and UIDVALIDITY never changes as long as the folder lives.
type Mailbox struct {
	Address string
	// Tracker tells the IMAP sessions what changed; updates are queued in the order of the changes.
	Tracker *imapserver.MailboxTracker

	dir   string
	clock state.Clock

	mu       sync.Mutex
	index    *os.File
	validity uint32
	next     uint32
	messages []*Message
	byKey    map[string]uint32
}

// Message is what the index knows of a message.
type Message struct {
	UID   uint32
	Date  time.Time // when it arrived, by the simulated clock
	Size  int64
	Flags []imap.Flag
}

// line is one record of the index.
type line struct {
	Op       string      `json:"op"` // open, add, flags, del
	Validity uint32      `json:"validity,omitempty"`
	UID      uint32      `json:"uid,omitempty"`
	Date     time.Time   `json:"date,omitzero"`
	Size     int64       `json:"size,omitempty"`
	Key      string      `json:"key,omitempty"`
	Flags    []imap.Flag `json:"flags,omitempty"`
}

func openMailbox(dir, address string, clock state.Clock) (*Mailbox, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("opening mailbox: %w", err)
	}
	m := &Mailbox{Address: address, dir: dir, clock: clock, next: 1, byKey: map[string]uint32{}}
	if err := m.replay(); err != nil {
		return nil, fmt.Errorf("opening mailbox %s: %w", address, err)
	}
	m.Tracker = imapserver.NewMailboxTracker(uint32(len(m.messages)))
	if m.validity != 0 {
		return m, nil
	}
	m.validity = uint32(time.Now().Unix() & math.MaxInt32)
	if err := m.append(line{Op: "open", Validity: m.validity}); err != nil {
		return nil, fmt.Errorf("opening mailbox %s: %w", address, err)
	}
	return m, nil
}

// replay reads the index and cuts off a last line that a crash left half written.
func (m *Mailbox) replay() error {
	f, err := os.OpenFile(filepath.Join(m.dir, "index.jsonl"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	m.index = f
	raw, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	good := int64(0)
	for rest := raw; ; {
		text, after, whole := bytes.Cut(rest, []byte("\n"))
		if !whole {
			break
		}
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			return fmt.Errorf("reading the index: %w", err)
		}
		m.apply(l)
		good += int64(len(text)) + 1
		rest = after
	}
	if err := f.Truncate(good); err != nil {
		return err
	}
	_, err = f.Seek(good, io.SeekStart)
	return err
}

func (m *Mailbox) apply(l line) {
	switch l.Op {
	case "open":
		m.validity = l.Validity
	case "add":
		m.messages = append(m.messages, &Message{UID: l.UID, Date: l.Date, Size: l.Size, Flags: l.Flags})
		m.next = l.UID + 1
		if l.Key != "" {
			m.byKey[l.Key] = l.UID
		}
	case "flags":
		if i := m.position(l.UID); i >= 0 {
			m.messages[i].Flags = l.Flags
		}
	case "del":
		if i := m.position(l.UID); i >= 0 {
			m.messages = slices.Delete(m.messages, i, i+1)
		}
	}
}

func (m *Mailbox) append(lines ...line) error {
	var buf bytes.Buffer
	for _, l := range lines {
		raw, err := json.Marshal(l)
		if err != nil {
			return fmt.Errorf("writing the index: %w", err)
		}
		buf.Write(append(raw, '\n'))
	}
	at, err := m.index.Seek(0, io.SeekCurrent)
	if err != nil {
		return fmt.Errorf("writing the index: %w", err)
	}
	if _, err := m.index.Write(buf.Bytes()); err != nil {
		// What is half written must not stay before the next line.
		_ = m.index.Truncate(at)
		_, _ = m.index.Seek(at, io.SeekStart)
		return fmt.Errorf("writing the index: %w", err)
	}
	if err := m.index.Sync(); err != nil {
		return fmt.Errorf("writing the index: %w", err)
	}
	for _, l := range lines {
		m.apply(l)
	}
	return nil
}

// Deliver puts a message into the mailbox, durably. A key that was used before returns the UID it
// got then and changes nothing, even if the message has been expunged since: so whoever delivers
// may try again after a crash. An empty key always delivers.
func (m *Mailbox) Deliver(key string, raw []byte, flags ...imap.Flag) (uint32, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if uid, done := m.byKey[key]; done && key != "" {
		return uid, nil
	}
	uid := m.next
	if err := state.WriteFile(m.path(uid), raw, 0o600); err != nil {
		return 0, fmt.Errorf("delivering: %w", err)
	}
	l := line{Op: "add", UID: uid, Date: m.clock.Now(), Size: int64(len(raw)), Key: key, Flags: flags}
	if err := m.append(l); err != nil {
		return 0, fmt.Errorf("delivering: %w", err)
	}
	m.Tracker.QueueNumMessages(uint32(len(m.messages)))
	return uid, nil
}

// Status is what SELECT and STATUS tell.
type Status struct {
	Validity, Next   uint32
	Messages, Unseen uint32
	FirstUnseen      uint32 // sequence number, 0 if none
	Deleted          uint32
	Size             int64
}

// Status returns the state of the mailbox.
func (m *Mailbox) Status() Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.status()
}

func (m *Mailbox) status() Status {
	s := Status{Validity: m.validity, Next: m.next, Messages: uint32(len(m.messages))}
	for i, msg := range m.messages {
		s.Size += msg.Size
		if !slices.Contains(msg.Flags, imap.FlagSeen) {
			s.Unseen++
			if s.FirstUnseen == 0 {
				s.FirstUnseen = uint32(i + 1)
			}
		}
		if slices.Contains(msg.Flags, imap.FlagDeleted) {
			s.Deleted++
		}
	}
	return s
}

// Follow opens a session's own view of the mailbox together with the state it starts from.
func (m *Mailbox) Follow() (*imapserver.SessionTracker, Status) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.Tracker.NewSession(), m.status()
}

// Walk calls f for each message with its sequence number, the first being 1. It holds the
// mailbox's lock: f must be quick and must not call the mailbox.
func (m *Mailbox) Walk(f func(seq uint32, msg Message)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, msg := range m.messages {
		f(uint32(i+1), msg.copy())
	}
}

func (msg *Message) copy() Message {
	c := *msg
	c.Flags = slices.Clone(msg.Flags)
	return c
}

// Read returns the bytes of a message. os.ErrNotExist: expunged meanwhile.
func (m *Mailbox) Read(uid uint32) ([]byte, error) { return os.ReadFile(m.path(uid)) }

// SetFlags replaces the flags of a message by what change makes of them. The other sessions are
// told; source, which may be nil, is not. A message that is gone is left alone.
func (m *Mailbox) SetFlags(uid uint32, change func([]imap.Flag) []imap.Flag, source *imapserver.SessionTracker) ([]imap.Flag, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := m.position(uid)
	if i < 0 {
		return nil, nil
	}
	old := m.messages[i].Flags
	flags := change(slices.Clone(old))
	if slices.Equal(old, flags) {
		return flags, nil
	}
	if err := m.append(line{Op: "flags", UID: uid, Flags: flags}); err != nil {
		return nil, err
	}
	m.Tracker.QueueMessageFlags(uint32(i+1), imap.UID(uid), slices.Clone(flags), source)
	return flags, nil
}

// Expunge removes the messages flagged \Deleted that want holds for. The files go after the index
// says so; one that a crash leaves behind is never read again.
func (m *Mailbox) Expunge(want func(uid uint32) bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := len(m.messages) - 1; i >= 0; i-- {
		msg := m.messages[i]
		if !slices.Contains(msg.Flags, imap.FlagDeleted) || !want(msg.UID) {
			continue
		}
		if err := m.append(line{Op: "del", UID: msg.UID}); err != nil {
			return err
		}
		m.Tracker.QueueExpunge(uint32(i + 1))
		if err := os.Remove(m.path(msg.UID)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("expunging: %w", err)
		}
	}
	return nil
}

func (m *Mailbox) position(uid uint32) int {
	i, found := slices.BinarySearchFunc(m.messages, uid, func(msg *Message, uid uint32) int { return int(msg.UID) - int(uid) })
	if !found {
		return -1
	}
	return i
}

func (m *Mailbox) path(uid uint32) string {
	return filepath.Join(m.dir, fmt.Sprintf("%08d.eml", uid))
}
