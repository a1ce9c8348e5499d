package imapd

import (
	"bufio"
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-message/textproto"

	"sportello/infra/local/outside/mailbox"
)

// chosen is a message as the client numbers it.
type chosen struct {
	seq uint32
	mailbox.Message
}

// choose lists the messages of a set. Those the client has not been told of yet are left out.
func (s *session) choose(set imap.NumSet) []chosen {
	st := s.box.Status()
	contains := member(set, st)
	var out []chosen
	s.box.Walk(func(seq uint32, msg mailbox.Message) {
		seq = s.view.EncodeSeqNum(seq)
		if seq != 0 && contains(seq, msg.UID) {
			out = append(out, chosen{seq, msg})
		}
	})
	return out
}

// member turns a set, whose ranges may end in "*", into a test.
func member(set imap.NumSet, st mailbox.Status) func(seq, uid uint32) bool {
	switch set := set.(type) {
	case imap.SeqSet:
		ranges := make([][2]uint32, 0, len(set))
		for _, r := range set {
			ranges = append(ranges, fixed(r.Start, r.Stop, st.Messages))
		}
		return func(seq, _ uint32) bool { return within(ranges, seq) }
	case imap.UIDSet:
		ranges := make([][2]uint32, 0, len(set))
		for _, r := range set {
			ranges = append(ranges, fixed(uint32(r.Start), uint32(r.Stop), st.Next-1))
		}
		return func(_, uid uint32) bool { return within(ranges, uid) }
	}
	return func(uint32, uint32) bool { return false }
}

// fixed replaces "*", which is read as 0, by the highest number, and puts the ends in order:
// "5:*" holds the last message even if it is number 3 (RFC 3501, sequence-set).
func fixed(start, stop, last uint32) [2]uint32 {
	if start == 0 {
		start = last
	}
	if stop == 0 {
		stop = last
	}
	return [2]uint32{min(start, stop), max(start, stop)}
}

func within(ranges [][2]uint32, n uint32) bool {
	return slices.ContainsFunc(ranges, func(r [2]uint32) bool { return r[0] <= n && n <= r[1] })
}

func (s *session) Fetch(w *imapserver.FetchWriter, set imap.NumSet, options *imap.FetchOptions) error {
	seen := !s.readOnly && slices.ContainsFunc(options.BodySection, func(b *imap.FetchItemBodySection) bool { return !b.Peek })
	for _, msg := range s.choose(set) {
		if err := s.fetchOne(w, msg, options, seen); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) fetchOne(w *imapserver.FetchWriter, msg chosen, options *imap.FetchOptions, seen bool) error {
	var raw []byte
	if options.Envelope || options.BodyStructure != nil || len(options.BodySection) > 0 {
		var err error
		if raw, err = s.box.Read(msg.UID); gone(err) {
			return nil
		} else if err != nil {
			return fmt.Errorf("reading message %d: %w", msg.UID, err)
		}
	}
	if seen && !slices.Contains(msg.Flags, imap.FlagSeen) {
		flags, err := s.box.SetFlags(msg.UID, func(f []imap.Flag) []imap.Flag { return with(f, imap.FlagSeen) }, nil)
		if err != nil {
			return err
		}
		msg.Flags = flags
	}
	return write(w.CreateMessage(msg.seq), msg, raw, options)
}

func write(w *imapserver.FetchResponseWriter, msg chosen, raw []byte, options *imap.FetchOptions) error {
	w.WriteUID(imap.UID(msg.UID))
	if options.Flags {
		w.WriteFlags(msg.Flags)
	}
	if options.InternalDate {
		w.WriteInternalDate(msg.Date)
	}
	if options.RFC822Size {
		w.WriteRFC822Size(msg.Size)
	}
	if options.Envelope {
		w.WriteEnvelope(envelope(raw))
	}
	if options.BodyStructure != nil {
		w.WriteBodyStructure(imapserver.ExtractBodyStructure(bytes.NewReader(raw)))
	}
	for _, section := range options.BodySection {
		part := extract(raw, section)
		body := w.WriteBodySection(section, int64(len(part)))
		_, err := body.Write(part)
		if closing := body.Close(); err == nil {
			err = closing
		}
		if err != nil {
			return err
		}
	}
	return w.Close()
}

// extract returns a section of a message. The whole message is its very bytes, whether it parses or
// not: a signature may depend on them.
func extract(raw []byte, section *imap.FetchItemBodySection) []byte {
	if section.Specifier != imap.PartSpecifierNone || len(section.Part) > 0 {
		return imapserver.ExtractBodySection(bytes.NewReader(raw), section)
	}
	if p := section.Partial; p != nil {
		start := min(p.Offset, int64(len(raw)))
		return raw[start:min(start+p.Size, int64(len(raw)))]
	}
	return raw
}

// envelope of a message whose header does not parse is empty.
func envelope(raw []byte) *imap.Envelope {
	h, err := textproto.ReadHeader(bufio.NewReader(bytes.NewReader(raw)))
	if err != nil {
		return &imap.Envelope{}
	}
	return imapserver.ExtractEnvelope(h)
}

func (s *session) Store(w *imapserver.FetchWriter, set imap.NumSet, flags *imap.StoreFlags, _ *imap.StoreOptions) error {
	if s.readOnly {
		return errReadOnly
	}
	for _, msg := range s.choose(set) {
		now, err := s.box.SetFlags(msg.UID, func(old []imap.Flag) []imap.Flag { return changed(old, flags) }, s.view)
		if err != nil {
			return err
		}
		if flags.Silent {
			continue
		}
		msg.Flags = now
		if err := write(w.CreateMessage(msg.seq), msg, nil, &imap.FetchOptions{Flags: true}); err != nil {
			return err
		}
	}
	return nil
}

func changed(old []imap.Flag, want *imap.StoreFlags) []imap.Flag {
	flags := canonical(want.Flags)
	switch want.Op {
	case imap.StoreFlagsAdd:
		return with(old, flags...)
	case imap.StoreFlagsDel:
		return slices.DeleteFunc(old, func(f imap.Flag) bool { return slices.Contains(flags, f) })
	default:
		return with(nil, flags...)
	}
}

func with(flags []imap.Flag, more ...imap.Flag) []imap.Flag {
	for _, f := range more {
		if !slices.Contains(flags, f) {
			flags = append(flags, f)
		}
	}
	return flags
}

// canonical writes system flags as the standard does: flags are compared without regard to case.
func canonical(flags []imap.Flag) []imap.Flag {
	system := []imap.Flag{imap.FlagSeen, imap.FlagAnswered, imap.FlagFlagged, imap.FlagDeleted, imap.FlagDraft}
	out := make([]imap.Flag, 0, len(flags))
	for _, f := range flags {
		i := slices.IndexFunc(system, func(s imap.Flag) bool { return strings.EqualFold(string(s), string(f)) })
		if i >= 0 {
			f = system[i]
		}
		out = append(out, f)
	}
	return out
}
