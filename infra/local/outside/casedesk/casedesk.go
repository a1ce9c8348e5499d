// Package casedesk is a chamber's own case system ("gestionale"): pages on which a person works the
// chamber's cases through the product's chamber API, with the chamber's key and the officer's tax
// code. It knows the API by its contract alone and keeps nothing of its own.
package casedesk

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"

	"sportello/infra/local/outside/page"
	"sportello/infra/local/outside/people"
	"sportello/infra/local/outside/state"
)

// Config is what the desk needs. Portal may be empty: the pages then say that it cannot be reached.
type Config struct {
	Portal   string // public URL of the product's portal
	KeysFile string // chamber -> API key, read at every use
	Clock    state.Clock
	Log      *slog.Logger
	// Sign has a persona sign a PDF; nil: what the desk writes goes out unsigned.
	Sign func(persona, name string, pdf []byte) ([]byte, error)
}

// Desk is the case system.
type Desk struct {
	Config
	client *http.Client
}

// New checks the configuration.
func New(cfg Config) (*Desk, error) {
	if cfg.KeysFile == "" || cfg.Log == nil {
		return nil, errors.New("casedesk: incomplete configuration")
	}
	return &Desk{Config: cfg, client: newClient()}, nil
}

//go:embed pages/*.html
var files embed.FS

var (
	chambersPage = page.Parse(files, "pages/chambers.html")
	casesPage    = page.Parse(files, "pages/cases.html")
	casePage     = page.Parse(files, "pages/case.html")
)

const section = "gestionale"

// Routes adds the pages.
func (d *Desk) Routes(mux *http.ServeMux) {
	mux.HandleFunc("GET /gestionale", d.showChambers)
	mux.HandleFunc("GET /gestionale/{chamber}", d.showCases)
	mux.HandleFunc("GET /gestionale/{chamber}/{id}", d.showCase)
	mux.HandleFunc("GET /gestionale/{chamber}/{id}/documents/{doc}", d.document)
	for action, f := range map[string]func(*Desk, *http.Request, door) error{
		"assignment": (*Desk).takeCharge, "messages": (*Desk).write, "integration-requests": (*Desk).ask, "decision": (*Desk).decide,
	} {
		mux.HandleFunc("POST /gestionale/{chamber}/{id}/"+action, d.act(action, f))
	}
}

// door opens the chamber API: the chamber's key and the officer who works.
type door struct{ chamber, key, officer string }

// door reads the chamber's key; the officer is the one of the form, or the chamber's persona.
func (d *Desk) door(r *http.Request) (door, error) {
	chamber := r.PathValue("chamber")
	keys, err := d.keys()
	if err != nil {
		return door{}, err
	}
	if keys[chamber] == "" {
		return door{}, fmt.Errorf("non c’è una chiave per la Camera %q", chamber)
	}
	officer := r.FormValue("officer")
	if officer == "" {
		officer = people.Officer(chamber).TaxCode
	}
	return door{chamber, keys[chamber], officer}, nil
}

func (d *Desk) keys() (map[string]string, error) {
	keys := map[string]string{}
	_, err := state.ReadJSON(d.KeysFile, &keys)
	return keys, err
}

func (d *Desk) showChambers(w http.ResponseWriter, _ *http.Request) {
	type row struct {
		ID  string
		Key bool
	}
	keys, err := d.keys()
	v := page.View{Title: "Gestionale delle Camere", Section: section}
	if err != nil {
		v.Error = err.Error()
	}
	var rows []row
	for _, c := range people.Chambers() {
		rows = append(rows, row{c, keys[c] != ""})
	}
	v.Data = rows
	chambersPage.Write(w, http.StatusOK, v)
}

// states a case can be filtered by, as the API names them, with their Italian words.
var states = []struct{ ID, Name string }{
	{"registered", "protocollata"}, {"in_progress", "in lavorazione"}, {"awaiting_integration", "in attesa di integrazione"},
	{"decided", "decisa"}, {"closed", "chiusa"}, {"preserved", "conservata"}, {"withdrawn", "ritirata"}, {"presented", "presentata"},
}

