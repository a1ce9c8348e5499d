package companies

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sportello/shared/domain/identity"
	"sportello/shared/platform/infocamere"
	"sportello/shared/platform/infocamere/infocameretest"
	"sportello/shared/platform/jws/jwstest"
	"sportello/shared/platform/partner"
)

const (
	mario  identity.TaxCode = "RSSMRA80A01H501U"
	nobody identity.TaxCode = "VRDLGU75M45F205E"
	acme   identity.TaxCode = "02313821007"
	beta   identity.TaxCode = "12345678903"
)

// register is a small Registro Imprese. Some people make it answer as it does on its worst days.
func register(t *testing.T) *Client {
	server := infocameretest.New(t)
	server.Handle("GET /listaLegaleRappresentante/{cf}", func(w http.ResponseWriter, r *http.Request) {
		switch identity.TaxCode(r.PathValue("cf")) {
		case mario:
			w.Write([]byte(`{"dataOraEstrazione":"x","cfPersona":"RSSMRA80A01H501U","elencoImpreseRappresentate":[
				{"cfImpresa":"02313821007","denominazione":" Acme S.r.l. "},{"cfImpresa":"77777777777","denominazione":"Codice errato"}]}`))
		case nobody:
			w.Write([]byte(`{"dataOraEstrazione":"x","cfPersona":"x","elencoImpreseRappresentate":[]}`))
		case "BNCGNN02P24F205T":
			w.WriteHeader(404)
			w.Write([]byte(`{"code":"WSRI_ERR_04","description":"Persona BNCGNN02P24F205T non trovata"}`))
		case "MRTMTT25D09F205Z":
			w.Write([]byte(`{"code":"WSRI_ERR_01","description":"errore su MRTMTT25D09F205Z"}`)) // an error with status 200
		default:
			w.WriteHeader(503)
		}
	})
	server.Handle("GET /legaleRappresentante/{cf}", func(w http.ResponseWriter, r *http.Request) {
		verdict := "KO"
		switch {
		case r.URL.Query().Get("cfImpresa") == string(beta):
			verdict = "FORSE"
		case identity.TaxCode(r.PathValue("cf")) == mario && r.URL.Query().Get("cfImpresa") == string(acme):
			verdict = "OK"
		}
		json.NewEncoder(w).Encode(map[string]string{"esitoVerifica": verdict})
	})
	server.Handle("POST /sede/{cf}", func(w http.ResponseWriter, r *http.Request) {
		if identity.TaxCode(r.PathValue("cf")) != acme {
			w.WriteHeader(404)
			w.Write([]byte(`{"code":"404","description":"Servizio non trovato"}`))
			return
		}
		w.Write([]byte(`{"cf":"02313821007","indirizzoLocalizzazione":{"denominazione":"Acme S.r.l.","toponimo":"VIA","via":"MERAVIGLI",
			"nCivico":"9/B","comune":"MILANO","provincia":"MI","cap":"20123"}}`))
	})
	client, err := New(infocamere.Config{URL: server.URL, ClientID: infocameretest.ClientID, Signer: jwstest.New(t)})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestRepresented(t *testing.T) {
	c := register(t)
	got, err := c.Represented(t.Context(), mario)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Company{{acme, "Acme S.r.l."}}, got); diff != "" {
		t.Error(diff)
	}
	for _, person := range []identity.TaxCode{nobody, "BNCGNN02P24F205T"} {
		if got, err := c.Represented(t.Context(), person); err != nil || len(got) != 0 {
			t.Errorf("%v, %v", got, err)
		}
	}
	for person, want := range map[identity.TaxCode]error{"MRTMTT25D09F205Z": partner.ErrAnswer, "RSSMRA80A01H50MM": ErrUnavailable} {
		_, err := c.Represented(t.Context(), person)
		if !errors.Is(err, want) || strings.Contains(err.Error(), string(person)) {
			t.Errorf("%v, want %v without the tax code", err, want)
		}
	}
}

func TestRepresents(t *testing.T) {
	c := register(t)
	for _, x := range []struct {
		person, company identity.TaxCode
		want            bool
		err             error
	}{{mario, acme, true, nil}, {nobody, acme, false, nil}, {mario, beta, false, partner.ErrAnswer}} {
		if got, err := c.Represents(t.Context(), x.person, x.company); got != x.want || !errors.Is(err, x.err) {
			t.Errorf("%v: %v, %v", x, got, err)
		}
	}
}

func TestSeat(t *testing.T) {
	c := register(t)
	got, err := c.Seat(t.Context(), acme)
	want := Seat{TaxCode: acme, Name: "Acme S.r.l.", Street: "VIA MERAVIGLI 9/B", PostalCode: "20123", Municipality: "MILANO", Province: "MI"}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if _, err := c.Seat(t.Context(), beta); !errors.Is(err, ErrUnknown) {
		t.Errorf("%v", err)
	}
}
