// Package catalogue is what the chambers are and what they offer: chambers, service sheets and forms, as the files under data/ say
// (data/README.md tells their shape). The site is built from the same files, so a page and the API cannot disagree.
//
// A service is asked for together with a chamber, because the chamber sets its term, its office and who answers for it. The files
// are embedded and checked by this package's tests; data that do not load are a fault of the build, not of a request.
package catalogue

import (
	"cmp"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"sportello/shared/domain/problem"
)

//go:embed data/chambers/*.json data/services/*/service.json data/services/*/form.json
var files embed.FS

// Chamber is one chamber of commerce.
type Chamber struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	NameEn    string   `json:"nameEn"`
	ShortName string   `json:"shortName"`
	Seat      string   `json:"seat"`
	Provinces []string `json:"provinces"`
	Hosts     []string `json:"hosts"` // labels under the installation's domain, or full names (with a dot)
	Colours   Colours  `json:"colours"`
	Logo      string   `json:"logo"`
	TaxCode   string   `json:"taxCode"`
	IPA       string   `json:"ipaCode"`
	AOO       string   `json:"aooCode"`
	Register  Register `json:"register"`
	PEC       string   `json:"pec"`
	Payments  Payments `json:"payments"`
	// PatronDay is MM-DD, a holiday when terms are counted.
	PatronDay     string            `json:"patronDay"`
	PatronDayNote string            `json:"patronDayNote"`
	Offices       []Office          `json:"offices"`
	Settings      map[string]Choice `json:"services"`
	// Placeholders are JSON pointers of values that are invented; production refuses a chamber that has any (Ready).
	Placeholders []string `json:"placeholders"`
}

// Colours of the chamber's pages; white on Primary must be readable (4.5:1).
type Colours struct {
	Primary   string `json:"primary"`
	OnPrimary string `json:"onPrimary"`
}

// Register tells how the chamber's protocol is kept.
type Register struct {
	Mode string `json:"mode"` // InternalRegister or ExternalRegister
	Code string `json:"code"` // goes into the segnatura
}

// Payments tells how the chamber is paid.
type Payments struct {
	Segregation string `json:"segregationCode"` // two digits that PagoPA gives the creditor for a station: they begin every number of payment
	IBAN        string `json:"iban"`            // where the money goes
	Category    string `json:"category"`        // of the fee, in PagoPA's taxonomy of receipts
}

// The modes of a register. In every mode ours numbers each document, and proves order and content.
const (
	InternalRegister = "internal" // ours is the AOO's
	ExternalRegister = "external" // ours is a repertory: the chamber keeps a protocol of its own, whose number is asked for and stands beside ours
)

// External tells whether the chamber keeps a protocol of its own.
func (r Register) External() bool { return r.Mode == ExternalRegister }

// Office answers for some services of a chamber.
type Office struct {
	ID          string   `json:"id"`
	Services    []string `json:"services"`
	Name        string   `json:"name"`
	PEC         string   `json:"pec"`
	Responsible Holder   `json:"responsible"` // responsabile del procedimento (L. 241/1990 art. 5)
	Substitute  Holder   `json:"substitute"`  // titolare del potere sostitutivo (art. 2 c. 9-bis)
}

// Holder is who holds a duty, by name or by post.
type Holder struct {
	Name string `json:"name"`
	Role string `json:"role"`
}

// Choice is what a chamber sets for a service.
type Choice struct {
	Active   bool `json:"active"`
	TermDays int  `json:"termDays"` // 0: the sheet's
}

// Service is a service as one chamber offers it.
type Service struct {
	Sheet
	Chamber Chamber
	Office  Office
	// TermDays is the chamber's, or the sheet's where the chamber sets none.
	TermDays int
	Uploads  []UploadField // files the form asks for, by field
}

