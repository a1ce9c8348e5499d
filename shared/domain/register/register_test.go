package register

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "write the golden files anew")

// good is an ordinary entry: a complaint presented on 22 November 2026 at 11:15 in Rome.
func good() Entry {
	e := Entry{
		Direction:   In,
		Kind:        Application,
		Event:       "01939f3e-0000-7000-8000-000000000001",
		Application: "01939f3e-0000-7000-8000-0000000000aa",
		Chamber:     "milano",
		Book:        Book{Administration: "ESEMPIO_MI", AOO: "ESEMPIO_AOO_MI", Code: "PROT-MI"},
		Senders:     []Party{{Name: "Giulia Rinaldi", TaxCode: "RNLGLI79D52F205F", Address: "giulia.rinaldi@pec.example.it"}},
		Recipients:  []Party{{Name: "Camera di commercio di Milano Monza Brianza Lodi"}},
		Subject:     "Reclamo: «ritardo» & disservizio",
		Document:    Document{SHA256: strings.Repeat("ab", 32), MediaType: "application/json"},
		Attachments: []Document{{SHA256: strings.Repeat("cd", 32), MediaType: "application/pdf"}},

		Classification: "01.06.02",
	}
	at := time.Date(2026, 11, 22, 10, 15, 0, 123456789, time.UTC)
	return e.Presented(at).Registered("2026-11-21", "2026-11-22")
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestEntryGolden(t *testing.T) {
	checked, err := Check(good())
	if err != nil {
		t.Fatal(err)
	}
	admitted, err := checked.Use()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "entry.json", admitted.Body)
	if admitted.Page != "2026-11-22" || admitted.Event != good().Event {
		t.Errorf("page %s, event %s", admitted.Page, admitted.Event)
	}
}

// Every rule has a fixture that breaks it and nothing else.
func TestRules(t *testing.T) {
	broken := map[string][]func(*Entry){
		"art53-1-a": {func(e *Entry) { e.Event = "" }, func(e *Entry) { e.Event = strings.ToUpper(e.Event) }},
		"art53-1-c": {
			func(e *Entry) { e.Senders = nil },
			func(e *Entry) { e.Direction, e.Kind, e.Recipients = Out, Decision, nil },
			func(e *Entry) { e.Senders[0].Name = " " },
			func(e *Entry) { e.Senders[0].TaxCode = "rnlgli79d52f205f" },
			func(e *Entry) { e.Senders[0].Address = "a\nb" },
			func(e *Entry) { e.Recipients = make([]Party, 51) },
		},
		"art53-1-d": {
			func(e *Entry) { e.Subject = "" },
			func(e *Entry) { e.Subject = "two\nlines" },
			func(e *Entry) { e.Subject = strings.Repeat("è", 1001) },
			func(e *Entry) { e.Subject = "broken \xff" },
		},
		"art53-1-e": {
			func(e *Entry) { e.Received = &Received{Protocol: "12/2026"} },
			func(e *Entry) { e.Received = &Received{Date: "2026-11-01"} },
			func(e *Entry) { e.Received = &Received{Protocol: "12", Date: "2026-11-23"} },
			func(e *Entry) {
				e.Direction, e.Kind, e.Received = Out, Decision, &Received{Protocol: "12", Date: "2026-11-01"}
			},
		},
		"art53-1-f": {
			func(e *Entry) { e.Document.SHA256 = "" },
			func(e *Entry) { e.Document.SHA256 = strings.Repeat("AB", 32) },
			func(e *Entry) { e.Attachments[0].SHA256 = "abc" },
			func(e *Entry) { e.Attachments[0].MediaType = "pdf" },
		},
		"art53-5": {
			func(e *Entry) { e.Kind = "gazette" },
			func(e *Entry) { e.Kind = Decision },
			func(e *Entry) { e.Application = "" },
			func(e *Entry) { e.Application = "A/B" },
		},
		"art55-1": {
			func(e *Entry) { e.Chamber = "" },
			func(e *Entry) { e.Book.AOO = "" },
			func(e *Entry) { e.Book.Administration = "a|b" },
			func(e *Entry) { e.Book.Code = "MORE-THAN-16-LETTERS" },
		},
		"art56-1": {func(e *Entry) { e.Classification = "" }},
		"art57-1": {func(e *Entry) { e.Book.Year = 2025 }},
		"art18bis-1": {
			func(e *Entry) { e.RegistrationDate = "2026-11-23" },
			func(e *Entry) { e.Deferred = true },
			func(e *Entry) { e.PresentationDate = "2026-11-21" },
			func(e *Entry) { e.PresentedAt = "2026-11-22T11:15:00+01:00" },
			func(e *Entry) { e.Deferred, e.RegistrationDate = true, "2026-11-21" },
		},
	}
	if _, err := Check(good()); err != nil {
		t.Fatalf("the good entry is refused: %v", err)
	}
	for _, rule := range Rules() {
		if rule.ID != "art53-1-b" && broken[rule.ID] == nil {
			t.Errorf("%s has no broken fixture", rule.ID)
		}
		for n, change := range broken[rule.ID] {
			e := good()
			e.Senders = slices.Clone(e.Senders)
			change(&e)
			_, err := Check(e)
			var violations Violations
			if !errors.As(err, &violations) || len(violations) != 1 || violations[0].Rule != rule.ID {
				t.Errorf("%s, fixture %d: got %v", rule.ID, n, err)
			}
		}
	}
	// Without a date of registration the year and the day cannot be right either.
	e := good()
	e.RegistrationDate = "22/11/2026"
	var violations Violations
	if _, err := Check(e); !errors.As(err, &violations) || violations[0].Rule != "art53-1-b" {
		t.Errorf("art53-1-b: got %v", err)
	}
}

