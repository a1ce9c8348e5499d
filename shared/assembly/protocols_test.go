package assembly

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sportello/shared/domain/application"
	"sportello/shared/domain/register"
	"sportello/shared/flow/external"
	"sportello/shared/platform/chamberprotocol"
)

func TestChamberProtocols(t *testing.T) {
	var asked chamberprotocol.Document
	status := http.StatusCreated
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer chiave" {
			t.Errorf("header: %v", r.Header)
		}
		if r.Method == http.MethodPost {
			if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
				t.Error(err)
			}
			w.WriteHeader(status)
			w.Write([]byte(`{"riferimento":"e1","numero":"0000012","anno":2026,"data":"2026-11-23","registro":"PG"}`))
			return
		}
		w.Write([]byte(`{"registrazioni":[{"riferimento":"e1","numero":"0000012","anno":2026,"data":"2026-11-23","registro":"PG"}]}`))
	}))
	defer server.Close()
	reads := 0
	p := &Protocols{clients: map[string]*chamberprotocol.Client{}, read: func(_ context.Context, names ...string) (map[string]string, error) {
		reads++
		return map[string]string{names[0]: `{"url":"` + server.URL + `","key":"chiave"}`}, nil
	}}
	number := application.External{Number: "0000012", Year: 2026, Date: "2026-11-23", Register: "PG"}
	given, err := p.Find(t.Context(), "varese", "e1")
	if diff := cmp.Diff([]application.External{number}, given); diff != "" || err != nil {
		t.Error(diff, err)
	}
	q := external.Question{
		Reference: "e1", Protocol: application.Protocol{Number: "0000007", Year: 2026, Date: "2026-11-23"},
		Entry: register.Entry{
			Direction: register.Out, Subject: "Esito", Document: register.Document{SHA256: "aa"}, PresentedAt: "2026-11-23T09:00:00.000Z",
			Senders: []register.Party{{Name: "Camera", TaxCode: "99000000077", Address: "a@b"}},
		},
	}
	got, err := p.Register(t.Context(), "varese", q)
	if got != number || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
	want := chamberprotocol.Document{
		Reference: "e1", Direction: "U", Subject: "Esito", Senders: []chamberprotocol.Party{{Name: "Camera", TaxCode: "99000000077"}},
		Recipients: []chamberprotocol.Party{}, Digest: "aa", Presented: "2026-11-23T09:00:00.000Z",
		Repertory: chamberprotocol.Repertory{Register: "PROT-VA", Number: "0000007", Date: "2026-11-23"},
	}
	if diff := cmp.Diff(want, asked); diff != "" || reads != 1 {
		t.Error(diff, reads)
	}
	status = http.StatusUnprocessableEntity
	if _, err = p.Register(t.Context(), "varese", q); !errors.Is(err, external.ErrRefused) {
		t.Errorf("refused: %v", err)
	}
}

func TestChamberProtocolWithoutParameter(t *testing.T) {
	missing := errors.New("missing")
	p := &Protocols{clients: map[string]*chamberprotocol.Client{}, read: func(context.Context, ...string) (map[string]string, error) { return nil, missing }}
	if _, err := p.Find(t.Context(), "varese", "e1"); !errors.Is(err, missing) {
		t.Errorf("%v", err)
	}
	p.read = func(_ context.Context, names ...string) (map[string]string, error) {
		return map[string]string{names[0]: "segreto"}, nil
	}
	if _, err := p.Register(t.Context(), "varese", external.Question{}); err == nil || err.Error() != "reading /protocol/varese: no JSON" {
		t.Errorf("%v", err)
	}
}
