// Package addresses answers for the two lists of digital domiciles: INI-PEC (companies and
// professionals), an asynchronous batch, and INAD (persons), one question at a time.
package addresses

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"sportello/infra/local/outside/bearer"
	"sportello/infra/local/outside/calls"
	"sportello/infra/local/outside/companies"
	"sportello/infra/local/outside/people"
	"sportello/infra/local/outside/state"
)

const (
	maxBody  = 1 << 20
	maxCodes = 1000
)

// Batch is one request for a list of addresses.
type Batch struct {
	ID      string    `json:"id"`
	Codes   []string  `json:"codes"`
	AskedAt time.Time `json:"askedAt"`
	// Polls counts the times the list was asked for before it was ready.
	Polls int `json:"polls"`
}

// INIPEC is the list of companies' addresses.
type INIPEC struct {
	// Register checks InfoCamere's tokens.
	Register *companies.Register
	Calls    *calls.Log
	Batches  *state.Collection[Batch]
	Clock    state.Clock
	// NotReady is how many times a list is asked for in vain before it is ready.
	NotReady int
}

// Routes adds the endpoints.
func (i *INIPEC) Routes(mux *http.ServeMux) {
	mux.HandleFunc("POST /inipec/authentication", i.Calls.Handler("inipec", i.Register.Authentication))
	mux.HandleFunc("POST /inipec/richiestaElencoPec", i.Calls.Handler("inipec", i.Register.Guarded(i.ask)))
	mux.HandleFunc("GET /inipec/getElencoPec/{id}", i.Calls.Handler("inipec", i.Register.Guarded(i.list)))
}

// ask takes {"elencoCf":[{"cf":"…"}]}; the contract calls the body a string, so a JSON string that
// holds that object is taken too.
func (i *INIPEC) ask(w http.ResponseWriter, r *http.Request) {
	codes, err := readCodes(w, r)
	if err != nil {
		companies.Refuse(w, http.StatusBadRequest, "Richiesta non valida: "+err.Error())
		return
	}
	b := Batch{ID: bearer.NewID(), Codes: codes, AskedAt: i.Clock.Now()}
	if err := i.Batches.Put(b.ID, b); err != nil {
		companies.Refuse(w, http.StatusInternalServerError, "Internal server error")
		return
	}
	bearer.WriteJSON(w, http.StatusOK, map[string]string{
		"dataOraRichiesta": b.AskedAt.Format(time.RFC3339), "identificativoRichiesta": b.ID,
	})
}

func readCodes(w http.ResponseWriter, r *http.Request) ([]string, error) {
	var raw json.RawMessage
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&raw); err != nil {
		return nil, fmt.Errorf("il corpo non è JSON: %w", err)
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		raw = json.RawMessage(text)
	}
	var body struct {
		List []struct {
			Code string `json:"cf"`
		} `json:"elencoCf"`
	}
	if err := json.Unmarshal(raw, &body); err != nil {
		return nil, fmt.Errorf("il corpo non è leggibile: %w", err)
	}
	if len(body.List) == 0 || len(body.List) > maxCodes {
		return nil, errors.New("elencoCf vuoto o troppo lungo")
	}
	codes := make([]string, 0, len(body.List))
	for _, c := range body.List {
		codes = append(codes, c.Code)
	}
	return codes, nil
}

func (i *INIPEC) list(w http.ResponseWriter, r *http.Request) {
	ready, found := false, false
	var batch Batch
	err := i.Batches.Update(r.PathValue("id"), func(b *Batch, exists bool) error {
		batch, found = *b, exists
		if ready = exists && b.Polls >= i.NotReady; ready || !exists {
			return state.ErrSkip
		}
		b.Polls++
		return nil
	})
	switch {
	case err != nil:
		companies.Refuse(w, http.StatusInternalServerError, "Internal server error")
	case !found:
		companies.Refuse(w, http.StatusNotFound, "Richiesta sconosciuta")
	case !ready:
		bearer.WriteJSON(w, http.StatusNotFound, map[string]string{
			"code": "WSPA_ERR_05", "appName": "inipec", "description": "List PEC in progress",
			"timestamp": i.Clock.Now().Format(time.RFC3339),
		})
	default:
		bearer.WriteJSON(w, http.StatusOK, map[string]any{
			"dataOraDownload": i.Clock.Now().Format(time.RFC3339), "identificativoRichiesta": batch.ID, "elencoPec": entries(batch.Codes),
		})
	}
}

// entries has a line for each company found; one without an address has an empty pecImpresa, which
// the contract requires to be there.
func entries(codes []string) []map[string]any {
	out := []map[string]any{}
	for _, code := range codes {
		if c, ok := people.FindCompany(code); ok {
			out = append(out, map[string]any{"cf": c.TaxCode, "pecImpresa": c.PEC, "pecProfessionista": []any{}})
		}
	}
	return out
}
