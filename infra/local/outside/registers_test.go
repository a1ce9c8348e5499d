package outside

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/go-cmp/cmp"
)

func (w *world) infocamere(at string) http.Header {
	w.t.Helper()
	jws := w.assertion(w.base+at, func(c map[string]any) { c["scope"] = "prova" })
	resp, body := w.do("POST", at+"/authentication?client_id="+clientID, http.Header{"Content-Type": {"application/json"}}, strings.NewReader(`"`+jws+`"`))
	wantStatus(w.t, resp, body, http.StatusOK)
	var token string
	decode(w.t, body, &token)
	return http.Header{"Authorization": {"Bearer " + token}, "Scope": {"prova"}}
}

func TestRegistroImprese(t *testing.T) {
	w := start(t)
	header := w.infocamere("/registro-imprese")
	resp, body := w.do("GET", "/registro-imprese/listaLegaleRappresentante/RNLGLI79D52F205F", header, nil)
	wantStatus(t, resp, body, http.StatusOK)
	var list struct {
		Person    string `json:"cfPersona"`
		Companies []struct {
			Code string `json:"cfImpresa"`
			Name string `json:"denominazione"`
		} `json:"elencoImpreseRappresentate"`
	}
	decode(t, body, &list)
	if len(list.Companies) != 2 || list.Companies[0].Code != "09900000010" || list.Person != "RNLGLI79D52F205F" {
		t.Errorf("represented: %+v", list)
	}
	for company, want := range map[string]string{"09900000010": "OK", "09900000036": "KO", "02313821007": "KO"} {
		_, body := w.do("GET", "/registro-imprese/legaleRappresentante/RNLGLI79D52F205F?cfImpresa="+company, header, nil)
		var got struct {
			Verdict string `json:"esitoVerifica"`
		}
		decode(t, body, &got)
		if got.Verdict != want {
			t.Errorf("%s: %q, want %q", company, got.Verdict, want)
		}
	}
	resp, body = w.do("POST", "/registro-imprese/sede/09900000010", header, nil)
	wantStatus(t, resp, body, http.StatusOK)
	if !strings.Contains(string(body), "DELLE ROGGE FINTE") {
		t.Errorf("seat: %s", body)
	}
	for path, want := range map[string]int{
		"/registro-imprese/listaLegaleRappresentante/CNTSFO91L65A794B":                        http.StatusOK,
		"/registro-imprese/listaLegaleRappresentante/CNTSFO91L65A794X":                        http.StatusBadRequest,
		"/registro-imprese/legaleRappresentante/MRNLCU85A30C933X?cfImpresa=09900000051":       http.StatusServiceUnavailable,
		"/registro-imprese/legaleRappresentante/MRNLCU85A30C933X?cfImpresa=1":                 http.StatusBadRequest,
		"/registro-imprese/legaleRappresentante/MRNLCU85A30C933X?cfImpresa=09900000044&x=%20": http.StatusOK,
	} {
		resp, body := w.do("GET", path, header, nil)
		if resp.StatusCode != want {
			t.Errorf("%s: %d %s, want %d", path, resp.StatusCode, body, want)
		}
	}
	resp, body = w.do("POST", "/registro-imprese/sede/02313821007", header, nil)
	wantStatus(t, resp, body, http.StatusNotFound)
}

func TestInfoCamereBearer(t *testing.T) {
	w := start(t)
	path := "/registro-imprese/listaLegaleRappresentante/RNLGLI79D52F205F"
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	claims := map[string]any{"iss": clientID, "sub": clientID, "aud": w.base + "/registro-imprese", "jti": "1", "exp": time.Now().Add(time.Minute).Unix()}
	cases := map[string]struct {
		token string
		want  int
	}{
		"own JWS":                   {w.assertion(w.base+"/registro-imprese", nil), http.StatusOK},
		"own JWS with certificate":  {w.certified(w.key, w.key, claims), http.StatusOK},
		"certificate of other key":  {w.certified(w.key, other, claims), http.StatusUnauthorized},
		"other key":                 {signed(t, other, claims), http.StatusUnauthorized},
		"other audience":            {w.assertion("http://altrove.example", nil), http.StatusUnauthorized},
		"nothing":                   {"", http.StatusUnauthorized},
		"a PDND voucher is not one": {w.voucher(), http.StatusUnauthorized},
	}
	for name, c := range cases {
		resp, body := w.do("GET", path, http.Header{"Authorization": {"Bearer " + c.token}, "Scope": {"x"}}, nil)
		if resp.StatusCode != c.want {
			t.Errorf("%s: %d %s, want %d", name, resp.StatusCode, body, c.want)
		}
	}
	header := w.infocamere("/inipec")
	header.Del("Scope")
	resp, body := w.do("GET", path, header, nil)
	wantStatus(t, resp, body, http.StatusBadRequest)
}

