package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"sportello/shared/domain/problem"
)

// problemBase is where the types of problems live; the last part is the kind.
const problemBase = "https://sportello.example/problemi/"

// Kinds that only HTTP knows.
const (
	methodNotAllowed problem.Kind = "metodo-non-consentito"
	internal         problem.Kind = "errore-interno"
)

// internalProblem is all a person learns of a fault of ours.
var internalProblem = problem.New(internal,
	"Qualcosa non ha funzionato dalla nostra parte. Riprova tra qualche minuto; se continua, comunica all’assistenza il codice indicato.")

// document is a problem on the wire (RFC 9457), with the offending places as in its section 3 example.
type document struct {
	Type     string  `json:"type"`
	Title    string  `json:"title"`
	Status   int     `json:"status"`
	Detail   string  `json:"detail,omitempty"`
	Instance string  `json:"instance,omitempty"`
	Errors   []wrong `json:"errors,omitempty"`
}

type wrong struct {
	Pointer string `json:"pointer"`
	Detail  string `json:"detail"`
}

// face is how a kind of problem looks to a client.
type face struct {
	status int
	title  string
}

// faceOf is the one switch from what went wrong to HTTP.
func faceOf(kind problem.Kind) face {
	switch kind {
	case problem.Malformed:
		return face{http.StatusBadRequest, "Richiesta non comprensibile"}
	case problem.Invalid:
		return face{http.StatusUnprocessableEntity, "Dati non validi"}
	case problem.Unauthenticated:
		return face{http.StatusUnauthorized, "Accesso richiesto"}
	case problem.Forbidden:
		return face{http.StatusForbidden, "Operazione non consentita"}
	case problem.NotFound:
		return face{http.StatusNotFound, "Non trovato"}
	case methodNotAllowed:
		return face{http.StatusMethodNotAllowed, "Metodo non consentito"}
	case problem.Conflict:
		return face{http.StatusConflict, "Operazione non possibile nello stato attuale"}
	case problem.VersionMismatch:
		return face{http.StatusPreconditionFailed, "I dati sono cambiati nel frattempo"}
	case problem.VersionRequired:
		return face{http.StatusPreconditionRequired, "Versione mancante"}
	case problem.KeyReused:
		return face{http.StatusUnprocessableEntity, "Chiave già usata"}
	case problem.TooLarge:
		return face{http.StatusRequestEntityTooLarge, "Troppo grande"}
	case problem.UnsupportedMedia:
		return face{http.StatusUnsupportedMediaType, "Formato non accettato"}
	case problem.FileMismatch:
		return face{http.StatusUnprocessableEntity, "Il file non è quello dichiarato"}
	case problem.Unavailable:
		return face{http.StatusServiceUnavailable, "Servizio momentaneamente non raggiungibile"}
	case problem.TooMany:
		return face{http.StatusTooManyRequests, "Troppe richieste"}
	}
	return face{http.StatusInternalServerError, "Errore interno"}
}

// retryAfter, in seconds, goes with the problems that time mends.
const retryAfter = "30"

// Fail answers with an error. A *problem.Problem shows its own words; anything else is a fault of ours, which is logged
// with the request id and shown without detail. Here the error ends.
func (a *API) Fail(w http.ResponseWriter, r *http.Request, err error) {
	var p *problem.Problem
	if !errors.As(err, &p) || faceOf(p.Kind).status == http.StatusInternalServerError {
		a.logError(r.Context(), slog.LevelError, err)
		writeProblem(w, r, internalProblem)
		return
	}
	if p.Unwrap() != nil {
		a.logError(r.Context(), slog.LevelWarn, err)
	}
	writeProblem(w, r, p)
}

func (a *API) logError(ctx context.Context, level slog.Level, err error) {
	a.log.Log(ctx, level, "request failed",
		slog.String("request", RequestID(ctx)), slog.String("route", infoOf(ctx).route), slog.Any("error", err))
}

func writeProblem(w http.ResponseWriter, r *http.Request, p *problem.Problem) {
	face := faceOf(p.Kind)
	out := document{
		Type: problemBase + string(p.Kind), Title: face.title, Status: face.status, Detail: p.Detail,
		Instance: RequestID(r.Context()),
	}
	for _, field := range p.Fields {
		out.Errors = append(out.Errors, wrong(field))
	}
	body, err := json.Marshal(out)
	if err != nil {
		body = nil // strings always marshal
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Language", "it")
	h.Set("Cache-Control", "no-store")
	if face.status == http.StatusServiceUnavailable || face.status == http.StatusTooManyRequests {
		h.Set("Retry-After", retryAfter)
	}
	w.WriteHeader(face.status)
	_, _ = w.Write(body)
}
