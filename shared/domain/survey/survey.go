// Package survey is what an applicant thinks of a concluded case: one rating for each application, and the figures that the chamber
// publishes of them (CAD, d.lgs 82/2005, art. 7 and 63: services are measured by their users' satisfaction).
//
// The questions and the closed answers are those of the national model for public services' sites, so that figures
// can be compared: "Quanto è stato facile usare questo servizio?", then what was liked (from four stars) or what was
// hard, then free text of at most 200 characters.
package survey

import (
	"fmt"
	"slices"
	"unicode"
	"unicode/utf8"

	"sportello/shared/domain/problem"
)

const (
	// MaxText is how many characters of free text are taken.
	MaxText = 200
	// MinPublic is the smallest number of ratings that is published: fewer could tell who gave them.
	MinPublic = 5
	// positiveFrom is the first rating that is asked what was liked.
	positiveFrom = 4
)

// Question is asked first; then Liked or Disliked, by the number of stars.
const (
	Question = "Quanto è stato facile usare questo servizio?"
	Liked    = "Quali sono stati gli aspetti che hai preferito?"
	Disliked = "Dove hai incontrato le maggiori difficoltà?"
)

var (
	positive = []string{
		"Le indicazioni erano chiare",
		"Le indicazioni erano complete",
		"Capivo sempre che stavo procedendo correttamente",
		"Non ho avuto problemi tecnici",
		"Altro",
	}
	negative = []string{
		"A volte le indicazioni non erano chiare",
		"A volte le indicazioni non erano complete",
		"A volte non capivo se stavo procedendo correttamente",
		"Ho avuto problemi tecnici",
		"Altro",
	}
)

// Reasons are the answers offered after that many stars, in the order they are shown.
func Reasons(stars int) []string {
	if stars >= positiveFrom {
		return slices.Clone(positive)
	}
	return slices.Clone(negative)
}

// Rating is one applicant's answer, as it comes from the page.
type Rating struct {
	Stars   int      `json:"rating"`  // 1 to 5
	Reasons []string `json:"reasons"` // texts of Reasons(Stars), each at most once; may be empty
	Text    string   `json:"text"`    // at most MaxText characters; may be empty
}

// Validate returns what is wrong, with pointers into the request; nil is a good rating.
func (r Rating) Validate() []problem.Field {
	if r.Stars < 1 || r.Stars > 5 {
		return []problem.Field{{Pointer: "#/rating", Detail: "Indica da una a cinque stelle."}}
	}
	var fields []problem.Field
	offered := Reasons(r.Stars)
	for n, reason := range r.Reasons {
		pointer := fmt.Sprintf("#/reasons/%d", n)
		switch {
		case !slices.Contains(offered, reason):
			fields = append(fields, problem.Field{Pointer: pointer, Detail: "Scegli una delle risposte proposte per questa valutazione."})
		case slices.Index(r.Reasons, reason) != n:
			fields = append(fields, problem.Field{Pointer: pointer, Detail: "Questa risposta è indicata due volte."})
		}
	}
	switch {
	case !utf8.ValidString(r.Text) || slices.ContainsFunc([]rune(r.Text), unwanted):
		fields = append(fields, problem.Field{Pointer: "#/text", Detail: "Il commento contiene caratteri che non si possono usare."})
	case utf8.RuneCountInString(r.Text) > MaxText:
		fields = append(fields, problem.Field{Pointer: "#/text", Detail: fmt.Sprintf("Il commento può avere al massimo %d caratteri.", MaxText)})
	}
	return fields
}

func unwanted(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' }

// Aggregate counts the ratings of one service of one chamber.
type Aggregate struct {
	Count int    `json:"count"`
	Sum   int    `json:"sum"`   // of stars
	Stars [5]int `json:"stars"` // how many gave 1, 2, 3, 4, 5
}

// Add counts a valid rating. The caller makes sure that an application is counted once.
func (a Aggregate) Add(r Rating) Aggregate {
	a.Count++
	a.Sum += r.Stars
	a.Stars[r.Stars-1]++
	return a
}

// Public is what may be published: the figures, or only that they are too few.
type Public struct {
	Suppressed bool    `json:"suppressed,omitempty"`
	Count      int     `json:"count,omitempty"`
	Average    float64 `json:"average,omitempty"` // to one decimal, half up
	Stars      *[5]int `json:"stars,omitempty"`
}

// Public returns the figures, suppressed below MinPublic.
func (a Aggregate) Public() Public {
	if a.Count < MinPublic {
		return Public{Suppressed: true}
	}
	// In whole tenths, so that no binary fraction decides a rounding.
	tenths := (20*a.Sum + a.Count) / (2 * a.Count)
	return Public{Count: a.Count, Average: float64(tenths) / 10, Stars: &a.Stars}
}