func TestViolationsNameNoOne(t *testing.T) {
	e := good()
	e.Subject, e.Senders[0].TaxCode, e.Event = "Rinaldi\n", "RINALDI", "Rinaldi"
	_, err := Check(e)
	if err == nil || strings.Contains(strings.ToLower(err.Error()), "rinaldi") {
		t.Errorf("got %v", err)
	}
}

func TestViolationsSpeakItalian(t *testing.T) {
	e := good()
	e.Classification, e.Event = "", ""
	_, err := Check(e)
	var violations Violations
	if !errors.As(err, &violations) {
		t.Fatal(err)
	}
	want := "Manca l'identificativo dell'evento da registrare. (DPR 445/2000 art. 53 c. 1 lett. a) Manca la classificazione. (DPR 445/2000 art. 56 c. 1)"
	if got := violations.Sentence(); got != want {
		t.Errorf("got %s", got)
	}
}

// What other registers send us is tidied up before it is checked, and the caller's entry stays as it was.
func TestRegisteredTidiesUp(t *testing.T) {
	e := good()
	e.Senders = []Party{{Name: " ROSSI  S.R.L.\n", Address: "via Roma 1\r\n20100 Milano"}}
	e.Subject = "Reclamo\n"
	placed := e.Registered("", "2026-11-22")
	if _, err := Check(placed); err != nil {
		t.Error(err)
	}
	if placed.Senders[0] != (Party{Name: "ROSSI S.R.L.", Address: "via Roma 1 20100 Milano"}) || e.Senders[0].Name != " ROSSI  S.R.L.\n" {
		t.Errorf("placed %+v, was %+v", placed.Senders, e.Senders)
	}
}

