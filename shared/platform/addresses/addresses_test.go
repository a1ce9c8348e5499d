package addresses

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"sportello/shared/domain/identity"
	"sportello/shared/platform/infocamere/infocameretest"
	"sportello/shared/platform/jws"
	"sportello/shared/platform/jws/jwstest"
	"sportello/shared/platform/partner"
)

const (
	mario identity.TaxCode = "RSSMRA80A01H501U"
	acme  identity.TaxCode = "02313821007"
	beta  identity.TaxCode = "12345678903"

	pdndClient = "5a1d0f5e-pdnd"
)

// world plays INI-PEC, INAD and PDND.
type world struct {
	t    *testing.T
	book *Book
	now  time.Time

	mu       sync.Mutex
	requests map[string]string // INI-PEC request -> tax code
	polls    map[string]int
	slow     int // polls before an answer is ready
	vouchers map[string]bool
	given    int
	inad     map[string]string // tax code asked -> answer
	down     map[string]bool
}

func newWorld(t *testing.T) *world {
	w := &world{
		t: t, now: time.Now(), requests: map[string]string{}, polls: map[string]int{}, slow: 1, vouchers: map[string]bool{}, inad: map[string]string{},
		down: map[string]bool{},
	}
	lists := infocameretest.New(t)
	lists.Handle("POST /richiestaElencoPec", w.request)
	lists.Handle("GET /getElencoPec/{id}", w.list)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /pdnd/token.oauth2", w.token)
	mux.HandleFunc("GET /inad/extract/{cf}", w.extract)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	w.book = w.open(lists.URL, server.URL)
	return w
}

