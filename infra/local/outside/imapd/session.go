// Package imapd serves the mailboxes over IMAP4rev1: STARTTLS, LOGIN or AUTHENTICATE PLAIN, one
// folder, INBOX. Folders cannot be made; messages can be flagged, expunged and appended.
package imapd

import (
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"sportello/infra/local/outside/mailbox"
)

// Config is what the server needs; every field is required.
type Config struct {
	TLS       *tls.Config
	Mailboxes *mailbox.Store
	Accounts  *mailbox.Accounts
	Log       *slog.Logger
}

// Server is an IMAP server.
type Server struct{ inner *imapserver.Server }

// New checks the configuration.
func New(cfg Config) (*Server, error) {
	if cfg.TLS == nil || cfg.Mailboxes == nil || cfg.Accounts == nil || cfg.Log == nil {
		return nil, errors.New("imapd: incomplete configuration")
	}
	return &Server{imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return &session{cfg: cfg}, nil, nil
		},
		Caps:      imap.CapSet{imap.CapIMAP4rev1: {}, imap.CapUIDPlus: {}, imap.CapNamespace: {}},
		Logger:    slog.NewLogLogger(cfg.Log.Handler(), slog.LevelDebug),
		TLSConfig: cfg.TLS,
	})}, nil
}

// Serve accepts connections until Close.
func (s *Server) Serve(l net.Listener) error { return s.inner.Serve(l) }

// Close ends every connection.
func (s *Server) Close() error { return s.inner.Close() }

// session is one connection.
type session struct {
	cfg      Config
	box      *mailbox.Mailbox // nil before login
	view     *imapserver.SessionTracker
	readOnly bool
}

var _ imapserver.SessionNamespace = (*session)(nil)

const (
	inbox     = "INBOX"
	delimiter = '/'
)

var (
	errNoMailbox = &imap.Error{Type: imap.StatusResponseTypeNo, Code: imap.ResponseCodeNonExistent, Text: "No such mailbox"}
	errOnlyInbox = &imap.Error{Type: imap.StatusResponseTypeNo, Code: imap.ResponseCodeCannot, Text: "There is only INBOX"}
	errReadOnly  = &imap.Error{Type: imap.StatusResponseTypeNo, Text: "Mailbox is read-only"}
)

func (s *session) Close() error { return s.Unselect() }

func (s *session) Login(user, password string) error {
	address, ok := s.cfg.Accounts.Login(user, password)
	if !ok {
		return imapserver.ErrAuthFailed
	}
	box, err := s.cfg.Mailboxes.Box(address)
	if err != nil {
		return err
	}
	s.box = box
	return nil
}

func (s *session) Select(name string, options *imap.SelectOptions) (*imap.SelectData, error) {
	if !strings.EqualFold(name, inbox) {
		return nil, errNoMailbox
	}
	view, st := s.box.Follow()
	s.view, s.readOnly = view, options.ReadOnly
	flags := []imap.Flag{imap.FlagSeen, imap.FlagAnswered, imap.FlagFlagged, imap.FlagDeleted, imap.FlagDraft}
	return &imap.SelectData{
		Flags: flags, PermanentFlags: append(slices.Clone(flags), imap.FlagWildcard),
		NumMessages: st.Messages, FirstUnseenSeqNum: st.FirstUnseen, UIDNext: imap.UID(st.Next), UIDValidity: st.Validity,
	}, nil
}

func (s *session) Unselect() error {
	if s.view != nil {
		s.view.Close()
		s.view = nil
	}
	return nil
}

func (s *session) Create(string, *imap.CreateOptions) error         { return errOnlyInbox }
func (s *session) Delete(string) error                              { return errOnlyInbox }
func (s *session) Rename(string, string, *imap.RenameOptions) error { return errOnlyInbox }
func (s *session) Subscribe(name string) error                      { return known(name) }
func (s *session) Unsubscribe(name string) error                    { return known(name) }

func known(name string) error {
	if !strings.EqualFold(name, inbox) {
		return errNoMailbox
	}
	return nil
}

func (s *session) Namespace() (*imap.NamespaceData, error) {
	return &imap.NamespaceData{Personal: []imap.NamespaceDescriptor{{Delim: delimiter}}}, nil
}

func (s *session) List(w *imapserver.ListWriter, ref string, patterns []string, options *imap.ListOptions) error {
	if len(patterns) == 0 {
		return w.WriteList(&imap.ListData{Attrs: []imap.MailboxAttr{imap.MailboxAttrNoSelect}, Delim: delimiter})
	}
	matches := func(pattern string) bool { return imapserver.MatchList(inbox, delimiter, ref, pattern) }
	if !slices.ContainsFunc(patterns, matches) {
		return nil
	}
	data := &imap.ListData{Mailbox: inbox, Delim: delimiter}
	if options.ReturnStatus != nil {
		data.Status = status(s.box.Status(), options.ReturnStatus)
	}
	return w.WriteList(data)
}

func (s *session) Status(name string, options *imap.StatusOptions) (*imap.StatusData, error) {
	if err := known(name); err != nil {
		return nil, err
	}
	return status(s.box.Status(), options), nil
}

func status(st mailbox.Status, want *imap.StatusOptions) *imap.StatusData {
	d := &imap.StatusData{Mailbox: inbox}
	if want.NumMessages {
		d.NumMessages = &st.Messages
	}
	if want.UIDNext {
		d.UIDNext = imap.UID(st.Next)
	}
	if want.UIDValidity {
		d.UIDValidity = st.Validity
	}
	if want.NumUnseen {
		d.NumUnseen = &st.Unseen
	}
	if want.NumDeleted {
		d.NumDeleted = &st.Deleted
	}
	if want.Size {
		d.Size = &st.Size
	}
	if want.NumRecent {
		d.NumRecent = new(uint32)
	}
	return d
}

func (s *session) Append(name string, r imap.LiteralReader, options *imap.AppendOptions) (*imap.AppendData, error) {
	if err := known(name); err != nil {
		return nil, &imap.Error{Type: imap.StatusResponseTypeNo, Code: imap.ResponseCodeTryCreate, Text: "No such mailbox"}
	}
	raw, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	uid, err := s.box.Deliver("", raw, canonical(options.Flags)...)
	if err != nil {
		return nil, err
	}
	return &imap.AppendData{UID: imap.UID(uid), UIDValidity: s.box.Status().Validity}, nil
}

func (s *session) Poll(w *imapserver.UpdateWriter, allowExpunge bool) error {
	if s.view == nil {
		return nil
	}
	return s.view.Poll(w, allowExpunge)
}

func (s *session) Idle(w *imapserver.UpdateWriter, stop <-chan struct{}) error {
	if s.view == nil {
		<-stop
		return nil
	}
	return s.view.Idle(w, stop)
}

func (s *session) Expunge(_ *imapserver.ExpungeWriter, uids *imap.UIDSet) error {
	if s.readOnly {
		return errReadOnly
	}
	return s.box.Expunge(func(uid uint32) bool { return uids == nil || uids.Contains(imap.UID(uid)) })
}

func (s *session) Copy(imap.NumSet, string) (*imap.CopyData, error) { return nil, errOnlyInbox }

// gone tells whether a message was expunged between its choice and its reading.
func gone(err error) bool { return errors.Is(err, os.ErrNotExist) }