// StateName is the Italian word of a state; one that is not known is shown as it is.
func StateName(id string) string {
	for _, s := range states {
		if s.ID == id {
			return s.Name
		}
	}
	return id
}

func (d *Desk) showCases(w http.ResponseWriter, r *http.Request) {
	chosen, cursor := r.URL.Query().Get("state"), r.URL.Query().Get("cursor")
	data := map[string]any{"Chamber": r.PathValue("chamber"), "States": states, "State": chosen}
	v := page.View{Title: "Pratiche di " + r.PathValue("chamber"), Section: section, Data: data}
	at, err := d.door(r)
	if err != nil {
		v.Error = err.Error()
		casesPage.Write(w, http.StatusNotFound, v)
		return
	}
	data["Officer"] = at.officer
	query := url.Values{}
	if chosen != "" {
		query.Set("state", chosen)
	}
	if cursor != "" {
		query.Set("cursor", cursor)
	}
	var list Cases
	status := http.StatusOK
	if err := d.call(r.Context(), at, http.MethodGet, "/applications?"+query.Encode(), nil, &list); err != nil {
		v.Error, status = err.Error(), http.StatusBadGateway
	}
	data["List"] = list
	casesPage.Write(w, status, v)
}

// confirmations are what an action that went well says.
var confirmations = map[string]string{
	"assignment": "Pratica presa in carico.", "messages": "Messaggio inviato.",
	"integration-requests": "Integrazione richiesta.", "decision": "Pratica decisa.",
}

func (d *Desk) showCase(w http.ResponseWriter, r *http.Request) {
	d.renderCase(w, r, http.StatusOK, page.View{Done: confirmations[r.URL.Query().Get("fatto")]})
}

func (d *Desk) renderCase(w http.ResponseWriter, r *http.Request, status int, v page.View) {
	id := r.PathValue("id")
	v.Title, v.Section = "Pratica "+id, section
	data := map[string]any{"Chamber": r.PathValue("chamber"), "ID": id, "Case": Case{}, "Timeline": Timeline{}}
	v.Data = data
	at, err := d.door(r)
	var c Case
	var t Timeline
	if err == nil {
		data["Officer"] = at.officer
		err = d.call(r.Context(), at, http.MethodGet, "/applications/"+url.PathEscape(id), nil, &c)
	}
	if err == nil {
		err = d.call(r.Context(), at, http.MethodGet, "/applications/"+url.PathEscape(id)+"/timeline", nil, &t)
	}
	if err != nil && v.Error == "" {
		v.Error, status = err.Error(), http.StatusBadGateway
	}
	data["Case"], data["Timeline"] = c, t
	casePage.Write(w, status, v)
}

// document sends the person's browser where the API says the document is.
func (d *Desk) document(w http.ResponseWriter, r *http.Request) {
	at, err := d.door(r)
	if err == nil {
		var link string
		path := "/applications/" + url.PathEscape(r.PathValue("id")) + "/documents/" + url.PathEscape(r.PathValue("doc"))
		if link, err = d.locate(r.Context(), at, path); err == nil {
			http.Redirect(w, r, link, http.StatusFound)
			return
		}
	}
	d.renderCase(w, r, http.StatusBadGateway, page.View{Error: err.Error()})
}

const maxUpload = 30 << 20

// act runs an action and goes back to the case; what goes wrong is shown there.
func (d *Desk) act(action string, f func(*Desk, *http.Request, door) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxUpload)
		at, err := d.door(r)
		if err == nil {
			err = f(d, r, at)
		}
		if err != nil {
			d.renderCase(w, r, http.StatusBadGateway, page.View{Error: err.Error()})
			return
		}
		back := url.URL{
			Path:     "/gestionale/" + r.PathValue("chamber") + "/" + r.PathValue("id"),
			RawQuery: url.Values{"fatto": {action}}.Encode(),
		}
		http.Redirect(w, r, back.String(), http.StatusSeeOther)
	}
}

