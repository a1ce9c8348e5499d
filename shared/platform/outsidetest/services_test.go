//go:build emulator

package outsidetest

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"testing"
	"time"

	"sportello/shared/domain/identity"
	"sportello/shared/domain/problem"
	"sportello/shared/platform/addresses"
	"sportello/shared/platform/companies"
	"sportello/shared/platform/infocamere"
	"sportello/shared/platform/jws/jwstest"
	"sportello/shared/platform/oidc"
	"sportello/shared/platform/provider"
)

const (
	giulia  identity.TaxCode = "RNLGLI79D52F205F" // represents two companies
	sofia   identity.TaxCode = "CNTSFO91L65A794B" // none, no address
	luca    identity.TaxCode = "MRNLCU85A30C933X"
	milan   identity.TaxCode = "09900000010"
	noPEC   identity.TaxCode = "09900000044"
	failing identity.TaxCode = "09900000051"
)

func TestCompanyRegister(t *testing.T) {
	w := start(t)
	client, err := companies.New(infocamere.Config{URL: w.HTTP + "/registro-imprese", ClientID: clientID, Signer: jwstest.New(t)})
	if err != nil {
		t.Fatal(err)
	}
	if list, err := client.Represented(t.Context(), giulia); err != nil || len(list) != 2 || list[0].Name == "" {
		t.Errorf("%v, %v", list, err)
	}
	if list, err := client.Represented(t.Context(), sofia); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
	for person, want := range map[identity.TaxCode]bool{giulia: true, sofia: false} {
		if yes, err := client.Represents(t.Context(), person, milan); yes != want || err != nil {
			t.Errorf("%v, %v", yes, err)
		}
	}
	if _, err := client.Represents(t.Context(), luca, failing); !errors.Is(err, companies.ErrUnavailable) {
		t.Errorf("%v", err)
	}
	if seat, err := client.Seat(t.Context(), milan); err != nil || seat.Name == "" || seat.Province == "" || seat.PostalCode == "" {
		t.Errorf("%+v, %v", seat, err)
	}
	if _, err := client.Seat(t.Context(), "12345678903"); !errors.Is(err, companies.ErrUnknown) {
		t.Errorf("%v", err)
	}
}

func TestAddressLists(t *testing.T) {
	w := start(t)
	book, err := addresses.New(addresses.Config{
		INIPECURL: w.HTTP + "/inipec", INADURL: w.HTTP + "/inad", PDNDURL: w.HTTP + "/pdnd", Signer: jwstest.New(t),
		ClientID: clientID, PDNDClientID: clientID, PurposeID: "inad",
	})
	if err != nil {
		t.Fatal(err)
	}
	for code, want := range map[identity.TaxCode]bool{milan: true, noPEC: false} {
		q := addresses.Query{TaxCode: code, Kind: identity.KindCompany}
		var answer addresses.Answer
		polls := 0
		eventually(t, "INI-PEC", func() bool {
			if answer, err = book.Certified(t.Context(), q); err != nil {
				t.Fatal(err)
			}
			q.Ticket = answer.Ticket
			polls++
			return !answer.Pending
		})
		if (answer.Address != "") != want || polls < 2 {
			t.Errorf("%s: %+v after %d calls", code, answer, polls)
		}
	}
	for code, want := range map[identity.TaxCode]string{giulia: "giulia.rinaldi@pec.example.it", sofia: ""} {
		answer, err := book.Certified(t.Context(), addresses.Query{TaxCode: code, Kind: identity.KindPerson, Reference: "0000042/2026"})
		if err != nil || answer.Address != want {
			t.Errorf("%+v, %v", answer, err)
		}
	}
}