// certified is a JWS signed by a key, whose x5c carries a certificate of another.
func (w *world) certified(key, inCertificate *rsa.PrivateKey, claims map[string]any) string {
	w.t.Helper()
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "x"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, inCertificate.Public(), inCertificate)
	if err != nil {
		w.t.Fatal(err)
	}
	opts := (&jose.SignerOptions{}).WithType("JWT").WithHeader("x5c", []string{base64.StdEncoding.EncodeToString(der)})
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, opts)
	if err != nil {
		w.t.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		w.t.Fatal(err)
	}
	return token
}

func TestINIPECIsAsynchronous(t *testing.T) {
	w := start(t)
	header := w.infocamere("/inipec")
	ask := `{"elencoCf":[{"cf":"09900000010"},{"cf":"09900000044"},{"cf":"02313821007"}],"dataOraRichiesta":"2026-01-01T00:00:00Z"}`
	resp, body := w.do("POST", "/inipec/richiestaElencoPec", header, strings.NewReader(ask))
	wantStatus(t, resp, body, http.StatusOK)
	var batch struct {
		ID string `json:"identificativoRichiesta"`
	}
	decode(t, body, &batch)
	resp, body = w.do("GET", "/inipec/getElencoPec/"+batch.ID, header, nil)
	if resp.StatusCode != http.StatusNotFound || !strings.Contains(string(body), "WSPA_ERR_05") {
		t.Errorf("first poll: %d %s", resp.StatusCode, body)
	}
	w.stop()
	again := startIn(t, w.data)
	header = again.infocamere("/inipec")
	resp, body = again.do("GET", "/inipec/getElencoPec/"+batch.ID, header, nil)
	wantStatus(t, resp, body, http.StatusOK)
	var got struct {
		List []struct {
			Code string `json:"cf"`
			PEC  string `json:"pecImpresa"`
		} `json:"elencoPec"`
	}
	decode(t, body, &got)
	if len(got.List) != 2 || got.List[0].PEC != "officine.rinaldi@pec.example.it" || got.List[1].PEC != "" {
		t.Errorf("list: %+v", got.List)
	}
	for _, bad := range []string{"", "{}", `{"elencoCf":[]}`, `"x"`} {
		resp, _ := again.do("POST", "/inipec/richiestaElencoPec", header, strings.NewReader(bad))
		if resp.StatusCode != http.StatusBadRequest {
			t.Errorf("body %q: %d", bad, resp.StatusCode)
		}
	}
	text, err := json.Marshal(ask)
	if err != nil {
		t.Fatal(err)
	}
	resp, body = again.do("POST", "/inipec/richiestaElencoPec", header, strings.NewReader(string(text)))
	wantStatus(t, resp, body, http.StatusOK)
}

func (w *world) voucher() string {
	w.t.Helper()
	resp, body := w.form("/pdnd/token.oauth2", w.pdndForm(w.assertion(w.base+"/pdnd", func(c map[string]any) { c["purposeId"] = "p-1" })))
	wantStatus(w.t, resp, body, http.StatusOK)
	var got struct {
		Token   string `json:"access_token"`
		Type    string `json:"token_type"`
		Expires int    `json:"expires_in"`
	}
	decode(w.t, body, &got)
	if got.Type != "Bearer" || got.Expires > 600 {
		w.t.Errorf("voucher: %+v", got)
	}
	return got.Token
}

func (w *world) pdndForm(assertion string) url.Values {
	return url.Values{
		"client_id": {clientID}, "grant_type": {"client_credentials"}, "client_assertion": {assertion},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
	}
}

