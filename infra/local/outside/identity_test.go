package outside

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const verifier = "un-verificatore-di-almeno-quarantatre-caratteri-per-pkce"

func authorization() url.Values {
	sum := sha256.Sum256([]byte(verifier))
	return url.Values{
		"response_type": {"code"}, "client_id": {clientID}, "redirect_uri": {redirectURI}, "scope": {"openid"},
		"state": {"state-" + secret}, "nonce": {"nonce-" + secret}, "acr_values": {"https://www.spid.gov.it/SpidL2"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}
}

// choose posts the persona chooser's form and returns the query of the redirect.
func (w *world) choose(issuer, persona, outcome string) url.Values {
	w.t.Helper()
	form := authorization()
	form.Set("persona", persona)
	form.Set("outcome", outcome)
	resp, body := w.form(issuer+"/authorize", form)
	wantStatus(w.t, resp, body, http.StatusFound)
	back, err := url.Parse(resp.Header.Get("Location"))
	if err != nil || !strings.HasPrefix(back.String(), redirectURI+"?") {
		w.t.Fatalf("redirect to %q: %v", resp.Header.Get("Location"), err)
	}
	return back.Query()
}

func (w *world) redemption(issuer, code string) url.Values {
	return url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirectURI}, "code_verifier": {verifier},
		"client_id": {clientID}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		"client_assertion": {w.assertion(w.base+issuer+"/token", nil)},
	}
}

type tokens struct {
	Access string `json:"access_token"`
	ID     string `json:"id_token"`
	Error  string `json:"error"`
}

func (w *world) redeem(issuer, code string) tokens {
	w.t.Helper()
	resp, body := w.form(issuer+"/token", w.redemption(issuer, code))
	wantStatus(w.t, resp, body, http.StatusOK)
	var got tokens
	decode(w.t, body, &got)
	return got
}

// idClaims verifies an id_token with the published keys.
func (w *world) idClaims(issuer, token string) (map[string]any, error) {
	w.t.Helper()
	var discovery struct {
		Issuer string `json:"issuer"`
		JWKS   string `json:"jwks_uri"`
	}
	_, body := w.do("GET", issuer+"/.well-known/openid-configuration", nil, nil)
	decode(w.t, body, &discovery)
	if discovery.Issuer != w.base+issuer {
		w.t.Errorf("issuer %q, want %q", discovery.Issuer, w.base+issuer)
	}
	var set jose.JSONWebKeySet
	_, body = w.do("GET", discovery.JWKS, nil, nil)
	decode(w.t, body, &set)
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		w.t.Fatal(err)
	}
	claims := map[string]any{}
	return claims, parsed.Claims(set, &claims)
}

func TestSignInWithSPIDAndCIE(t *testing.T) {
	w := start(t)
	for _, issuer := range []string{"/spid", "/cie"} {
		back := w.choose(issuer, "giulia", "ok")
		if back.Get("state") != "state-"+secret || back.Get("iss") != w.base+issuer {
			t.Errorf("%s: came back with %v", issuer, back)
		}
		got := w.redeem(issuer, back.Get("code"))
		claims, err := w.idClaims(issuer, got.ID)
		if err != nil {
			t.Fatalf("%s: id_token: %v", issuer, err)
		}
		if claims["nonce"] != "nonce-"+secret || claims["aud"] != clientID || claims["acr"] != "https://www.spid.gov.it/SpidL2" {
			t.Errorf("%s: id_token claims %v", issuer, claims)
		}
		resp, body := w.do("GET", issuer+"/userinfo", http.Header{"Authorization": {"Bearer " + got.Access}}, nil)
		wantStatus(t, resp, body, http.StatusOK)
		info := map[string]any{}
		decode(t, body, &info)
		if info["https://attributes.eid.gov.it/fiscal_number"] != "TINIT-RNLGLI79D52F205F" || info["given_name"] != "Giulia" {
			t.Errorf("%s: userinfo %v", issuer, info)
		}
		if _, has := info["email"]; has != (issuer == "/spid") {
			t.Errorf("%s: e-mail given: %v", issuer, has)
		}
		if info["sub"] != claims["sub"] {
			t.Errorf("%s: sub of userinfo %v, of id_token %v", issuer, info["sub"], claims["sub"])
		}
	}
}