func TestIdentityProviders(t *testing.T) {
	w := start(t)
	for _, name := range []string{"spid", "cie"} {
		p, err := oidc.New(oidc.Config{
			Issuer: w.HTTP + "/" + name, ClientID: clientID, RedirectURL: "http://accesso.localhost:8080/api/v1/login/callback", Signer: jwstest.New(t),
		})
		if err != nil {
			t.Fatal(err)
		}
		for outcome, want := range map[string]func(oidc.Login, error) bool{
			"ok":               func(l oidc.Login, err error) bool { return err == nil && l.Person.TaxCode == giulia && l.Level == 2 },
			"cancel":           func(_ oidc.Login, err error) bool { return errors.Is(err, oidc.ErrCancelled) },
			"wrong-nonce":      func(_ oidc.Login, err error) bool { return errors.Is(err, oidc.ErrForged) },
			"wrong-state":      func(_ oidc.Login, err error) bool { return errors.Is(err, oidc.ErrForged) },
			"wrong-signature":  func(_ oidc.Login, err error) bool { return errors.Is(err, oidc.ErrForged) },
			"expired":          func(_ oidc.Login, err error) bool { return errors.Is(err, oidc.ErrForged) },
			"level1":           func(l oidc.Login, err error) bool { return errors.Is(err, oidc.ErrLevel) && l.Level == 1 },
			"no-fiscal-number": func(_ oidc.Login, err error) bool { return errors.Is(err, identity.ErrMissingClaim) },
		} {
			attempt, err := p.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			login, err := p.Finish(t.Context(), attempt, authorize(t, attempt.URL, outcome))
			if !want(login, err) {
				t.Errorf("%s, %s: %+v, %v", name, outcome, login, err)
			}
		}
	}
	p, err := oidc.New(oidc.Config{Issuer: "http://127.0.0.1:1/spid", ClientID: clientID, RedirectURL: "http://x", Signer: jwstest.New(t)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Begin(t.Context()); !problem.Is(err, problem.Unavailable) {
		t.Errorf("%v", err)
	}
}

// authorize plays a persona's browser at the provider.
func authorize(t *testing.T, address, outcome string) url.Values {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	form := u.Query()
	form.Set("persona", "giulia")
	form.Set("outcome", outcome)
	u.RawQuery = ""
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.PostForm(u.String(), form)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	back, err := resp.Location()
	if err != nil {
		t.Fatalf("%s: status %d, %v", outcome, resp.StatusCode, err)
	}
	return back.Query()
}

func TestPreservation(t *testing.T) {
	w := start(t)
	var account struct{ User, Password string }
	if err := json.Unmarshal(w.file(t, "preservation.json"), &account); err != nil {
		t.Fatal(err)
	}
	client, err := provider.New(provider.Config{URL: w.HTTP + "/conservazione", User: account.User, Password: account.Password})
	if err != nil {
		t.Fatal(err)
	}
	trust, err := provider.NewTrust(w.file(t, "preservation-ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	zip := append([]byte("PK\x05\x06"), make([]byte, 18)...) // an empty archive
	if got, err := client.Receipt(t.Context(), "app-1"); err != nil || got.State != provider.Unknown {
		t.Errorf("%+v, %v", got, err)
	}
	for range 2 {
		if err := client.Deposit(t.Context(), "app-1", zip); err != nil {
			t.Fatal(err)
		}
	}
	if err := client.Deposit(t.Context(), "app-1", append(zip, 0)); !errors.Is(err, provider.ErrConflict) {
		t.Errorf("other bytes: %v", err)
	}
	var got provider.Receipt
	eventually(t, "the receipt", func() bool {
		if got, err = client.Receipt(t.Context(), "app-1"); err != nil {
			t.Fatal(err)
		}
		return got.State == provider.Preserved
	})
	report, err := trust.Verify(got.P7M, "app-1", sha256.Sum256(zip), time.Now())
	if err != nil || report.Package != "app-1" || time.Since(report.At) > time.Hour {
		t.Errorf("%+v, %v", report, err)
	}
	if _, err := trust.Verify(got.P7M, "app-1", sha256.Sum256(append(zip, 0)), time.Now()); !errors.Is(err, provider.ErrReceipt) {
		t.Errorf("another package: %v", err)
	}
}