// Sheet is the part of a service that is the same in every chamber. Texts are Italian.
type Sheet struct {
	ID             string         `json:"id"`
	Version        int            `json:"version"`
	Title          string         `json:"title"`
	Short          string         `json:"short"`
	Category       string         `json:"category"`
	CategoryTitle  string         `json:"categoryTitle"`
	Synonyms       []string       `json:"synonyms"`
	LifeEvents     []string       `json:"lifeEvents"`
	BusinessEvents []string       `json:"businessEvents"`
	Authentication []string       `json:"authentication"`
	Profiles       []string       `json:"profiles"` // person, company
	Who            []string       `json:"who"`
	What           string         `json:"what"`
	NotFor         []string       `json:"notFor"`
	WhatYouNeed    []string       `json:"whatYouNeed"`
	Result         string         `json:"result"`
	Cost           Cost           `json:"cost"`
	Term           Term           `json:"term"`
	Silence        Silence        `json:"silence"`
	Remedies       string         `json:"remedies"`
	Access         string         `json:"access"`
	Outcomes       []Outcome      `json:"outcomes"`
	Privacy        string         `json:"confidentiality"`
	Rules          Rules          `json:"rules"`
	Classification Classification `json:"classification"`
	DocumentType   string         `json:"documentType"`
	Law            []Reference    `json:"law"`
}

// Cost of a service, in euro cents.
type Cost struct {
	Kind  string `json:"kind"`
	Cents int    `json:"cents"`
	Text  string `json:"text"`
}

// BuysAct tells whether the fee buys the act itself: then, and only then, registration waits for the payment.
func (c Cost) BuysAct() bool { return c.Kind == "act" && c.Cents > 0 }

// Term is the sheet's default term.
type Term struct {
	Days           int    `json:"days"`
	Calendar       string `json:"calendar"` // calendar-days
	From           string `json:"from"`     // presentation
	Suspendable    bool   `json:"suspendable"`
	SuspensionDays int    `json:"suspensionDays"` // L. 241/1990 art. 2 c. 7: once, at most 30
}

// Silence is what happens when the term runs out unanswered. Text is printed in the receipt.
type Silence struct {
	Effect Effect `json:"effect"`
	Text   string `json:"text"`
}

// Effect of silence.
type Effect string

// The effects of silence.
const (
	NoEffect Effect = "none"
	Assent   Effect = "assent"  // L. 241/1990 art. 20
	Refusal  Effect = "refusal" // art. 25 c. 4
	Breach   Effect = "breach"  // the substitute power may be asked
)

// Outcome is one way a case of the service can be decided.
type Outcome struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Text  string `json:"text"`
}

// Rules of the service.
type Rules struct {
	RefusalNotice                 bool `json:"refusalNotice"` // L. 241/1990 art. 10-bis applies
	HiddenFromOfficerComplainedOf bool `json:"hiddenFromOfficerComplainedOf"`
	SignatureRequired             bool `json:"signatureRequired"`
	StampDuty                     bool `json:"stampDuty"`
	OutcomeSigned                 bool `json:"outcomeSigned"` // the act that decides bears a digital signature of the chamber's
}

// Classification is the place in the filing plan (titolario).
type Classification struct {
	Code  string `json:"code"`
	Title string `json:"title"`
}

// Reference is a source of law.
type Reference struct {
	ID    string `json:"id"`
	Title string `json:"title"`
}

// Act is something an office may do on a case, where the service allows it.
type Act string

// Acts that not every service allows.
const (
	IntegrationRequest Act = "integration-request" // suspends the term
	RefusalNotice      Act = "refusal-notice"
)

// Allows tells whether the service allows an act.
func (s Service) Allows(act Act) bool {
	switch act {
	case IntegrationRequest:
		return s.Term.Suspendable
	case RefusalNotice:
		return s.Rules.RefusalNotice
	}
	return false
}

// Outcome returns one of the service's outcomes; a decision may take no other.
func (s Service) Outcome(id string) (Outcome, bool) {
	n := slices.IndexFunc(s.Outcomes, func(o Outcome) bool { return o.ID == id })
	if n < 0 {
		return Outcome{}, false
	}
	return s.Outcomes[n], true
}

// Production is the stage of an installation that serves real people.
const Production = "production"

// Ready tells why the chambers cannot serve people at a stage: an error that names each chamber with its values that are only examples. Stages
// other than production take them.
func Ready(stage string) error { return data().ready(stage) }

func (c content) ready(stage string) error {
	var found []string
	for _, chamber := range c.chambers {
		if len(chamber.Placeholders) > 0 {
			found = append(found, chamber.ID+" ("+strings.Join(chamber.Placeholders, ", ")+")")
		}
	}
	if stage != Production || len(found) == 0 {
		return nil
	}
	return fmt.Errorf("catalogue: chambers with invented values: %s", strings.Join(found, "; "))
}

// ---- lookup ----

// Chambers returns the chambers by id.
func Chambers() []Chamber { return slices.Clone(data().chambers) }

