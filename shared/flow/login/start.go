package login

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"sportello/shared/domain/layout"
	"sportello/shared/domain/problem"
	"sportello/shared/platform/table"
)

// attempt is the L# row, found by the digest of its state.
type attempt struct {
	Provider  string    `json:"provider"`
	Chamber   string    `json:"chamber"`
	Site      string    `json:"site"`
	Return    string    `json:"return"`
	Binding   string    `json:"binding"` // digest
	Nonce     string    `json:"nonce"`
	Verifier  string    `json:"verifier"`
	ExpiresAt time.Time `json:"expiresAt"`
	// Claim names the request that presents the answer's code to the provider, which takes it once.
	Claim string `json:"claim,omitempty"`
	// Answered is true once the hand-off exists; Failed says why it never will. A repeated callback repeats either.
	Answered bool `json:"answered,omitempty"`
	Failed   Code `json:"failed,omitempty"`
}

func (a attempt) back() Redirect { return Redirect{a.Site, a.Return} }

// Redirect is where a login leads: a chamber's host and a path on it.
type Redirect struct {
	Site string // scheme and host, such as https://milano.sportello.example.it; empty: the host that was asked
	Path string // begins with one slash
}

// Request is the wish to sign in.
type Request struct {
	Provider string
	Chamber  string // whose host was asked
	Site     string // that host, with its scheme: the caller has checked that it is one of ours
	Return   string // the path to come back to; empty: the chamber's first page
	Binding  string // what the browser has from an earlier attempt, if anything
}

// Started is an attempt under way.
type Started struct {
	URL string // where to send the browser
	// Binding goes into a cookie of the chamber's host. Attempts in several tabs share it, so that each can be finished.
	Binding string
}

// Start begins a login. It returns a problem for what cannot be asked and a *Failure if the provider does not answer.
func (d *Desk) Start(ctx context.Context, r Request) (Started, error) {
	provider, ok := d.providers[r.Provider]
	if !ok {
		return Started{}, problem.New(problem.Malformed, "Scegli con che cosa accedere: il metodo indicato non è disponibile.").
			At("?provider", "Metodo di accesso sconosciuto.")
	}
	path, err := LocalPath(r.Return)
	if err != nil {
		return Started{}, err
	}
	if r.Chamber == "" || r.Site == "" {
		return Started{}, problem.New(problem.NotFound, "Scegli prima la tua Camera di commercio: l’accesso si fa dal suo sportello.")
	}
	begun, err := provider.Begin(ctx)
	if err != nil {
		return Started{}, beginning(err, Redirect{r.Site, path})
	}
	binding := r.Binding
	if !isSecret(binding) {
		if binding, err = d.secret(); err != nil {
			return Started{}, err
		}
	}
	a := attempt{
		Provider: r.Provider, Chamber: r.Chamber, Site: r.Site, Return: path, Binding: digest(binding),
		Nonce: begun.Nonce, Verifier: begun.Verifier, ExpiresAt: d.now().Add(AttemptLife),
	}
	if err := d.open(ctx, begun.State, a); err != nil {
		return Started{}, fmt.Errorf("keeping attempt: %w", err)
	}
	return Started{URL: begun.URL, Binding: binding}, nil
}

func beginning(err error, back Redirect) error {
	if code, ok := codeOf(err); ok && code == Unreachable {
		return fail(Unreachable, back, err)
	}
	return fmt.Errorf("beginning at provider: %w", err)
}

// open writes a new attempt. Where the outcome is unclear it is enough to have written it: nobody else knows the state.
func (d *Desk) open(ctx context.Context, state string, a attempt) error {
	item, err := table.Item{Key: layout.Login(digest(state))}.With(schema, a)
	if err != nil {
		return err
	}
	item.Expires = a.ExpiresAt
	err = d.table.Commit(ctx, table.Put(item))
	if !errors.Is(err, table.ErrUnclear) {
		return err
	}
	if _, readErr := table.One(ctx, d.table, item.Key); readErr != nil {
		return err
	}
	return nil
}

// maxPath bounds a return path: the longest of ours is a tenth of it.
const maxPath = 512

// LocalPath checks a path to come back to. It refuses whatever a browser might take for another host ("//host", "/\host",
// "https:…", with tabs and line ends that browsers drop), and the APIs, which are no pages. Empty is the first page.
func LocalPath(path string) (string, error) {
	if path == "" {
		return "/", nil
	}
	refused := problem.New(problem.Malformed, "L’indirizzo a cui tornare dopo l’accesso non è una pagina di questo sportello.").
		At("?return", "Deve essere un percorso di questo sito, come /pratiche/.")
	u, err := url.Parse(path)
	switch {
	case err != nil, len(path) > maxPath, path[0] != '/', strings.HasPrefix(path, "//"):
		return "", refused
	case strings.ContainsRune(path, '\\'), strings.ContainsFunc(path, func(r rune) bool { return r <= ' ' || r == 0x7f || r > '~' }):
		return "", refused
	case u.Scheme != "", u.Host != "", u.User != nil:
		return "", refused
	case strings.HasPrefix(u.Path, "//"), strings.ContainsRune(u.Path, '\\'), isAPI(u.Path):
		return "", refused
	}
	return path, nil
}

// isAPI tells whether a path, as a server may read it, leads to an API: coming back there could act or loop.
func isAPI(path string) bool {
	for _, prefix := range []string{"/api", "/chamber"} {
		if path == prefix || strings.HasPrefix(path, prefix+"/") {
			return true
		}
	}
	return strings.Contains(path, "/../") || strings.HasSuffix(path, "/..") || strings.Contains(path, "/./")
}
