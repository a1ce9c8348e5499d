// Package companies answers for the Registro Imprese as InfoCamere's contract (infocamere.yaml)
// has it: the seat of a company, the companies a person represents, whether a person represents a
// company. It also issues InfoCamere's own access tokens, which INI-PEC shares.
package companies

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"sportello/infra/local/outside/bearer"
	"sportello/infra/local/outside/calls"
	"sportello/infra/local/outside/people"
	"sportello/infra/local/outside/state"
)

const (
	tokenType = "infocamere+jwt"
	tokenLife = 10 * time.Minute
	maxBody   = 64 << 10
	app       = "registro-imprese"
)

// Config is what the register needs; every field is required.
type Config struct {
	Issuer    string   // of the access tokens
	Audiences []string // aud values of which the client's JWS must have one
	Signer    *bearer.Signer
	Verifier  *bearer.Verifier
	Calls     *calls.Log
	Clock     state.Clock
}

// Register is the Registro Imprese.
type Register struct{ Config }

// New checks the configuration.
func New(cfg Config) (*Register, error) {
	if cfg.Issuer == "" || len(cfg.Audiences) == 0 || cfg.Signer == nil || cfg.Verifier == nil || cfg.Calls == nil {
		return nil, errors.New("companies: incomplete configuration")
	}
	return &Register{cfg}, nil
}

// Routes adds the register's endpoints.
func (g *Register) Routes(mux *http.ServeMux) {
	const at = "/registro-imprese"
	mux.HandleFunc("POST "+at+"/authentication", g.Calls.Handler(app, g.Authentication))
	mux.HandleFunc("POST "+at+"/sede/{cf}", g.Calls.Handler(app, g.Guarded(g.seat)))
	mux.HandleFunc("GET "+at+"/listaLegaleRappresentante/{cfPersona}", g.Calls.Handler(app, g.Guarded(g.represented)))
	mux.HandleFunc("GET "+at+"/legaleRappresentante/{cfPersona}", g.Calls.Handler(app, g.Guarded(g.represents)))
}

// Authentication exchanges the client's JWS for an access token. The body is a JSON string or the
// bare JWS; the answer is a JSON string.
func (g *Register) Authentication(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		Refuse(w, http.StatusUnauthorized, "Unauthorized")
		return
	}
	jws := strings.TrimSpace(string(raw))
	if strings.HasPrefix(jws, `"`) {
		if err := json.Unmarshal(raw, &jws); err != nil {
			Refuse(w, http.StatusUnauthorized, "Unauthorized")
			return
		}
	}
	a, err := g.Verifier.Verify(jws, bearer.Expectation{ClientID: r.URL.Query().Get("client_id"), Audiences: g.Audiences, Once: true})
	if err != nil {
		Refuse(w, http.StatusUnauthorized, "Unauthorized: "+err.Error())
		return
	}
	now := time.Now()
	token, err := g.Signer.Sign(tokenType, map[string]any{
		"iss": g.Issuer, "sub": a.Client.ID, "aud": g.Issuer, "scope": a.Claims["scope"],
		"iat": now.Unix(), "exp": now.Add(tokenLife).Unix(), "jti": bearer.NewID(),
	})
	if err != nil {
		Refuse(w, http.StatusInternalServerError, "Internal server error")
		return
	}
	bearer.WriteJSON(w, http.StatusOK, token)
}

// Guarded lets a request through that carries the scope header and, as bearer, an access token of
// ours or a JWS the client signed itself.
func (g *Register) Guarded(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		token := bearer.Token(r)
		if _, err := g.Signer.Open(token, tokenType, g.Issuer); err != nil {
			if _, err := g.Verifier.Verify(token, bearer.Expectation{Audiences: g.Audiences}); err != nil {
				Refuse(w, http.StatusUnauthorized, "Unauthorized")
				return
			}
		}
		if r.Header.Get("scope") == "" {
			Refuse(w, http.StatusBadRequest, "Richiesta non valida: manca l’intestazione scope")
			return
		}
		h(w, r)
	}
}

func (g *Register) seat(w http.ResponseWriter, r *http.Request) {
	c, found := people.FindCompany(r.PathValue("cf"))
	switch {
	case !found:
		Refuse(w, http.StatusNotFound, "Impresa non trovata")
	case c.Failing:
		Refuse(w, http.StatusServiceUnavailable, "Servizio non disponibile")
	default:
		bearer.WriteJSON(w, http.StatusOK, map[string]any{
			"dataOraEstrazione": g.stamp(), "cf": c.TaxCode,
			"indirizzoLocalizzazione": map[string]string{
				"denominazione": c.Name, "toponimo": c.Seat.Toponym, "via": c.Seat.Street, "nCivico": c.Seat.Number,
				"comune": c.Seat.Municipality, "provincia": c.Seat.Province, "cap": c.Seat.PostCode,
			},
		})
	}
}

func (g *Register) represented(w http.ResponseWriter, r *http.Request) {
	person := strings.ToUpper(r.PathValue("cfPersona"))
	if !people.ValidTaxCode(person) {
		Refuse(w, http.StatusBadRequest, "Richiesta non valida: codice fiscale errato")
		return
	}
	list := []map[string]string{}
	for _, c := range people.Represented(person) {
		list = append(list, map[string]string{"cfImpresa": c.TaxCode, "denominazione": c.Name})
	}
	bearer.WriteJSON(w, http.StatusOK, map[string]any{
		"dataOraEstrazione": g.stamp(), "cfPersona": person, "elencoImpreseRappresentate": list,
	})
}

func (g *Register) represents(w http.ResponseWriter, r *http.Request) {
	person, company := strings.ToUpper(r.PathValue("cfPersona")), r.URL.Query().Get("cfImpresa")
	if !people.ValidTaxCode(person) || !people.ValidCompanyCode(company) {
		Refuse(w, http.StatusBadRequest, "Richiesta non valida: codice fiscale errato")
		return
	}
	c, found := people.FindCompany(company)
	if found && c.Failing {
		Refuse(w, http.StatusServiceUnavailable, "Servizio non disponibile")
		return
	}
	verdict := "KO"
	if found && slices.Contains(c.Representatives, person) {
		verdict = "OK"
	}
	bearer.WriteJSON(w, http.StatusOK, map[string]any{
		"dataOraEstrazione": g.stamp(), "cfPersona": person, "cfImpresa": company, "esitoVerifica": verdict,
	})
}

func (g *Register) stamp() string { return g.Clock.Now().Format(time.RFC3339) }

// Refuse answers with the contract's ErrorResponse; message and code are also there under the
// names its examples use.
func Refuse(w http.ResponseWriter, status int, message string) {
	bearer.WriteJSON(w, status, map[string]any{
		"code": http.StatusText(status), "appName": "infocamere", "description": message, "message": message,
		"timestamp": time.Now().UTC().Format(time.RFC3339),
	})
}
