package register

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Seal is a closed day of a register: everything entered on it, and what was presented and not yet registered. It is the daily register
// (registro giornaliero) that is to go to preservation within the next working day, "garantendone l'immodificabilità del contenuto"
// (AgID, Linee guida, § 3). A sealed day never opens again; what is pending enters a later day as deferred.
type Seal struct {
	Format   string    `json:"format"` // SealFormat
	Chamber  string    `json:"chamber"`
	Book     Book      `json:"book"`
	Day      string    `json:"day"`
	SealedAt string    `json:"sealedAt"`
	Entries  []Sealed  `json:"entries"` // by seq
	Earlier  []Earlier `json:"earlier,omitempty"`
	Pending  []Pending `json:"pending"` // by presentation, then event
	Head     Head      `json:"head"`    // of the book, when the day was closed
	Previous string    `json:"previous"`
}

// SealFormat names this version of the document.
const SealFormat = "sportello register day v1"

// NoSeal stands for the digest of the seal before the first one.
var NoSeal = strings.Repeat("0", 64)

// Sealed is one record of the day. An annulment has the number it is about and its place among that number's annexes.
type Sealed struct {
	Seq    uint64 `json:"seq"`
	Number string `json:"number"`
	Annex  int    `json:"annex,omitempty"`
	Hash   string `json:"hash"` // the chain's
}

// Earlier is what was appended on the day to the book of an earlier year: annulments of its numbers (DPR 445/2000 art. 54), which are of
// the day they were made on.
type Earlier struct {
	Year    int      `json:"year"`
	Entries []Sealed `json:"entries"` // by seq
}

// Pending was presented that day and has no number yet.
type Pending struct {
	Event       string   `json:"event"`
	Application string   `json:"application"`
	PresentedAt string   `json:"presentedAt"`
	Awaiting    Awaiting `json:"awaiting"`
}

// Awaiting says what a pending item waits for.
type Awaiting string

// What an item may wait for.
const (
	AwaitingRegistration Awaiting = "registration"
	AwaitingPayment      Awaiting = "payment"
)

// Head is where the book stood: its last seq and that record's hash. Later days may have entries already, so it need not
// be the day's last record.
type Head struct {
	Seq  uint64 `json:"seq"`
	Hash string `json:"hash"`
}

// ErrSeal is returned for a seal that contradicts itself.
var ErrSeal = errors.New("register: seal is inconsistent")

// Encode sorts the lists and writes the seal: the same facts give the same bytes, in whatever order they were collected.
func (s Seal) Encode() ([]byte, error) {
	s.Format = SealFormat
	s.Entries = append([]Sealed{}, s.Entries...)
	slices.SortFunc(s.Entries, func(a, b Sealed) int { return cmp.Compare(a.Seq, b.Seq) })
	s.Earlier = slices.Clone(s.Earlier)
	slices.SortFunc(s.Earlier, func(a, b Earlier) int { return cmp.Compare(a.Year, b.Year) })
	for n, b := range s.Earlier {
		s.Earlier[n].Entries = append([]Sealed{}, b.Entries...)
		slices.SortFunc(s.Earlier[n].Entries, func(a, b Sealed) int { return cmp.Compare(a.Seq, b.Seq) })
	}
	s.Pending = append([]Pending{}, s.Pending...)
	slices.SortFunc(s.Pending, func(a, b Pending) int {
		return cmp.Or(cmp.Compare(a.PresentedAt, b.PresentedAt), cmp.Compare(a.Event, b.Event))
	})
	if err := s.check(); err != nil {
		return nil, err
	}
	return encode(s)
}

// ParseSeal reads what Encode writes, and nothing else.
func ParseSeal(body []byte) (Seal, error) {
	var s Seal
	if err := decode(body, &s, func() ([]byte, error) { return s.Encode() }); err != nil {
		return Seal{}, fmt.Errorf("parsing seal: %w", err)
	}
	return s, nil
}

func (s Seal) check() error {
	sealedAt, err := ParseInstant(s.SealedAt)
	switch {
	case !idShape.MatchString(s.Chamber), !codeShape.MatchString(s.Book.Code),
		!ipaShape.MatchString(s.Book.Administration), !ipaShape.MatchString(s.Book.AOO):
		return fmt.Errorf("%w: chamber or book", ErrSeal)
	case !validDate(s.Day), s.Book.Year != Year(s.Day):
		return fmt.Errorf("%w: day", ErrSeal)
	case err != nil, Date(sealedAt) <= s.Day:
		return fmt.Errorf("%w: sealed before the day was over", ErrSeal)
	case !digestShape.MatchString(s.Previous), !digestShape.MatchString(s.Head.Hash):
		return fmt.Errorf("%w: digests", ErrSeal)
	}
	for _, check := range []func() error{s.checkEntries, s.checkEarlier, s.checkPending} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (s Seal) checkEntries() error {
	numbers := map[string]bool{}
	for n, e := range s.Entries {
		place := fmt.Sprintf("%s#%d", e.Number, e.Annex)
		_, err := ParseNumber(e.Number)
		switch {
		case err != nil, e.Annex < 0, !digestShape.MatchString(e.Hash):
			return fmt.Errorf("%w: entry at seq %d", ErrSeal, e.Seq)
		case e.Seq == 0, n > 0 && s.Entries[n-1].Seq == e.Seq, numbers[place]:
			return fmt.Errorf("%w: entry at seq %d twice", ErrSeal, e.Seq)
		case e.Seq > s.Head.Seq, e.Seq == s.Head.Seq && e.Hash != s.Head.Hash:
			return fmt.Errorf("%w: entry at seq %d against the head", ErrSeal, e.Seq)
		}
		numbers[place] = true
	}
	return nil
}

func (s Seal) checkEarlier() error {
	for n, b := range s.Earlier {
		switch {
		case b.Year >= s.Book.Year, b.Year < 1900, n > 0 && s.Earlier[n-1].Year == b.Year, len(b.Entries) == 0:
			return fmt.Errorf("%w: records of %d", ErrSeal, b.Year)
		}
		places := map[string]bool{}
		for k, e := range b.Entries {
			place := fmt.Sprintf("%s#%d", e.Number, e.Annex)
			_, err := ParseNumber(e.Number)
			if err != nil || e.Annex < 1 || !digestShape.MatchString(e.Hash) || e.Seq == 0 || k > 0 && b.Entries[k-1].Seq == e.Seq || places[place] {
				return fmt.Errorf("%w: record of %d at seq %d", ErrSeal, b.Year, e.Seq)
			}
			places[place] = true
		}
	}
	return nil
}

func (s Seal) checkPending() error {
	events := map[string]bool{}
	for _, p := range s.Pending {
		at, err := ParseInstant(p.PresentedAt)
		switch {
		case err != nil, Date(at) > s.Day:
			return fmt.Errorf("%w: pending %s was not presented by that day", ErrSeal, p.Event)
		case !eventShape.MatchString(p.Event), events[p.Event]:
			return fmt.Errorf("%w: pending event twice or without id", ErrSeal)
		case p.Application != "" && !eventShape.MatchString(p.Application):
			return fmt.Errorf("%w: pending %s names no application", ErrSeal, p.Event)
		case p.Awaiting != AwaitingRegistration && p.Awaiting != AwaitingPayment:
			return fmt.Errorf("%w: pending %s awaits nothing known", ErrSeal, p.Event)
		}
		events[p.Event] = true
	}
	return nil
}
