package addresses

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"time"

	"sportello/infra/local/outside/bearer"
	"sportello/infra/local/outside/calls"
	"sportello/infra/local/outside/people"
)

// INAD is the list of persons' digital domiciles.
type INAD struct {
	// Check tells whether a request carries a valid PDND voucher.
	Check func(*http.Request) error
	Calls *calls.Log
}

// since is the day all the domiciles of this list were elected.
const since = "2023-07-06"

// plainCode is INAD's own shape of a tax code: it does not accept omocodia.
var plainCode = regexp.MustCompile(`^([A-Z]{6}[0-9]{2}[A-Z][0-9]{2}[A-Z][0-9]{3}[A-Z]|[0-9]{11})$`)

// Routes adds the endpoints, both short and under INAD's own base path.
func (i *INAD) Routes(mux *http.ServeMux) {
	for _, at := range []string{"/inad", "/inad/rest/inad/v1/domiciliodigitale"} {
		mux.HandleFunc("GET "+at+"/extract/{cf}", i.Calls.Handler("inad", i.guarded(i.extract)))
		mux.HandleFunc("GET "+at+"/verify/{cf}", i.Calls.Handler("inad", i.guarded(i.verify)))
	}
}

func (i *INAD) guarded(h func(http.ResponseWriter, *http.Request, people.Person)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := i.Check(r); err != nil {
			problem(w, http.StatusUnauthorized, "Unauthorized", "voucher: "+err.Error())
			return
		}
		if r.URL.Query().Get("practicalReference") == "" {
			problem(w, http.StatusBadRequest, "Bad Request", "practicalReference obbligatorio")
			return
		}
		code := strings.ToUpper(r.PathValue("cf"))
		if !plainCode.MatchString(code) || len(code) == 16 && !people.ValidTaxCode(code) {
			problem(w, http.StatusBadRequest, "Bad Request", "codice fiscale in formato errato")
			return
		}
		person, found := people.FindPerson(code)
		if !found || person.Domicile == "" {
			problem(w, http.StatusNotFound, "Not Found", "domicilio digitale non trovato")
			return
		}
		h(w, r, person)
	}
}

func (i *INAD) extract(w http.ResponseWriter, _ *http.Request, p people.Person) {
	bearer.WriteJSON(w, http.StatusOK, map[string]any{
		"codiceFiscale": p.TaxCode, "since": since + "T00:00:00Z",
		"digitalAddress": []map[string]any{{"digitalAddress": p.Domicile}},
	})
}

func (i *INAD) verify(w http.ResponseWriter, r *http.Request, p people.Person) {
	q := r.URL.Query()
	same := strings.EqualFold(q.Get("digital_address"), p.Domicile) && q.Get("since") >= since
	bearer.WriteJSON(w, http.StatusOK, map[string]any{"outcome": same, "dateTimeCheck": time.Now().UTC().Format(time.RFC3339)})
}

func problem(w http.ResponseWriter, status int, title, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{ // the peer has gone: nothing to do about it
		"type": "about:blank", "status": status, "title": title, "detail": detail,
	})
}