func TestTokenIsUsedOnce(t *testing.T) {
	e := good()
	checked, err := Check(e)
	if err != nil {
		t.Fatal(err)
	}
	e.Senders[0].Name = "Changed after the check"
	copied := checked
	var wait sync.WaitGroup
	var mu sync.Mutex
	used := 0
	for range 8 {
		wait.Go(func() {
			admitted, err := copied.Use()
			if err != nil {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			used++
			if admitted.Entry.Senders[0].Name != "Giulia Rinaldi" {
				t.Error("the entry changed after it was checked")
			}
		})
	}
	wait.Wait()
	if _, err := checked.Use(); used != 1 || !errors.Is(err, ErrUsed) {
		t.Errorf("used %d times, then %v", used, err)
	}
	if _, err := (Checked{}).Use(); !errors.Is(err, ErrUsed) {
		t.Errorf("zero token: %v", err)
	}
}

func TestRegistered(t *testing.T) {
	tests := []struct {
		name         string
		presented    string // instant
		sealed, open string
		want         string
		deferred     bool
		year         int
	}{
		{"same day", "2026-11-22T10:15:00.000Z", "2026-11-21", "2026-11-22", "2026-11-22", false, 2026},
		{"registered the next day, its own not sealed", "2026-11-22T22:59:59.999Z", "2026-11-21", "2026-11-23", "2026-11-22", false, 2026},
		{"after midnight in Rome", "2026-11-22T23:00:00.000Z", "2026-11-21", "2026-11-23", "2026-11-23", false, 2026},
		{"its day is sealed", "2026-11-22T10:15:00.000Z", "2026-11-22", "2026-11-23", "2026-11-23", true, 2026},
		{"last minute of the year", "2026-12-31T22:59:00.000Z", "2026-12-30", "2027-01-01", "2026-12-31", false, 2026},
		{"last minute of the year, sealed", "2026-12-31T22:59:00.000Z", "2026-12-31", "2027-01-04", "2027-01-04", true, 2027},
		{"first of the year, while the last year is open", "2026-12-31T23:00:00.000Z", "2026-12-30", "2027-01-01", "2027-01-01", false, 2027},
		{"summer time", "2026-07-01T22:00:00.000Z", "", "2026-07-02", "2026-07-02", false, 2026},
		{"nothing sealed yet", "2026-07-01T21:59:59.999Z", "", "2026-07-02", "2026-07-01", false, 2026},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			at, err := ParseInstant(test.presented)
			if err != nil {
				t.Fatal(err)
			}
			e := good().Presented(at).Registered(test.sealed, test.open)
			if e.RegistrationDate != test.want || e.Deferred != test.deferred || e.Book.Year != test.year {
				t.Errorf("got %s, deferred %v, book %d", e.RegistrationDate, e.Deferred, e.Book.Year)
			}
			if _, err := Check(e); err != nil {
				t.Error(err)
			}
		})
	}
}

// What Presented and Registered compute always obeys the rules, whenever it happens.
func TestPlacedEntriesPass(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := time.UnixMilli(rapid.Int64Range(1.6e12, 2.5e12).Draw(t, "presented"))
		late := at.Add(time.Duration(rapid.Int64Range(0, 40*24*3600).Draw(t, "late")) * time.Second)
		sealed := Date(late.AddDate(0, 0, -1-rapid.IntRange(0, 3).Draw(t, "unsealed days")))
		e := good().Presented(at).Registered(sealed, Date(late))
		if _, err := Check(e); err != nil {
			t.Fatalf("%s, %s, %s: %v", e.PresentedAt, e.RegistrationDate, sealed, err)
		}
		if e.RegistrationDate <= sealed {
			t.Fatalf("entered on %s, sealed through %s", e.RegistrationDate, sealed)
		}
	})
}

func TestNumber(t *testing.T) {
	for n, want := range map[uint64]string{1: "0000001", 42: "0000042", 9999999: "9999999", 10000000: "10000000"} {
		if got := Number(n); got != want {
			t.Errorf("Number(%d) = %s", n, got)
		}
		if back, err := ParseNumber(want); err != nil || back != n {
			t.Errorf("ParseNumber(%s) = %d, %v", want, back, err)
		}
	}
	for _, bad := range []string{"", "42", "0000000", "00000042", "+000042", "000004a", "99999999999999999999", " 0000042", "٠٠٠٠٠٤٢"} {
		if _, err := ParseNumber(bad); !errors.Is(err, ErrNumber) {
			t.Errorf("ParseNumber(%q): %v", bad, err)
		}
	}
}

