package guard

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"sportello/infra/local/policy"
	"sportello/infra/local/template"
)

// Ledger keeps which grants were used, in a file with one line for each, so
// that what several runs used can be put together: a grant that no run needs is
// superfluous, or its case is not tried.
type Ledger struct {
	grants []string
	mu     sync.Mutex
	used   map[string]bool
	file   *os.File
}

// Grants lists what the template grants its functions: an action on a resource
// by a statement, and the leading keys of that statement.
func Grants(cloud *template.Cloud) []string {
	var out []string
	for _, f := range cloud.Functions {
		for i := range f.Statements {
			s := &f.Statements[i]
			if s.Added || s.Deny {
				continue
			}
			for _, action := range s.Actions {
				for _, resource := range s.Resources {
					out = append(out, grant(f.ID, s, action, resource))
				}
			}
			for _, key := range s.Values(leadingKeys) {
				out = append(out, keyGrant(f.ID, s, key))
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

const leadingKeys = "dynamodb:leadingkeys"

// grant names one, for people and for the file: DeadlinesFunction Files
// s3:GetObject sportello-local-documentsbucket/*.
func grant(function string, s *policy.Statement, action, resource string) string {
	parts := strings.SplitN(resource, ":", 6)
	return fmt.Sprintf("%s %s %s %s", function, s.Sid, action, parts[len(parts)-1])
}

func keyGrant(function string, s *policy.Statement, key string) string {
	return fmt.Sprintf("%s %s LeadingKeys %s", function, s.Sid, key)
}

// OpenLedger reads what was used before and goes on from there.
func OpenLedger(path string, cloud *template.Cloud) (*Ledger, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the ledger of grants: %w", err)
	}
	l := &Ledger{grants: Grants(cloud), used: map[string]bool{}, file: file}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		l.used[lines.Text()] = true
	}
	if err := lines.Err(); err != nil {
		return nil, errors.Join(fmt.Errorf("reading the ledger of grants: %w", err), file.Close())
	}
	return l, nil
}

// use writes down a grant at its first use. A line that cannot be written is
// only a grant that seems unused.
func (l *Ledger) use(function string, s *policy.Statement, r policy.Request) {
	if s.Added {
		return
	}
	names := []string{grant(function, s, s.Action(r.Action), s.Resource(r.Resource))}
	for _, key := range s.Matching(leadingKeys, r.Context) {
		names = append(names, keyGrant(function, s, key))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range names {
		if !l.used[name] {
			l.used[name] = true
			_, _ = l.file.WriteString(name + "\n")
		}
	}
}

// Used and Unused divide the template's grants.
func (l *Ledger) Used() []string   { return l.those(true) }
func (l *Ledger) Unused() []string { return l.those(false) }

func (l *Ledger) those(used bool) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(l.grants), func(name string) bool { return l.used[name] != used })
}

// Close closes the file.
func (l *Ledger) Close() error { return l.file.Close() }
