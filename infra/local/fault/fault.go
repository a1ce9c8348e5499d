// Package fault stands between a function and the services it writes to, and
// makes chosen calls fail before they are done or after, or kills the function
// at that very moment. It is how each crash point is tested on the real
// binaries.
package fault

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"sync"
)

// Fault says which call fails and how.
type Fault struct {
	ID       string `json:"id"`
	Function string `json:"function"`
	// Service is dynamodb, s3, sqs, kms, ssm, smtp, imap or institute.
	Service string `json:"service"`
	// Action is the operation (TransactWriteItems, PutObject, DATA, FETCH…), of
	// the institute the method; empty means any.
	Action string `json:"action"`
	// Match is a regular expression on the body, or on path and query.
	Match string `json:"match,omitempty"`
	// Nth is which of the matching calls is the first to fail, from 1.
	Nth int `json:"nth"`
	// When is before (the service never sees the call) or after (it is done,
	// and its answer withheld).
	When string `json:"when"`
	// Effect is kill, error or drop.
	Effect string `json:"effect"`
	// Times is how many calls fail; 0 means 1.
	Times int `json:"times"`

	// Seen counts the matching calls, Hits those that failed.
	Seen int `json:"seen"`
	Hits int `json:"hits"`

	match *regexp.Regexp
}

// Set holds the faults that are armed. It is safe for concurrent use.
type Set struct {
	mu     sync.Mutex
	faults []*Fault
	last   int
}

var (
	services = []string{"dynamodb", "s3", "sqs", "kms", "ssm", "smtp", "imap", Institute}
	moments  = []string{"before", "after"}
	effects  = []string{"kill", "error", "drop"}
)

// Add arms a fault and returns its id.
func (s *Set) Add(f Fault) (string, error) {
	f.Nth, f.Times, f.Seen, f.Hits = max(f.Nth, 1), max(f.Times, 1), 0, 0
	var problems []error
	check := func(name, value string, allowed []string) {
		if !slices.Contains(allowed, value) {
			problems = append(problems, fmt.Errorf("%s must be one of %v, not %q", name, allowed, value))
		}
	}
	check("service", f.Service, services)
	check("when", f.When, moments)
	check("effect", f.Effect, effects)
	if f.Function == "" {
		problems = append(problems, errors.New("function is missing"))
	}
	expression, err := regexp.Compile(f.Match)
	if err != nil {
		problems = append(problems, fmt.Errorf("match: %w", err))
	}
	if err := errors.Join(problems...); err != nil {
		return "", err
	}
	f.match = expression
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	f.ID = strconv.Itoa(s.last)
	s.faults = append(s.faults, &f)
	return f.ID, nil
}

// List returns the faults with their counts.
func (s *Set) List() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []Fault{}
	for _, f := range s.faults {
		out = append(out, *f)
	}
	return out
}

// Clear disarms all faults.
func (s *Set) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// Call is one call of a function.
type Call struct {
	Function, Service, Action string
	// Content is what Match is tried on.
	Content []string
}

// Find counts the call against every fault that matches it and returns the
// first that strikes.
func (s *Set) Find(c Call) (Fault, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var struck *Fault
	for _, f := range s.faults {
		if f.Function != c.Function || f.Service != c.Service || f.Action != "" && f.Action != c.Action {
			continue
		}
		if f.Match != "" && !slices.ContainsFunc(c.Content, f.match.MatchString) {
			continue
		}
		f.Seen++
		if f.Seen >= f.Nth && f.Hits < f.Times && struck == nil {
			f.Hits++
			struck = f
		}
	}
	if struck == nil {
		return Fault{}, false
	}
	return *struck, true
}

// Victim is the function instance that the calls come from.
type Victim struct {
	Function string
	// Kill kills the instance with SIGKILL.
	Kill func()
}