func (d *Desk) post(r *http.Request, at door, path string, in, out any) error {
	return d.call(r.Context(), at, http.MethodPost, "/applications/"+url.PathEscape(r.PathValue("id"))+path, in, out)
}

func (d *Desk) takeCharge(r *http.Request, at door) error {
	return d.post(r, at, "/assignment", map[string]string{}, nil)
}

func (d *Desk) write(r *http.Request, at door) error {
	return d.post(r, at, "/messages", map[string]string{"text": r.FormValue("text")}, nil)
}

func (d *Desk) ask(r *http.Request, at door) error {
	days, err := strconv.Atoi(r.FormValue("days"))
	if err != nil {
		return errors.New("i giorni devono essere un numero")
	}
	return d.post(r, at, "/integration-requests", map[string]any{"text": r.FormValue("text"), "days": days}, nil)
}

// outcome of a decision: as the API names it, as the page offers it, and as the document says it.
type outcome struct{ ID, Name, Sentence string }

// outcomes by service.
var outcomes = map[string][]outcome{
	"reclami": {
		{"founded", "fondato", "Il reclamo è fondato."},
		{"unfounded", "non fondato", "Il reclamo è non fondato."},
		{"redirected", "trasmesso all’ufficio competente", "Il reclamo è trasmesso all’ufficio competente."},
	},
	"listino-prezzi": {
		{"deposited", "depositato", "Il listino è depositato. La Camera attesta il deposito, non la congruità dei prezzi."},
		{"refused", "rifiutato", "Il deposito del listino è rifiutato."},
	},
}

// Outcomes are those that a decision of the case may have.
func (c Case) Outcomes() []outcome { return outcomes[c.Service] }

func outcomeByID(id string) (outcome, bool) {
	for _, list := range outcomes {
		for _, o := range list {
			if o.ID == id {
				return o, true
			}
		}
	}
	return outcome{}, false
}

// decide uploads the outcome document, the person's own or one written from the text and signed by the officer, and decides
// with it. If it stops half way the document stays attached to the case, unused; trying again
// uploads another.
func (d *Desk) decide(r *http.Request, at door) error {
	text := r.FormValue("text")
	chosen, ok := outcomeByID(r.FormValue("outcome"))
	if !ok {
		return errors.New("scegliere un esito")
	}
	if text == "" {
		return errors.New("scrivere la motivazione")
	}
	name, raw, err := d.outcomeDocument(r, at, chosen.Sentence, text)
	if err != nil {
		return err
	}
	id, err := d.upload(r, at, name, raw)
	if err != nil {
		return err
	}
	return d.post(r, at, "/decision", map[string]string{"outcome": chosen.ID, "text": text, "document": id}, nil)
}

func (d *Desk) outcomeDocument(r *http.Request, at door, sentence, text string) (string, []byte, error) {
	f, head, err := r.FormFile("document")
	if err == nil {
		defer f.Close()
		raw, err := io.ReadAll(f)
		if err != nil {
			return "", nil, fmt.Errorf("documento illeggibile: %w", err)
		}
		if len(raw) > 0 {
			return head.Filename, raw, nil
		}
	}
	written := PDF("Esito della pratica", []string{
		"Camera di commercio: " + at.chamber,
		"Pratica: " + r.PathValue("id"),
		"Data: " + d.Clock.Now().Format("02/01/2006"),
		"", sentence, "", text,
		"", "Documento prodotto dal gestionale di prova: non ha valore legale.",
	})
	if d.Sign == nil {
		return "esito.pdf", written, nil
	}
	signer, known := people.FindPerson(at.officer)
	if !known {
		signer = people.Officer(at.chamber)
	}
	signed, err := d.Sign(signer.ID, "esito.pdf", written)
	if err != nil {
		return "", nil, fmt.Errorf("il documento non si è potuto firmare: %w", err)
	}
	return "esito.pdf", signed, nil
}