func TestPDNDRefusals(t *testing.T) {
	w := start(t)
	good := w.assertion(w.base+"/pdnd", func(c map[string]any) { c["purposeId"] = "p-1" })
	for name, assertion := range map[string]string{
		"nonsense": "x", "no purpose": w.assertion(w.base+"/pdnd", nil), "other audience": w.assertion(w.base+"/spid/token", nil),
	} {
		resp, body := w.form("/pdnd/token.oauth2", w.pdndForm(assertion))
		if resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, resp.StatusCode, body)
		}
	}
	for i, want := range []int{http.StatusOK, http.StatusBadRequest} {
		if resp, body := w.form("/pdnd/token.oauth2", w.pdndForm(good)); resp.StatusCode != want {
			t.Errorf("use %d of one assertion: %d %s", i+1, resp.StatusCode, body)
		}
	}
}

func TestINAD(t *testing.T) {
	w := start(t)
	header := http.Header{"Authorization": {"Bearer " + w.voucher()}}
	resp, body := w.do("GET", "/inad/extract/RNLGLI79D52F205F?practicalReference=x", header, nil)
	wantStatus(t, resp, body, http.StatusOK)
	var got struct {
		Code      string `json:"codiceFiscale"`
		Addresses []struct {
			Address string `json:"digitalAddress"`
		} `json:"digitalAddress"`
	}
	decode(t, body, &got)
	if got.Code != "RNLGLI79D52F205F" || got.Addresses[0].Address != "giulia.rinaldi@pec.example.it" {
		t.Errorf("extract: %+v", got)
	}
	for path, want := range map[string]int{
		"/inad/extract/CNTSFO91L65A794B?practicalReference=x":                                           http.StatusNotFound,
		"/inad/extract/RNLGLI79D52F205F":                                                                http.StatusBadRequest,
		"/inad/extract/RNLGLI79D52F20RF?practicalReference=x":                                           http.StatusBadRequest,
		"/inad/rest/inad/v1/domiciliodigitale/extract/MRNLCU85A30C933X?practicalReference=x":            http.StatusOK,
		"/inad/verify/MRNLCU85A30C933X?practicalReference=x&digital_address=luca.marini@pec.example.it": http.StatusOK,
	} {
		if resp, body := w.do("GET", path, header, nil); resp.StatusCode != want {
			t.Errorf("%s: %d %s, want %d", path, resp.StatusCode, body, want)
		}
	}
	resp, body = w.do("GET", "/inad/extract/RNLGLI79D52F205F?practicalReference=x", w.infocamere("/inipec"), nil)
	wantStatus(t, resp, body, http.StatusUnauthorized)
}

func TestRegisterSwitches(t *testing.T) {
	w := start(t)
	header := w.infocamere("/registro-imprese")
	path := "/registro-imprese/listaLegaleRappresentante/RNLGLI79D52F205F"
	var got []int
	for _, mode := range []string{"down", "refuse", "slow", "ok"} {
		w.control("POST", "/control/registers", map[string]string{"service": "registro-imprese", "mode": mode}, nil, http.StatusOK)
		resp, _ := w.do("GET", path, header, nil)
		got = append(got, resp.StatusCode)
	}
	if diff := cmp.Diff([]int{503, 401, 200, 200}, got); diff != "" {
		t.Error(diff)
	}
	w.control("POST", "/control/registers", map[string]string{"service": "inesistente", "mode": "ok"}, nil, http.StatusBadRequest)
	w.control("POST", "/control/registers", map[string]string{"service": "inad", "mode": "rotto"}, nil, http.StatusBadRequest)
	var log struct {
		Calls []struct{ Path, Subject string }
	}
	w.control("GET", "/control/registers", nil, &log, http.StatusOK)
	if len(log.Calls) != 5 || log.Calls[0].Subject != "RNLGLI79D52F205F" {
		t.Errorf("calls: %+v", log.Calls)
	}
}

// A mute register takes the question and says nothing: whoever asks must have a limit of their own.
func TestRegisterNeverAnswers(t *testing.T) {
	w := start(t)
	w.control("POST", "/control/registers", map[string]string{"service": "registro-imprese", "mode": "never"}, nil, http.StatusOK)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.base+"/registro-imprese/listaLegaleRappresentante/RNLGLI79D52F205F", nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := plain.Do(req); err == nil {
		resp.Body.Close()
		t.Errorf("answered %d", resp.StatusCode)
	} else if !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}