func TestStamp(t *testing.T) {
	s := StampOf(good(), 42)
	if got, want := s.Text(), "ESEMPIO_MI|ESEMPIO_AOO_MI|PROT-MI|0000042|2026-11-22"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func annulment() Annulment {
	return Annulment{
		Event: "01939f3e-0000-7000-8000-000000000009",
		Book:  Book{"ESEMPIO_MI", "ESEMPIO_AOO_MI", "PROT-MI", 2026}, Number: "0000042",
		Reason: "Documento registrato due volte", Provision: "Det. 12 del 20/11/2026", Operator: "CLMNNA74P48F205H",
		At: "2026-11-22T23:30:00.000Z",
	}
}

func TestAnnulment(t *testing.T) {
	checked, err := CheckAnnulment(annulment())
	if err != nil {
		t.Fatal(err)
	}
	a, body, err := checked.Use()
	if err != nil {
		t.Fatal(err)
	}
	if a.Date != "2026-11-23" {
		t.Errorf("stands on %s", a.Date)
	}
	golden(t, "annulment.json", body)
	if back, err := ParseAnnulment(body); err != nil || back != a {
		t.Errorf("parsed %+v, %v", back, err)
	}
	if _, _, err := checked.Use(); !errors.Is(err, ErrUsed) {
		t.Errorf("second use: %v", err)
	}
	broken := map[string]func(*Annulment){
		"art54-1":           func(a *Annulment) { a.Number = "42" },
		"art54-2-provision": func(a *Annulment) { a.Provision = "" },
		"art54-2-operator":  func(a *Annulment) { a.Operator = "" },
		"art54-2-date":      func(a *Annulment) { a.At = "2026-11-22" },
	}
	for _, rule := range AnnulmentRules() {
		a := annulment()
		broken[rule.ID](&a)
		var violations Violations
		if _, err := CheckAnnulment(a); !errors.As(err, &violations) || len(violations) != 1 || violations[0].Rule != rule.ID {
			t.Errorf("%s: %v", rule.ID, err)
		}
	}
	a = annulment()
	a.Reason = ""
	if _, err := CheckAnnulment(a); err == nil {
		t.Error("no reason, and yet accepted")
	}
}

func seal() Seal {
	hash := func(c string) string { return strings.Repeat(c, 64) }
	return Seal{
		Chamber: "milano", Book: Book{"ESEMPIO_MI", "ESEMPIO_AOO_MI", "PROT-MI", 2026},
		Day: "2026-11-20", SealedAt: "2026-11-23T02:00:00.000Z",
		Entries: []Sealed{{3, "0000001", 1, hash("c")}, {1, "0000001", 0, hash("a")}, {2, "0000002", 0, hash("b")}},
		Pending: []Pending{
			{"01939f3e-0000-7000-8000-000000000002", "01939f3e-0000-7000-8000-0000000000bb", "2026-11-20T17:00:00.000Z", AwaitingPayment},
			{"01939f3e-0000-7000-8000-000000000001", "01939f3e-0000-7000-8000-0000000000aa", "2026-11-20T17:00:00.000Z", AwaitingRegistration},
		},
		Head: Head{4, hash("d")}, Previous: NoSeal,
	}
}

func TestSealGolden(t *testing.T) {
	body, err := seal().Encode()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "seal.json", body)
	if len(Digest(body)) != 64 {
		t.Error("digest")
	}
	shuffled := seal()
	slices.Reverse(shuffled.Entries)
	slices.Reverse(shuffled.Pending)
	again, err := shuffled.Encode()
	if err != nil || string(again) != string(body) {
		t.Errorf("the order of collection shows: %v", err)
	}
	back, err := ParseSeal(body)
	if err != nil || back.Entries[0].Seq != 1 || back.Pending[0].Awaiting != AwaitingRegistration {
		t.Errorf("parsed %+v, %v", back, err)
	}
}

func TestEmptySeal(t *testing.T) {
	s := seal()
	s.Entries, s.Pending = nil, nil
	body, err := s.Encode()
	if err != nil || !strings.Contains(string(body), `"entries":[],"pending":[]`) {
		t.Errorf("%s, %v", body, err)
	}
}

