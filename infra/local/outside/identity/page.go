package identity

import (
	_ "embed"
	"html/template"
	"net/http"
	"strings"

	"sportello/infra/local/outside/people"
)

//go:embed chooser.html
var chooserHTML string

var chooser = template.Must(template.New("chooser").Parse(chooserHTML))

type chooserPage struct {
	Scheme, Error, Fatal string
	Hidden               []field
	Persons              []people.Person
	Outcomes             []field
}

type field struct{ Name, Value string }

// outcomes are the failures a person can ask for when signing in.
var outcomes = []field{
	{"ok", "Accesso riuscito"},
	{"cancel", "Annulla: la persona rinuncia"},
	{"level1", "Livello 1 invece di quello chiesto"},
	{"no-fiscal-number", "Senza codice fiscale"},
	{"wrong-nonce", "Token con nonce diverso"},
	{"wrong-state", "Ritorno con state diverso"},
	{"wrong-signature", "Token firmato da un’altra chiave"},
	{"expired", "Token già scaduto"},
}

func (p *Provider) showChooser(w http.ResponseWriter, req request, message string) {
	page := chooserPage{Scheme: strings.ToUpper(string(p.Kind)), Error: message, Persons: people.Persons(), Outcomes: outcomes}
	for name, values := range req.values {
		if name == "persona" || name == "outcome" || name == "login_hint" {
			continue
		}
		for _, v := range values {
			page.Hidden = append(page.Hidden, field{name, v})
		}
	}
	status := http.StatusOK
	if message != "" {
		status = http.StatusBadRequest
	}
	render(w, status, page)
}

func (p *Provider) showError(w http.ResponseWriter, message string) {
	render(w, http.StatusBadRequest, chooserPage{Scheme: strings.ToUpper(string(p.Kind)), Fatal: message})
}

// render sets no form-action: browsers apply it to the redirect that follows, which leaves this host.
func render(w http.ResponseWriter, status int, page chooserPage) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; frame-ancestors 'none'")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = chooser.Execute(w, page) // the peer has gone: nothing to do about it
}
