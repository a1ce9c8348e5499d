// Package access says who may see and do what (I4). An applicant sees their own cases and those of the companies they
// represent; a chamber's officer or key only that chamber's. To everybody else a case does not exist: the answer is the same 404 for
// what is not there and for what is not theirs.
package access

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"sportello/shared/domain/application"
	"sportello/shared/domain/problem"
)

// Applicant is who is logged in at the citizens' desk, with the profiles they may act for.
type Applicant struct {
	TaxCode    string // of the person; eIDAS persons have country and identifier here
	GivenName  string
	FamilyName string
	Profiles   []Profile // the person first, then the companies represented as of the last look at the register
	Incomplete bool      // the company register did not answer: Profiles may lack companies
}

// Profile is one capacity in which a person acts. ID is opaque: no personal data in an address.
type Profile struct {
	ID   string
	Kind string // application.Person or application.Company
	application.Party
	Role string
}

// Name is the person's full name.
func (a Applicant) Name() string { return a.GivenName + " " + a.FamilyName }

// Party is the person as a party to a case.
func (a Applicant) Party() application.Party {
	return application.Party{Kind: application.Person, TaxCode: a.TaxCode, Name: a.Name(), Family: a.FamilyName}
}

// Profile returns the profile with that opaque id.
func (a Applicant) Profile(id string) (Profile, error) {
	for _, p := range a.Profiles {
		if p.ID == id {
			return p, nil
		}
	}
	return Profile{}, problem.New(problem.Invalid, "Il profilo indicato non è tra quelli per cui puoi operare.").
		At("#/profile", "Scegli uno dei profili proposti.")
}

// Owns tells whether the case is one of the applicant's.
func (a Applicant) Owns(c application.Application) bool {
	return slices.ContainsFunc(a.Profiles, func(p Profile) bool {
		return p.Kind == c.Owner.Kind && p.TaxCode == c.Owner.TaxCode
	})
}

// Check returns the same problem for a case that is not theirs as for one that does not exist.
func (a Applicant) Check(c application.Application) error {
	if !a.Owns(c) {
		return problem.Hidden()
	}
	return nil
}

// Officer is who works for a chamber: a person signed in and on the chamber's list, or a holder of the chamber's API key, whose
// assertion of an officer is recorded as such.
type Officer struct {
	Chamber string
	TaxCode string
	Name    string   // empty: asserted with an API key, and not on the chamber's list
	Offices []string // empty: every office of the chamber
	Rights  []Right
	Key     string // the API key's name, if it came through that door
}

// Right is what an officer may do besides working cases.
type Right string

// The rights.
const (
	Work     Right = "work"     // take charge, message, ask, decide
	Register Right = "register" // read the register and annul
	Manage   Right = "manage"   // the chamber's officers and problems
)

// May tells whether the officer has the right.
func (o Officer) May(r Right) error {
	if slices.Contains(o.Rights, r) {
		return nil
	}
	return problem.New(problem.Forbidden, "Il tuo incarico non comprende questa operazione. Rivolgiti al responsabile della tua Camera di commercio.")
}

// Check tells whether the case is one of the officer's chamber and offices; a draft is nobody's but the applicant's.
func (o Officer) Check(c application.Application, office string) error {
	if c.Chamber != o.Chamber || c.State == application.Draft {
		return problem.Hidden()
	}
	if len(o.Offices) > 0 && !slices.Contains(o.Offices, office) {
		return problem.Hidden()
	}
	if c.Against != "" && (o.Name == "" || Named(c.Against, o.Name)) {
		return problem.Hidden() // the officer complained of does not see the complaint, and who has no name here may be that officer
	}
	return nil
}

// Named tells whether a text names a person: all parts of the person's name are in it, in any order and case, with or without accents.
func Named(text, person string) bool {
	words, parts := words(text), words(person)
	for _, part := range parts {
		if !slices.Contains(words, part) {
			return false
		}
	}
	return len(parts) > 0
}

// words are the words of a text as two people who write the same name share them: "Nicolò", typed in one piece or in two, and "NICOLO'" are
// one. What does not show parts nothing.
func words(text string) []string {
	plain := strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Mn, unicode.Cf) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFKD.String(text))
	return strings.FieldsFunc(plain, func(r rune) bool { return !unicode.IsLetter(r) })
}
