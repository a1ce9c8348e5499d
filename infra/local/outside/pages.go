package outside

import (
	"embed"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"sportello/infra/local/outside/page"
	"sportello/infra/local/outside/pec"
	"sportello/infra/local/outside/people"
	"sportello/infra/local/outside/signingdesk"
)

//go:embed pages/*.html
var pageFiles embed.FS

var (
	overviewPage  = page.Parse(pageFiles, "pages/overview.html")
	messagesPage  = page.Parse(pageFiles, "pages/messages.html")
	messagePage   = page.Parse(pageFiles, "pages/message.html")
	mailboxesPage = page.Parse(pageFiles, "pages/mailboxes.html")
	mailboxPage   = page.Parse(pageFiles, "pages/mailbox.html")
	letterPage    = page.Parse(pageFiles, "pages/letter.html")
	readPage      = page.Parse(pageFiles, "pages/read.html")
	registersPage = page.Parse(pageFiles, "pages/registers.html")
	packagesPage  = page.Parse(pageFiles, "pages/packages.html")
	trustPage     = page.Parse(pageFiles, "pages/trust.html")
	peoplePage    = page.Parse(pageFiles, "pages/people.html")
	failuresPage  = page.Parse(pageFiles, "pages/failures.html")
)

// pageRoutes adds the pages for people. Each form answers with a redirect, so that going back or
// reloading repeats nothing.
func (w *World) pageRoutes() {
	w.mux.HandleFunc("GET /style.css", page.Style)
	w.mux.HandleFunc("GET /{$}", w.showOverview)
	w.mux.HandleFunc("GET /pec", w.showMessages)
	w.mux.HandleFunc("POST /pec/hold", w.formHold)
	w.mux.HandleFunc("GET /pec/{id}", w.showMessage)
	w.mux.HandleFunc("GET /pec/{id}/original.eml", w.controlOriginal)
	w.mux.HandleFunc("POST /pec/{id}/receipts", w.formReceipt)
	w.mux.HandleFunc("GET /caselle", w.showMailboxes)
	w.mux.HandleFunc("GET /caselle/{address}", w.showMailbox)
	w.mux.HandleFunc("GET /caselle/{address}/{uid}", w.showMail)
	w.mux.HandleFunc("GET /caselle/{address}/{uid}/message.eml", w.downloadMail)
	w.mux.HandleFunc("GET /scrivi", w.showLetter)
	w.mux.HandleFunc("POST /scrivi", w.formLetter)
	w.mux.HandleFunc("GET /registri", w.showRegisters)
	w.mux.HandleFunc("POST /registri", w.formSwitch)
	w.mux.HandleFunc("GET /pacchetti", w.showPackages)
	w.mux.HandleFunc("POST /pacchetti/next", w.formNext)
	w.mux.HandleFunc("POST /pacchetti/{id}", w.formDecision)
	w.mux.HandleFunc("GET /pacchetti/{id}/rapporti/{n}", w.downloadReport)
	w.mux.HandleFunc("GET /fiducia", w.showTrust)
	w.mux.HandleFunc("POST /fiducia", w.formTrust)
	w.mux.HandleFunc("GET /persone", w.showPeople)
	w.mux.HandleFunc("GET /guasti", w.showFailures)
}

// done are the confirmations a redirect may carry; only the code travels in the address.
var done = map[string]string{
	"inviata":     "Messaggio inviato.",
	"ricevuta":    "Ricevuta emessa.",
	"fermo":       "Ricevute automatiche ferme.",
	"ripreso":     "Ricevute automatiche riprese.",
	"interruttor": "Interruttore cambiato.",
	"prossimo":    "Esito del prossimo pacchetto cambiato.",
	"deciso":      "Pacchetto deciso.",
}

func (w *World) view(r *http.Request, title, section string, data any) page.View {
	return page.View{Title: title, Section: section, Done: done[r.URL.Query().Get("fatto")], Data: data}
}

func back(rw http.ResponseWriter, r *http.Request, path, code string) {
	http.Redirect(rw, r, path+"?fatto="+url.QueryEscape(code), http.StatusSeeOther)
}

// trouble shows what a form could not do.
func (w *World) trouble(rw http.ResponseWriter, status int, err error) {
	failuresPage.Write(rw, status, page.View{Title: "Operazione non riuscita", Error: err.Error(), Data: w.failures()})
}