func (w *world) open(lists, rest string) *Book {
	w.t.Helper()
	book, err := New(Config{
		INIPECURL: lists, INADURL: rest + "/inad/", PDNDURL: rest + "/pdnd", ClientID: infocameretest.ClientID, Signer: jwstest.New(w.t),
		PDNDClientID: pdndClient, PurposeID: "purpose", Now: func() time.Time { return w.now }, Timeout: time.Second,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return book
}

func (w *world) request(rw http.ResponseWriter, r *http.Request) {
	var in struct {
		Codes []struct{ CF string } `json:"elencoCf"`
		At    string                `json:"dataOraRichiesta"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || len(in.Codes) != 1 || in.At == "" {
		w.t.Errorf("request: %+v, %v", in, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	id := jws.ID()
	w.requests[id] = in.Codes[0].CF
	json.NewEncoder(rw).Encode(map[string]string{"dataOraRichiesta": in.At, "identificativoRichiesta": id})
}

func (w *world) list(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	id := r.PathValue("id")
	code, ok := w.requests[id]
	w.polls[id]++
	switch {
	case !ok:
		rw.WriteHeader(404)
		rw.Write([]byte(`{"code":"404","description":"Richiesta sconosciuta"}`))
	case w.polls[id] <= w.slow:
		rw.WriteHeader(404)
		rw.Write([]byte(`{"code":"WSPA_ERR_05","description":"List PEC in progress"}`))
	case code == string(acme):
		rw.Write([]byte(`{"elencoPec":[{"cf":"99999999999","pecImpresa":"altra@pec.it"},{"cf":"02313821007","pecImpresa":" acme@pec.it ","pecProfessionista":[]}]}`))
	default:
		rw.Write([]byte(`{"elencoPec":[]}`))
	}
}

func (w *world) token(rw http.ResponseWriter, r *http.Request) {
	assertion, err := jose.ParseSignedCompact(r.FormValue("client_assertion"), []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		rw.WriteHeader(400)
		return
	}
	payload, err := assertion.Verify(&jwstest.New(w.t).PublicKey)
	var claims struct{ Iss, Sub, Aud, Jti, PurposeID string }
	if err != nil || json.Unmarshal(payload, &claims) != nil || claims.Iss != pdndClient || r.FormValue("client_id") != pdndClient || claims.PurposeID != "purpose" ||
		!strings.HasSuffix(claims.Aud, "/pdnd") || r.FormValue("grant_type") != "client_credentials" || r.FormValue("client_assertion_type") != clientAssertion {
		rw.WriteHeader(400)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.given++
	token := jws.ID()
	w.vouchers["Bearer "+token] = true
	json.NewEncoder(rw).Encode(map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": 600})
}

func (w *world) extract(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	answer, ok := w.inad[r.PathValue("cf")]
	switch {
	case w.down["inad"]:
		rw.WriteHeader(503)
	case !w.vouchers[r.Header.Get("Authorization")]:
		rw.WriteHeader(401)
	case r.URL.Query().Get("practicalReference") == "":
		rw.WriteHeader(400)
	case !ok:
		rw.WriteHeader(404)
		rw.Write([]byte(`{"status":404,"detail":"CF non trovato"}`))
	default:
		rw.Write([]byte(answer))
	}
}

func (w *world) ask(q Query) Answer {
	w.t.Helper()
	if q.Reference == "" {
		q.Reference = "0000042/2026"
	}
	answer, err := w.book.Certified(w.t.Context(), q)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer
}

func TestCompany(t *testing.T) {
	w := newWorld(t)
	q := Query{TaxCode: acme, Kind: identity.KindCompany}
	first := w.ask(q)
	if !first.Pending || first.Ticket == "" || first.Address != "" {
		t.Fatalf("first answer %+v", first)
	}
	q.Ticket = first.Ticket
	second := w.ask(q)
	if !second.Pending || second.Ticket != first.Ticket {
		t.Fatalf("second answer %+v", second)
	}
	// Another process, which knows only the ticket.
	w.book.inipec.tickets = map[identity.TaxCode]string{}
	if diff := cmp.Diff(Answer{Address: "acme@pec.it", Source: INIPEC}, w.ask(q)); diff != "" {
		t.Error(diff)
	}
	if len(w.requests) != 1 {
		t.Errorf("%d requests for one question", len(w.requests))
	}
	other := Query{TaxCode: acme, Kind: identity.KindCompany, Except: []string{"ACME@pec.it"}}
	for other.Ticket = w.ask(other).Ticket; ; {
		if got := w.ask(other); !got.Pending {
			if got.Address != "" {
				t.Errorf("the only address, which is not wanted: %+v", got)
			}
			break
		}
	}
}

func TestCompanyWithoutTickets(t *testing.T) {
	w := newWorld(t)
	q := Query{TaxCode: beta, Kind: identity.KindCompany}
	w.ask(q)
	w.ask(q)
	if got := w.ask(q); got.Pending || got.Address != "" {
		t.Errorf("a company without an address: %+v", got)
	}
	if len(w.requests) != 1 {
		t.Errorf("%d requests for one question of one process", len(w.requests))
	}
	if got := w.ask(q); !got.Pending || len(w.requests) != 2 {
		t.Errorf("asked again later: %+v, %d requests", got, len(w.requests))
	}
}

func TestLostRequestIsLeftAgain(t *testing.T) {
	w := newWorld(t)
	q := Query{TaxCode: acme, Kind: identity.KindCompany}
	lost := w.ask(q)
	clear(w.requests)
	q.Ticket = lost.Ticket
	again := w.ask(q)
	if !again.Pending || again.Ticket == lost.Ticket {
		t.Errorf("unknown to INI-PEC: %+v", again)
	}
	w.slow = 1000
	q.Ticket = again.Ticket
	w.now = w.now.Add(ticketLife + time.Minute)
	if late := w.ask(q); !late.Pending || late.Ticket == again.Ticket {
		t.Errorf("never ready: %+v", late)
	}
	q.Ticket = "garbage"
	w.book.inipec.tickets = map[identity.TaxCode]string{}
	if got := w.ask(q); !got.Pending {
		t.Errorf("a ticket that is none: %+v", got)
	}
}

func TestPerson(t *testing.T) {
	w := newWorld(t)
	entry := func(cf, addresses string) string {
		return `{"codiceFiscale":"` + cf + `","since":"x","digitalAddress":[` + addresses + `]}`
	}
	today := w.now.Format(time.DateOnly)
	for name, c := range map[string]struct {
		addresses, want string
	}{
		"one":              {`{"digitalAddress":"mario@pec.it"}`, "mario@pec.it"},
		"none":             {``, ""},
		"profession after": {`{"digitalAddress":"studio@pec.it","practicedProfession":"Avvocato"},{"digitalAddress":"mario@pec.it"}`, "mario@pec.it"},
		"profession only":  {`{"digitalAddress":"studio@pec.it","practicedProfession":"Avvocato"}`, "studio@pec.it"},
		"ended":            {`{"digitalAddress":"mario@pec.it","usageInfo":{"motivation":"CESSAZIONE_VOLONTARIA","dateEndValidity":"` + today + `"}}`, ""},
		"ends later":       {`{"digitalAddress":"mario@pec.it","usageInfo":{"dateEndValidity":"` + w.now.AddDate(0, 1, 0).Format(time.RFC3339) + `"}}`, "mario@pec.it"},
		"end unreadable":   {`{"digitalAddress":"mario@pec.it","usageInfo":{"dateEndValidity":"domani"}}`, ""},
	} {
		w.inad[string(mario)] = entry(string(mario), c.addresses)
		if got := w.ask(Query{TaxCode: mario, Kind: identity.KindPerson}); got.Address != c.want || got.Pending || got.Source != INAD {
			t.Errorf("%s: %+v, want %q", name, got, c.want)
		}
	}
	w.inad[string(mario)] = entry(string(mario), `{"digitalAddress":"studio@pec.it","practicedProfession":"Avvocato"},{"digitalAddress":"mario@pec.it"}`)
	for _, c := range []struct {
		except []string
		want   string
	}{{[]string{"altro@pec.it"}, "mario@pec.it"}, {[]string{"Mario@pec.it"}, "studio@pec.it"}, {[]string{"mario@pec.it", "studio@pec.it"}, ""}} {
		if got := w.ask(Query{TaxCode: mario, Kind: identity.KindPerson, Except: c.except}); got.Address != c.want {
			t.Errorf("not at %v: %+v, want %q", c.except, got, c.want)
		}
	}
	if w.given != 1 {
		t.Errorf("%d vouchers for ten questions", w.given)
	}
	delete(w.inad, string(mario))
	if got := w.ask(Query{TaxCode: mario, Kind: identity.KindPerson}); got.Address != "" || got.Pending {
		t.Errorf("not in INAD: %+v", got)
	}
	clear(w.vouchers)
	w.ask(Query{TaxCode: mario, Kind: identity.KindPerson})
	if w.given != 2 {
		t.Errorf("a revoked voucher: %d given", w.given)
	}
}

// Omocodia: the plain code is somebody else's. INAD is asked with it, and the answer is used only if it names our person.
func TestOmocodiaNeverReachesTheOther(t *testing.T) {
	w := newWorld(t)
	const other identity.TaxCode = "RSSMRA80A01H50MM"
	w.inad[string(mario)] = `{"codiceFiscale":"RSSMRA80A01H501U","digitalAddress":[{"digitalAddress":"mario@pec.it"}]}`
	if got := w.ask(Query{TaxCode: other, Kind: identity.KindPerson}); got.Address != "" {
		t.Errorf("another person's address: %+v", got)
	}
	w.inad[string(mario)] = `{"codiceFiscale":"RSSMRA80A01H50MM","digitalAddress":[{"digitalAddress":"altro.mario@pec.it"}]}`
	if got := w.ask(Query{TaxCode: other, Kind: identity.KindPerson}); got.Address != "altro.mario@pec.it" {
		t.Errorf("their own address: %+v", got)
	}
}

func TestForeign(t *testing.T) {
	w := newWorld(t)
	if got := w.ask(Query{Kind: identity.KindPerson}); got.Address != "" || w.given != 0 {
		t.Errorf("a person of another state: %+v", got)
	}
}

func TestErrors(t *testing.T) {
	w := newWorld(t)
	w.down["inad"] = true
	_, err := w.book.Certified(t.Context(), Query{TaxCode: mario, Kind: identity.KindPerson, Reference: "x"})
	if !errors.Is(err, ErrUnavailable) || strings.Contains(err.Error(), string(mario)) {
		t.Errorf("INAD down: %v", err)
	}
	w.down["inad"] = false
	w.inad[string(mario)] = "<html>"
	if _, err := w.book.Certified(t.Context(), Query{TaxCode: mario, Kind: identity.KindPerson, Reference: "x"}); !errors.Is(err, partner.ErrAnswer) {
		t.Errorf("garbage: %v", err)
	}
	if _, err := w.book.Certified(t.Context(), Query{TaxCode: mario, Kind: identity.KindPerson}); err == nil {
		t.Error("INAD asked without a reference")
	}
	if _, err := w.book.Certified(t.Context(), Query{TaxCode: mario, Kind: "other"}); err == nil {
		t.Error("unknown kind")
	}
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	book := w.open(gone.URL, gone.URL)
	for _, q := range []Query{{TaxCode: acme, Kind: identity.KindCompany}, {TaxCode: mario, Kind: identity.KindPerson, Reference: "x"}} {
		if _, err := book.Certified(t.Context(), q); !errors.Is(err, ErrUnavailable) {
			t.Errorf("nobody there: %v", err)
		}
	}
}