// ChamberByID returns a chamber.
func ChamberByID(id string) (Chamber, bool) {
	for _, c := range data().chambers {
		if c.ID == id {
			return c, true
		}
	}
	return Chamber{}, false
}

// ChamberByHost returns the chamber shown at a host: its own full name, or the first label of one under the installation's domain.
func ChamberByHost(host string) (Chamber, bool) {
	host, _, _ = strings.Cut(strings.ToLower(host), ":")
	label, _, _ := strings.Cut(host, ".")
	for _, c := range data().chambers {
		if slices.Contains(c.Hosts, host) || slices.Contains(c.Hosts, label) {
			return c, true
		}
	}
	return Chamber{}, false
}

// Lookup returns a service as a chamber offers it. A chamber or service that is not there, or not active, is a problem of
// kind NotFound. It is asked before something new begins; what has begun goes on by Find.
func Lookup(chamber, service string) (Service, error) {
	s, err := Find(chamber, service)
	if err == nil && !s.Chamber.Settings[service].Active {
		return Service{}, notOffered()
	}
	return s, err
}

// Find returns a service of a chamber also when it takes no new applications any more: the cases it has must come to their end.
func Find(chamber, service string) (Service, error) {
	c, ok := ChamberByID(chamber)
	if !ok {
		return Service{}, problem.New(problem.NotFound, "La Camera di commercio indicata non fa parte di questo sportello.").
			At("#/chamber", "Camera di commercio sconosciuta.")
	}
	entry, ok := data().services[service]
	if !ok {
		return Service{}, notOffered()
	}
	return entry.in(c), nil
}

func notOffered() error {
	return problem.New(problem.NotFound, "Questa Camera di commercio non offre il servizio indicato.").
		At("#/service", "Servizio sconosciuto o non attivo.")
}

// Services returns what a chamber offers, by id.
func Services(chamber string) []Service {
	var services []Service
	for id := range data().services {
		if s, err := Lookup(chamber, id); err == nil {
			services = append(services, s)
		}
	}
	slices.SortFunc(services, func(a, b Service) int { return cmp.Compare(a.ID, b.ID) })
	return services
}

// offered is a service before a chamber is named.
type offered struct {
	sheet Sheet
	form  *form
}

// in merges what the chamber sets.
func (o offered) in(c Chamber) Service {
	s := Service{Sheet: o.sheet, Chamber: c, TermDays: o.sheet.Term.Days, Uploads: o.form.uploads}
	if days := c.Settings[o.sheet.ID].TermDays; days > 0 {
		s.TermDays = days
	}
	for _, office := range c.Offices {
		if slices.Contains(office.Services, s.ID) {
			s.Office = office
		}
	}
	return s
}

// ---- loading ----

type content struct {
	chambers []Chamber
	services map[string]offered
}

var data = sync.OnceValue(func() content {
	c, err := load(files)
	if err != nil {
		panic("catalogue: embedded data do not load: " + err.Error())
	}
	return c
})

func load(source fs.FS) (content, error) {
	c := content{services: map[string]offered{}}
	names, err := fs.Glob(source, "data/chambers/*.json")
	if err != nil {
		return c, err
	}
	for _, name := range names {
		chamber, err := read[Chamber](source, name)
		if err != nil {
			return c, err
		}
		if mode := chamber.Register.Mode; mode != InternalRegister && mode != ExternalRegister {
			return c, fmt.Errorf("reading %s: there is no register of mode %q", name, mode)
		}
		c.chambers = append(c.chambers, chamber)
	}
	slices.SortFunc(c.chambers, func(a, b Chamber) int { return cmp.Compare(a.ID, b.ID) })
	if names, err = fs.Glob(source, "data/services/*/service.json"); err != nil {
		return c, err
	}
	for _, name := range names {
		sheet, err := read[Sheet](source, name)
		if err != nil {
			return c, err
		}
		form, err := loadForm(source, path.Join(path.Dir(name), "form.json"))
		if err != nil {
			return c, err
		}
		c.services[sheet.ID] = offered{sheet, form}
	}
	return c, nil
}

func read[T any](source fs.FS, name string) (T, error) {
	var v T
	raw, err := fs.ReadFile(source, name)
	if err != nil {
		return v, err
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return v, fmt.Errorf("reading %s: %w", name, err)
	}
	return v, nil
}
