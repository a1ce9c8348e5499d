package chamberprotocol

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/shared/platform/partner"
)

// office is a small protocol system: it answers as it is told, and keeps what it was asked.
type office struct {
	status  int
	body    string
	request *http.Request
	asked   []byte
}

func open(t *testing.T, timeout time.Duration) (*office, *Client) {
	o := &office{status: http.StatusOK}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.request = r
		o.asked, _ = io.ReadAll(r.Body)
		if o.status == 0 {
			<-r.Context().Done()
			return
		}
		w.WriteHeader(o.status)
		fmt.Fprint(w, o.body)
	}))
	t.Cleanup(server.Close)
	c, err := New(Config{URL: server.URL + "/camera/", Key: "chiave", Timeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	return o, c
}

const given = `{"riferimento":"e1","numero":"0000012","anno":2026,"data":"2026-11-23","registro":"PG-varese"}`

var number = Number{"0000012", 2026, "2026-11-23", "PG-varese"}

func TestRegister(t *testing.T) {
	o, c := open(t, 0)
	o.body = given
	d := Document{
		Reference: "e1", Direction: "E", Subject: "Istanza", Digest: "aa", Presented: "2026-11-23T10:00:00.000Z", Classification: "1.2",
		Senders: []Party{{"Giulia Rinaldi", "RNLGLI79D52F205F"}}, Recipients: []Party{}, Repertory: Repertory{"PROT-VA", "0000007", "2026-11-23"},
	}
	for _, o.status = range []int{http.StatusCreated, http.StatusOK} {
		got, err := c.Register(t.Context(), d)
		if diff := cmp.Diff(number, got); diff != "" || err != nil {
			t.Error(diff, err)
		}
	}
	var asked Document
	if err := json.Unmarshal(o.asked, &asked); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(d, asked); diff != "" || o.request.URL.Path != "/camera/registrazioni" {
		t.Error(o.request.URL.Path, diff)
	}
	if o.request.Header.Get("Authorization") != "Bearer chiave" || o.request.Header.Get("Idempotency-Key") != "e1" {
		t.Errorf("header: %v", o.request.Header)
	}
}

func TestRegisterErrors(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		body   string
		want   error
	}{
		"down":             {503, "", ErrUnavailable},
		"not numbered yet": {202, `{"stato":"in lavorazione"}`, ErrUnavailable},
		"silent":           {0, "", ErrUnavailable},
		"refused":          {422, "{}", ErrRefused},
		"another document": {409, "{}", ErrRefused},
		"wrong key":        {401, "{}", partner.ErrAnswer},
		"no JSON":          {201, "ok", partner.ErrAnswer},
		"no number":        {201, `{}`, partner.ErrAnswer},
		"markup":           {201, strings.Replace(given, "0000012", "<b>1</b>", 1), partner.ErrAnswer},
		"an empty number":  {201, strings.Replace(given, "0000012", "", 1), partner.ErrAnswer},
		"a page":           {200, "<html><body>Accesso</body></html>", partner.ErrAnswer},
		"another year":     {201, strings.Replace(given, "2026,", "2025,", 1), partner.ErrAnswer},
		"another's number": {201, strings.Replace(given, "e1", "e2", 1), partner.ErrAnswer},
		"nobody's number":  {201, strings.Replace(given, `"riferimento":"e1",`, "", 1), partner.ErrAnswer},
		"a long number":    {201, strings.Replace(given, "0000012", strings.Repeat("1", 10<<10), 1), partner.ErrAnswer},
		"no end":           {201, strings.Repeat(" ", 2<<20), partner.ErrAnswer},
	} {
		o, c := open(t, 100*time.Millisecond)
		o.status, o.body = tt.status, tt.body
		if n, err := c.Register(t.Context(), Document{Reference: "e1"}); !errors.Is(err, tt.want) {
			t.Errorf("%s: %+v, %v", name, n, err)
		}
	}
}

func TestFind(t *testing.T) {
	o, c := open(t, 0)
	for body, want := range map[string][]Number{
		`{"registrazioni":[]}`: {}, `{"registrazioni":[` + given + `]}`: {number}, `{"registrazioni":[` + given + `,` + given + `]}`: {number, number},
	} {
		o.body = strings.ReplaceAll(body, "e1", "e 1")
		got, err := c.Find(t.Context(), "e 1")
		if diff := cmp.Diff(want, got); diff != "" || err != nil || o.request.URL.Query().Get("riferimento") != "e 1" {
			t.Error(diff, err)
		}
	}
	for _, o.body = range []string{"", `{"registrazioni":[{}]}`, `{"registrazioni":[` + given + `,` + strings.Replace(given, "e1", "e2", 1) + `]}`} {
		if _, err := c.Find(t.Context(), "e1"); !errors.Is(err, partner.ErrAnswer) {
			t.Errorf("%q: %v", o.body, err)
		}
	}
	o.status = http.StatusNotFound
	if _, err := c.Find(t.Context(), "e1"); !errors.Is(err, partner.ErrAnswer) {
		t.Errorf("not there: %v", err)
	}
	o.status = http.StatusBadGateway
	if _, err := c.Find(t.Context(), "e1"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("down: %v", err)
	}
}

func TestNewNeedsAddressAndKey(t *testing.T) {
	for _, c := range []Config{{}, {URL: "https://x.example.it"}, {Key: "k"}, {URL: "senza schema", Key: "k"}} {
		if _, err := New(c); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
}
