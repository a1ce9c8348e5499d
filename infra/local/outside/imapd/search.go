package imapd

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-message"
	"github.com/emersion/go-message/mail"

	"sportello/infra/local/outside/mailbox"
)

func (s *session) Search(kind imapserver.NumKind, criteria *imap.SearchCriteria, _ *imap.SearchOptions) (*imap.SearchData, error) {
	st := s.box.Status()
	var seqs imap.SeqSet
	var uids imap.UIDSet
	data := &imap.SearchData{}
	for _, msg := range s.choose(imap.UIDSet{{Start: 1, Stop: 0}}) {
		c := &candidate{chosen: msg, box: s.box}
		if !c.matches(criteria, st) {
			continue
		}
		n := msg.seq
		if kind == imapserver.NumKindUID {
			n = msg.UID
		}
		seqs.AddNum(msg.seq)
		uids.AddNum(imap.UID(msg.UID))
		if data.Count == 0 {
			data.Min = n
		}
		data.Max = n
		data.Count++
	}
	data.All = seqs
	if kind == imapserver.NumKindUID {
		data.All = uids
	}
	return data, nil
}

// candidate is a message under search; its bytes are read when a criterion asks for them.
type candidate struct {
	chosen
	box *mailbox.Mailbox
	raw []byte
}

func (c *candidate) matches(want *imap.SearchCriteria, st mailbox.Status) bool {
	return c.numbered(want, st) && c.flagged(want) && c.sized(want) &&
		dated(c.Date, want.Since, want.Before) && c.written(want) && c.combined(want, st)
}

func (c *candidate) numbered(want *imap.SearchCriteria, st mailbox.Status) bool {
	for _, set := range want.SeqNum {
		if !member(set, st)(c.seq, c.UID) {
			return false
		}
	}
	for _, set := range want.UID {
		if !member(set, st)(c.seq, c.UID) {
			return false
		}
	}
	return true
}

func (c *candidate) flagged(want *imap.SearchCriteria) bool {
	has := func(f imap.Flag) bool { return slices.Contains(c.Flags, f) }
	for _, f := range canonical(want.Flag) {
		if !has(f) {
			return false
		}
	}
	return !slices.ContainsFunc(canonical(want.NotFlag), has)
}

func (c *candidate) sized(want *imap.SearchCriteria) bool {
	return (want.Larger == 0 || c.Size > want.Larger) && (want.Smaller == 0 || c.Size < want.Smaller)
}

// dated compares days without their time zone, as RFC 3501 asks.
func dated(t, since, before time.Time) bool {
	day := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	return (since.IsZero() || !day.Before(since)) && (before.IsZero() || day.Before(before))
}

func (c *candidate) written(want *imap.SearchCriteria) bool {
	if len(want.Header) > 0 || !want.SentSince.IsZero() || !want.SentBefore.IsZero() {
		header := mail.Header{Header: c.entity().Header}
		for _, field := range want.Header {
			if !hasField(header.FieldsByKey(field.Key), field.Value) {
				return false
			}
		}
		if sent, err := header.Date(); (!want.SentSince.IsZero() || !want.SentBefore.IsZero()) && (err != nil || !dated(sent, want.SentSince, want.SentBefore)) {
			return false
		}
	}
	for _, text := range want.Text {
		if !holds(c.entity(), text, true) {
			return false
		}
	}
	for _, text := range want.Body {
		if !holds(c.entity(), text, false) {
			return false
		}
	}
	return true
}

func (c *candidate) combined(want *imap.SearchCriteria, st mailbox.Status) bool {
	for i := range want.Not {
		if c.matches(&want.Not[i], st) {
			return false
		}
	}
	for i := range want.Or {
		if !c.matches(&want.Or[i][0], st) && !c.matches(&want.Or[i][1], st) {
			return false
		}
	}
	return true
}

// entity parses the message anew: its body can be read once. What cannot be read is empty.
func (c *candidate) entity() *message.Entity {
	if c.raw == nil {
		c.raw, _ = c.box.Read(c.UID)
	}
	if e, _ := message.Read(bytes.NewReader(c.raw)); e != nil {
		return e
	}
	e, _ := message.New(message.Header{}, bytes.NewReader(nil))
	return e
}

func hasField(fields message.HeaderFields, value string) bool {
	for fields.Next() {
		text, err := fields.Text()
		if err != nil {
			text = fields.Value()
		}
		if contains(text, value) {
			return true
		}
	}
	return false
}

func holds(e *message.Entity, text string, header bool) bool {
	if header && hasField(e.Header.Fields(), text) {
		return true
	}
	parts := e.MultipartReader()
	if parts == nil {
		kind, _, _ := e.Header.ContentType()
		if !strings.HasPrefix(kind, "text/") && !strings.HasPrefix(kind, "message/") {
			return false
		}
		body, err := io.ReadAll(e.Body)
		return err == nil && contains(string(body), text)
	}
	for {
		part, err := parts.NextPart()
		if err != nil {
			return false
		}
		if holds(part, text, header) {
			return true
		}
	}
}

func contains(text, part string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(part))
}