func (w *World) showOverview(rw http.ResponseWriter, r *http.Request) {
	_, held := w.provider.Holding()
	overviewPage.Write(rw, http.StatusOK, w.view(r, "Mondo esterno", "", map[string]any{
		"Now": w.clock.Now(), "Portal": w.cfg.Portal, "Held": held, "Messages": len(w.provider.Messages("")),
		"Packages": len(w.keeper.Packages()), "Calls": len(w.calls.Recent()),
	}))
}

const listed = 200

func (w *World) showMessages(rw http.ResponseWriter, r *http.Request) {
	address := r.URL.Query().Get("address")
	list := w.provider.Messages(address)
	slices.Reverse(list)
	total := len(list)
	if total > listed {
		list = list[:listed]
	}
	hold, held := w.provider.Holding()
	messagesPage.Write(rw, http.StatusOK, w.view(r, "Posta certificata", "pec", map[string]any{
		"Messages": list, "Total": total, "Address": address, "Addresses": w.mailboxes.Addresses(), "Hold": hold, "Held": held,
	}))
}

func (w *World) formHold(rw http.ResponseWriter, r *http.Request) {
	on := r.FormValue("on") == "1"
	if err := w.provider.SetHold(pec.Hold{On: on}); err != nil {
		w.trouble(rw, http.StatusInternalServerError, err)
		return
	}
	code := "ripreso"
	if on {
		code = "fermo"
	}
	back(rw, r, "/pec", code)
}

func (w *World) showMessage(rw http.ResponseWriter, r *http.Request) {
	m, found := w.provider.Message(r.PathValue("id"))
	if !found {
		http.NotFound(rw, r)
		return
	}
	raw, err := w.provider.Original(m.ID)
	if err != nil {
		w.trouble(rw, http.StatusInternalServerError, err)
		return
	}
	messagePage.Write(rw, http.StatusOK, w.view(r, "Messaggio certificato", "pec", map[string]any{
		"Message": m, "Mail": readMail(raw), "Kinds": pec.Kinds(), "Flaws": pec.Flaws(),
	}))
}

func (w *World) formReceipt(rw http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	_, err := w.provider.Issue(id, pec.Step{
		Kind: r.FormValue("kind"), Recipient: r.FormValue("recipient"), Flaw: pec.Flaw(r.FormValue("flaw")),
	})
	if err != nil {
		w.trouble(rw, http.StatusBadRequest, err)
		return
	}
	back(rw, r, "/pec/"+url.PathEscape(id), "ricevuta")
}

func (w *World) showRegisters(rw http.ResponseWriter, r *http.Request) {
	registersPage.Write(rw, http.StatusOK, w.view(r, "Registri", "registri", map[string]any{
		"Modes": w.calls.Modes(), "Calls": w.calls.Recent(),
	}))
}

func (w *World) formSwitch(rw http.ResponseWriter, r *http.Request) {
	if err := w.calls.SetMode(r.FormValue("service"), r.FormValue("mode")); err != nil {
		w.trouble(rw, http.StatusBadRequest, err)
		return
	}
	back(rw, r, "/registri", "interruttor")
}

func (w *World) showPeople(rw http.ResponseWriter, r *http.Request) {
	type row struct {
		people.Person
		Companies []people.Company
	}
	var rows []row
	for _, p := range people.Persons() {
		rows = append(rows, row{p, people.Represented(p.TaxCode)})
	}
	peoplePage.Write(rw, http.StatusOK, w.view(r, "Persone e imprese", "persone", map[string]any{
		"Persons": rows, "Companies": people.Companies(),
	}))
}

func (w *World) failures() map[string]any {
	return map[string]any{"PEC": pec.Behaviours(), "Trust": w.fiduciary.Switches().All(), "Signatures": signingdesk.Faults(), "Companies": slices.DeleteFunc(people.Companies(), func(c people.Company) bool {
		return !c.Failing && c.PEC != "" && !strings.HasPrefix(c.PEC, "mancata.")
	})}
}

func (w *World) showFailures(rw http.ResponseWriter, r *http.Request) {
	failuresPage.Write(rw, http.StatusOK, w.view(r, "Valori di guasto", "guasti", w.failures()))
}
