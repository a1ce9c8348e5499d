package chamberprotocol

import (
	"crypto/subtle"
	"embed"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"

	"sportello/infra/local/outside/bearer"
	"sportello/infra/local/outside/page"
)

//go:embed pages/register.html
var pageFiles embed.FS

var registerPage = page.Parse(pageFiles, "pages/register.html")

// Routes adds the system's endpoints and its page.
func (s *System) Routes(mux *http.ServeMux) {
	mux.HandleFunc("POST /protocollo-camera/{chamber}/registrazioni", s.Calls.Handler(Service, s.guarded(s.create)))
	mux.HandleFunc("GET /protocollo-camera/{chamber}/registrazioni", s.Calls.Handler(Service, s.guarded(s.find)))
	mux.HandleFunc("GET /control/protocol", s.controlList)
	mux.HandleFunc("POST /control/protocol", s.controlNext)
	mux.HandleFunc("GET /protocollo", s.show)
	mux.HandleFunc("POST /protocollo", s.form)
}

func (s *System) guarded(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		key := s.keys[r.PathValue("chamber")]
		if key == "" || subtle.ConstantTimeCompare([]byte(bearer.Token(r)), []byte(key)) != 1 {
			refuse(w, http.StatusUnauthorized, "chiave della Camera errata")
			return
		}
		h(w, r)
	}
}

const maxBody = 1 << 20

var (
	referenceText = regexp.MustCompile(`^[!-~]{1,100}$`)
	digestText    = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

func (s *System) create(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Reference string `json:"riferimento"`
		Direction string `json:"flusso"`
		Subject   string `json:"oggetto"`
		Digest    string `json:"impronta"` // SHA-256, hexadecimal
		Repertory struct {
			Register string `json:"registro"`
			Number   string `json:"numero"`
			Date     string `json:"data"`
		} `json:"repertorio"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&in); err != nil {
		refuse(w, http.StatusBadRequest, "corpo non leggibile")
		return
	}
	key := r.Header.Get("Idempotency-Key")
	if !referenceText.MatchString(in.Reference) || in.Direction != "E" && in.Direction != "U" || in.Subject == "" ||
		!digestText.MatchString(in.Digest) || key != "" && !referenceText.MatchString(key) {
		refuse(w, http.StatusBadRequest, "servono riferimento, flusso (E o U), oggetto e impronta")
		return
	}
	made, fresh, err := s.Register(Registration{
		Chamber: r.PathValue("chamber"), Key: key, Reference: in.Reference, Direction: in.Direction, Subject: in.Subject, Digest: in.Digest,
		Repertory: in.Repertory.Register + " " + in.Repertory.Number + " del " + in.Repertory.Date,
	})
	switch {
	case errors.Is(err, ErrUnavailable):
		refuse(w, http.StatusServiceUnavailable, err.Error())
	case errors.Is(err, ErrLost):
		refuse(w, http.StatusBadGateway, err.Error())
	case errors.Is(err, ErrRefused):
		refuse(w, http.StatusUnprocessableEntity, err.Error())
	case errors.Is(err, ErrOther):
		refuse(w, http.StatusConflict, err.Error())
	case err != nil:
		s.Log.Error("chamber protocol", "err", err)
		refuse(w, http.StatusInternalServerError, "errore interno")
	case made.Number == 0:
		bearer.WriteJSON(w, http.StatusAccepted, map[string]string{"stato": "in lavorazione", "riferimento": made.Reference})
	case fresh:
		bearer.WriteJSON(w, http.StatusCreated, view(made))
	default:
		bearer.WriteJSON(w, http.StatusOK, view(made))
	}
}

func (s *System) find(w http.ResponseWriter, r *http.Request) {
	list := []map[string]any{}
	for _, one := range s.Find(r.PathValue("chamber"), r.URL.Query().Get("riferimento")) {
		list = append(list, view(one))
	}
	bearer.WriteJSON(w, http.StatusOK, map[string]any{"registrazioni": list})
}

func view(r Registration) map[string]any {
	return map[string]any{
		"riferimento": r.Reference, "numero": r.NumberText(), "anno": r.Year, "data": r.Date, "registro": "PG-" + r.Chamber,
	}
}

func (s *System) controlList(w http.ResponseWriter, _ *http.Request) {
	bearer.WriteJSON(w, http.StatusOK, map[string]any{"next": s.Next(), "items": s.All()})
}

// controlNext chooses what happens to the next registration, {next}, or numbers one by hand, {number: id}.
func (s *System) controlNext(w http.ResponseWriter, r *http.Request) {
	var in struct{ Next, Number string }
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&in); err != nil {
		refuse(w, http.StatusBadRequest, "corpo non leggibile")
		return
	}
	if err := s.steer(in.Next, in.Number); err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	s.controlList(w, r)
}

func (s *System) steer(next, number string) error {
	if number != "" {
		return s.Number(number)
	}
	return s.SetNext(next)
}

func (s *System) show(w http.ResponseWriter, _ *http.Request) {
	list := s.All()
	registerPage.Write(w, http.StatusOK, page.View{Title: "Protocolli delle Camere", Section: "protocollo", Data: map[string]any{
		"Next": s.Next(), "Outcomes": Outcomes(), "Items": list[:min(len(list), shown)], "Total": len(list), "Mode": s.Calls.Modes()[Service],
	}})
}

// shown is how many registrations the page lists.
const shown = 200

func (s *System) form(w http.ResponseWriter, r *http.Request) {
	if err := s.steer(r.FormValue("next"), r.FormValue("number")); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	http.Redirect(w, r, "/protocollo", http.StatusSeeOther)
}

func refuse(w http.ResponseWriter, status int, detail string) {
	bearer.WriteJSON(w, status, map[string]any{"title": http.StatusText(status), "status": status, "detail": detail})
}