func TestSealContradictions(t *testing.T) {
	for name, change := range map[string]func(*Seal){
		"sealed on its own day":       func(s *Seal) { s.SealedAt = "2026-11-20T22:59:00.000Z" },
		"sealed at no instant":        func(s *Seal) { s.SealedAt = "" },
		"wrong year":                  func(s *Seal) { s.Book.Year = 2025 },
		"no day":                      func(s *Seal) { s.Day = "2026-11-31" },
		"seq twice":                   func(s *Seal) { s.Entries[1].Seq = 2 },
		"number twice":                func(s *Seal) { s.Entries[1].Number = "0000002" },
		"no number":                   func(s *Seal) { s.Entries[1].Number = "1" },
		"no hash":                     func(s *Seal) { s.Entries[1].Hash = "" },
		"entry after the head":        func(s *Seal) { s.Head.Seq = 2 },
		"another hash than the head":  func(s *Seal) { s.Head.Seq = 3 },
		"no previous":                 func(s *Seal) { s.Previous = "" },
		"pending presented after":     func(s *Seal) { s.Pending[0].PresentedAt = "2026-11-20T23:00:00.000Z" },
		"pending twice":               func(s *Seal) { s.Pending[0].Event = s.Pending[1].Event },
		"pending for nothing":         func(s *Seal) { s.Pending[0].Awaiting = "mercy" },
		"pending of a strange id":     func(s *Seal) { s.Pending[0].Application = "A B" },
		"chamber without an id":       func(s *Seal) { s.Chamber = "" },
		"register code out of schema": func(s *Seal) { s.Book.Code = "a b" },
	} {
		s := seal()
		change(&s)
		if _, err := s.Encode(); !errors.Is(err, ErrSeal) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOneLine(t *testing.T) {
	for in, want := range map[string]string{
		"  a\t b\n\nc ": "a b c", "": "", "a\x00b": "a b", "a\xffb": "a\ufffdb", "abcdefghijk": "abcdefghi…", "a\u2028b": "a b",
	} {
		got := OneLine(in, 10)
		if got != want || (got != "" && !line(got, 10)) {
			t.Errorf("OneLine(%q) = %q, want %q", in, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		if got := OneLine(rapid.String().Draw(t, "text"), 20); got != "" && !line(got, 20) {
			t.Fatalf("%q is not one line", got)
		}
	})
}

// Entries survive encoding, and the canonical form is the only one that is read.
func TestEntryRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := good()
		e.Subject = OneLine("Oggetto "+rapid.String().Draw(t, "subject"), MaxSubject)
		e.Senders = append(e.Senders, Party{Name: OneLine("N "+rapid.String().Draw(t, "name"), MaxName)})
		e.Reserved = rapid.Bool().Draw(t, "reserved")
		if rapid.Bool().Draw(t, "received") {
			e.Received = &Received{"7/2026", "2026-11-01"}
		}
		checked, err := Check(e)
		if err != nil {
			t.Fatal(err)
		}
		admitted, _ := checked.Use()
		if diff := cmp.Diff(e, admitted.Entry); diff != "" {
			t.Fatalf("-want +got:\n%s", diff)
		}
		var loose map[string]any
		if err := json.Unmarshal(admitted.Body, &loose); err != nil {
			t.Fatal(err)
		}
		other, _ := json.Marshal(loose) // keys in another order
		if _, err := ParseEntry(other); !errors.Is(err, ErrNotCanonical) {
			t.Fatalf("another spelling was read: %v", err)
		}
	})
}

func FuzzParseEntry(f *testing.F) {
	body, _ := good().Encode()
	f.Add(body)
	f.Add([]byte(`{"direction":"in"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := ParseEntry(data)
		if err != nil {
			return
		}
		if again, err := e.Encode(); err != nil || string(again) != string(data) {
			t.Errorf("%q became %q, %v", data, again, err)
		}
		_, _ = Check(e) // must not panic
	})
}

func FuzzParseSeal(f *testing.F) {
	body, _ := seal().Encode()
	f.Add(body)
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ParseSeal(data)
		if err != nil {
			return
		}
		if again, err := s.Encode(); err != nil || string(again) != string(data) {
			t.Errorf("%q became %q, %v", data, again, err)
		}
	})
}