func TestUserinfoAsSignedJWT(t *testing.T) {
	w := start(t)
	got := w.redeem("/spid", w.choose("/spid", "sofia", "ok").Get("code"))
	resp, body := w.do("GET", "/spid/userinfo", http.Header{"Authorization": {"Bearer " + got.Access}, "Accept": {"application/jwt"}}, nil)
	wantStatus(t, resp, body, http.StatusOK)
	claims, err := w.idClaims("/spid", string(body))
	if err != nil || claims["family_name"] != "Conti" || claims["aud"] != clientID {
		t.Errorf("userinfo JWT: %v, %v", claims, err)
	}
}

func TestCodeIsSpentOnce(t *testing.T) {
	w := start(t)
	code := w.choose("/spid", "giulia", "ok").Get("code")
	w.redeem("/spid", code)
	resp, body := w.form("/spid/token", w.redemption("/spid", code))
	wantStatus(t, resp, body, http.StatusBadRequest)
	var got tokens
	decode(t, body, &got)
	if got.Error != "invalid_grant" {
		t.Errorf("second use: error %q", got.Error)
	}
}

func TestTokenRefusals(t *testing.T) {
	w := start(t)
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	claims := func(change func(map[string]any)) func(url.Values) {
		return func(f url.Values) { f.Set("client_assertion", w.assertion(w.base+"/spid/token", change)) }
	}
	reused := w.assertion(w.base+"/spid/token", nil)
	cases := []struct {
		name, want string
		change     func(url.Values)
	}{
		{"wrong verifier", "invalid_grant", func(f url.Values) { f.Set("code_verifier", verifier+"x") }},
		{"wrong redirect", "invalid_grant", func(f url.Values) { f.Set("redirect_uri", "http://altrove.example/") }},
		{"unknown code", "invalid_grant", func(f url.Values) { f.Set("code", "x") }},
		{"code of the other issuer", "invalid_grant", func(f url.Values) { f.Set("code", w.choose("/cie", "giulia", "ok").Get("code")) }},
		{"no assertion", "invalid_client", func(f url.Values) { f.Del("client_assertion") }},
		{"other audience", "invalid_client", claims(func(c map[string]any) { c["aud"] = "http://altrove.example/" })},
		{"expired", "invalid_client", claims(func(c map[string]any) { c["exp"] = time.Now().Add(-time.Hour).Unix() })},
		{"too long", "invalid_client", claims(func(c map[string]any) { c["exp"] = time.Now().Add(time.Hour).Unix() })},
		{"no jti", "invalid_client", claims(func(c map[string]any) { delete(c, "jti") })},
		{"sub not iss", "invalid_client", claims(func(c map[string]any) { c["sub"] = "altro" })},
		{"other client", "invalid_client", claims(func(c map[string]any) { c["iss"], c["sub"] = "altro", "altro" })},
		{"other key", "invalid_client", func(f url.Values) {
			f.Set("client_assertion", signed(t, stranger, map[string]any{
				"iss": clientID, "sub": clientID, "aud": w.base + "/spid/token", "jti": "1", "exp": time.Now().Add(time.Minute).Unix(),
			}))
		}},
		{"first use", "", func(f url.Values) { f.Set("client_assertion", reused) }},
		{"second use", "invalid_client", func(f url.Values) { f.Set("client_assertion", reused) }},
		{"grant type", "unsupported_grant_type", func(f url.Values) { f.Set("grant_type", "password") }},
	}
	for _, c := range cases {
		form := w.redemption("/spid", w.choose("/spid", "giulia", "ok").Get("code"))
		c.change(form)
		_, body := w.form("/spid/token", form)
		var got tokens
		decode(t, body, &got)
		if got.Error != c.want {
			t.Errorf("%s: error %q, want %q", c.name, got.Error, c.want)
		}
	}
}

func TestAStrangersAttemptLeavesTheCode(t *testing.T) {
	w := start(t)
	code := w.choose("/spid", "giulia", "ok").Get("code")
	form := w.redemption("/spid", code)
	form.Set("client_assertion", "nonsense")
	resp, body := w.form("/spid/token", form)
	wantStatus(t, resp, body, http.StatusUnauthorized)
	w.redeem("/spid", code)
}

func TestAuthorizationRefusals(t *testing.T) {
	w := start(t)
	cases := []struct {
		name, param, value, want string
	}{
		{"no PKCE", "code_challenge", "", "invalid_request"},
		{"plain PKCE", "code_challenge_method", "plain", "invalid_request"},
		{"no nonce", "nonce", "", "invalid_request"},
		{"short state", "state", "breve", "invalid_request"},
		{"response type", "response_type", "token", "unsupported_response_type"},
		{"no openid", "scope", "email", "invalid_scope"},
	}
	for _, c := range cases {
		q := authorization()
		q.Set(c.param, c.value)
		resp, _ := w.do("GET", "/spid/authorize?"+q.Encode(), nil, nil)
		back, err := url.Parse(resp.Header.Get("Location"))
		if err != nil || resp.StatusCode != http.StatusFound || back.Query().Get("error") != c.want {
			t.Errorf("%s: %d to %q, want error %s", c.name, resp.StatusCode, resp.Header.Get("Location"), c.want)
		}
	}
	for _, param := range []string{"client_id", "redirect_uri"} {
		q := authorization()
		q.Set(param, "http://altrove.example/")
		resp, body := w.do("GET", "/spid/authorize?"+q.Encode(), nil, nil)
		if resp.StatusCode != http.StatusBadRequest || resp.Header.Get("Location") != "" {
			t.Errorf("wrong %s: %d to %q: %.80s", param, resp.StatusCode, resp.Header.Get("Location"), body)
		}
	}
}

func TestChooserPage(t *testing.T) {
	w := start(t)
	resp, body := w.do("GET", "/spid/authorize?"+authorization().Encode(), nil, nil)
	wantStatus(t, resp, body, http.StatusOK)
	for _, want := range []string{`lang="it"`, "Giulia Rinaldi", `for="persona-giulia"`, "<legend>", `name="code_challenge"`} {
		if !strings.Contains(string(body), want) {
			t.Errorf("the chooser does not have %s", want)
		}
	}
	resp, _ = w.do("GET", "/spid/authorize?login_hint=sofia&"+authorization().Encode(), nil, nil)
	if resp.StatusCode != http.StatusFound {
		t.Errorf("login_hint: status %d", resp.StatusCode)
	}
	form := authorization()
	form.Set("persona", "nessuno")
	resp, body = w.form("/spid/authorize", form)
	wantStatus(t, resp, body, http.StatusBadRequest)
}

func TestSignInFailures(t *testing.T) {
	w := start(t)
	if back := w.choose("/spid", "giulia", "cancel"); back.Get("error") != "access_denied" || back.Get("code") != "" {
		t.Errorf("cancel: %v", back)
	}
	if back := w.choose("/spid", "giulia", "wrong-state"); back.Get("state") == "state-"+secret {
		t.Error("wrong-state: the state came back right")
	}
	login := func(outcome string) (map[string]any, error) {
		return w.idClaims("/spid", w.redeem("/spid", w.choose("/spid", "giulia", outcome).Get("code")).ID)
	}
	if claims, err := login("wrong-nonce"); err != nil || claims["nonce"] == "nonce-"+secret {
		t.Errorf("wrong-nonce: %v, %v", claims["nonce"], err)
	}
	if claims, err := login("level1"); err != nil || claims["acr"] != "https://www.spid.gov.it/SpidL1" {
		t.Errorf("level1: %v, %v", claims["acr"], err)
	}
	if claims, err := login("expired"); err != nil || claims["exp"].(float64) > float64(time.Now().Unix()) {
		t.Errorf("expired: %v, %v", claims["exp"], err)
	}
	if _, err := login("wrong-signature"); err == nil {
		t.Error("wrong-signature: the signature verified")
	}
	got := w.redeem("/spid", w.choose("/spid", "giulia", "no-fiscal-number").Get("code"))
	_, body := w.do("GET", "/spid/userinfo", http.Header{"Authorization": {"Bearer " + got.Access}}, nil)
	if strings.Contains(string(body), "TINIT") {
		t.Error("no-fiscal-number: it was given")
	}
}

func TestUserinfoNeedsItsToken(t *testing.T) {
	w := start(t)
	got := w.redeem("/spid", w.choose("/spid", "giulia", "ok").Get("code"))
	for name, token := range map[string]string{"none": "", "nonsense": "x", "id_token": got.ID} {
		resp, body := w.do("GET", "/spid/userinfo", http.Header{"Authorization": {"Bearer " + token}}, nil)
		if resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", name, resp.StatusCode, body)
		}
	}
	resp, body := w.do("GET", "/cie/userinfo", http.Header{"Authorization": {"Bearer " + got.Access}}, nil)
	wantStatus(t, resp, body, http.StatusUnauthorized)
}

func TestCodeSurvivesARestart(t *testing.T) {
	w := start(t)
	code := w.choose("/spid", "giulia", "ok").Get("code")
	w.stop()
	again := startIn(t, w.data)
	again.redeem("/spid", code)
}
