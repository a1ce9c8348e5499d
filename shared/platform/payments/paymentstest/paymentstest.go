// Package paymentstest plays the payment institute's wire to tests: a server with stateful positions, and the key that signs its notices.
package paymentstest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// Key is the subscription key that the institute wants.
const Key = "abbonamento-di-prova"

// Institute is the server.
type Institute struct {
	*httptest.Server
	T testing.TB

	mu sync.Mutex
	// Keys are what it signs with, by name; the set that it publishes.
	Keys map[string]*ecdsa.PrivateKey
	// Positions are as they were sent, by address; States what GPD says of them, in the place of VALID.
	Positions map[string]map[string]any
	States    map[string]string
	Paid      map[string]map[string]any // fields of the option that was paid
	More      []map[string]any          // receipts beside the position's
	Asked     []string                  // method and path of every call
	// Answer, if set, answers every call but those for keys.
	Answer func(w http.ResponseWriter, r *http.Request)
}

// New starts an institute with one key.
func New(t testing.TB) *Institute {
	t.Helper()
	i := &Institute{T: t, Keys: map[string]*ecdsa.PrivateKey{}, Positions: map[string]map[string]any{}, States: map[string]string{}, Paid: map[string]map[string]any{}}
	i.Rotate("k1")
	mux := http.NewServeMux()
	const positions = "/gpd/debt-positions-service/v1/organizations/{cf}/debtpositions"
	mux.HandleFunc("GET /jwks.json", i.keys)
	mux.HandleFunc("POST "+positions, i.known(i.create))
	mux.HandleFunc("GET "+positions+"/{iupd}", i.known(i.show))
	mux.HandleFunc("POST "+positions+"/{iupd}/invalidate", i.known(i.invalidate))
	mux.HandleFunc("POST /checkout/ec/v1/carts", i.known(i.cart))
	mux.HandleFunc("GET /receipts", i.known(i.receipts))
	mux.HandleFunc("POST /refunds", i.known(i.refund))
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	return i
}

// Rotate adds a key.
func (i *Institute) Rotate(kid string) {
	i.T.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		i.T.Fatal(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.Keys[kid] = key
}

// Sign returns the detached JWS of a body by a key of its own.
func (i *Institute) Sign(kid string, body []byte) string {
	i.T.Helper()
	return Detached(i.T, jose.ES256, kid, i.Keys[kid], body)
}

// Detached signs anything with anything.
func Detached(t testing.TB, algorithm jose.SignatureAlgorithm, kid string, key any, body []byte) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: jose.JSONWebKey{Key: key, KeyID: kid}},
		(&jose.SignerOptions{}).WithHeader("iat", 1763888400))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(body)
	if err != nil {
		t.Fatal(err)
	}
	detached, err := signed.DetachedCompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return detached
}

func (i *Institute) keys(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.Asked = append(i.Asked, r.Method+" "+r.URL.Path)
	var set jose.JSONWebKeySet
	for kid, key := range i.Keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: key.Public(), KeyID: kid, Algorithm: string(jose.ES256), Use: "sig"})
	}
	answer(w, http.StatusOK, set)
}

func (i *Institute) known(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.Asked = append(i.Asked, r.Method+" "+r.URL.Path)
		switch {
		case r.Header.Get("Ocp-Apim-Subscription-Key") != Key:
			answer(w, http.StatusUnauthorized, nil)
		case i.Answer != nil:
			i.Answer(w, r)
		default:
			h(w, r)
		}
	}
}

func (i *Institute) create(w http.ResponseWriter, r *http.Request) {
	var in map[string]any
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || r.URL.Query().Get("toPublish") != "true" {
		answer(w, http.StatusBadRequest, nil)
		return
	}
	iupd, _ := in["iupd"].(string)
	if i.Positions[iupd] != nil {
		answer(w, http.StatusConflict, nil)
		return
	}
	i.Positions[iupd] = in
	answer(w, http.StatusCreated, in)
}

func (i *Institute) show(w http.ResponseWriter, r *http.Request) {
	iupd := r.PathValue("iupd")
	in := i.Positions[iupd]
	if in == nil {
		answer(w, http.StatusNotFound, nil)
		return
	}
	state := "VALID"
	if i.States[iupd] != "" {
		state = i.States[iupd]
	}
	option := map[string]any{}
	for name, value := range in["paymentOption"].([]any)[0].(map[string]any) {
		option[name] = value
	}
	option["status"] = "PO_UNPAID"
	for name, value := range i.Paid[iupd] {
		option[name] = value
	}
	answer(w, http.StatusOK, map[string]any{"iupd": iupd, "status": state, "paymentOption": []any{option}})
}

func (i *Institute) invalidate(w http.ResponseWriter, r *http.Request) {
	iupd := r.PathValue("iupd")
	switch {
	case i.Positions[iupd] == nil:
		answer(w, http.StatusNotFound, nil)
	case i.Paid[iupd] != nil:
		answer(w, http.StatusConflict, nil)
	default:
		i.States[iupd] = "INVALID"
		answer(w, http.StatusOK, nil)
	}
}

func (i *Institute) cart(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Location", i.URL+"/paga/1")
	w.WriteHeader(http.StatusFound)
}

func (i *Institute) receipts(w http.ResponseWriter, r *http.Request) {
	iuv := r.URL.Query().Get("iuv")
	all := []map[string]any{}
	for iupd, paid := range i.Paid {
		if i.Positions[iupd]["paymentOption"].([]any)[0].(map[string]any)["iuv"] == iuv {
			all = append(all, paid)
		}
	}
	answer(w, http.StatusOK, map[string]any{"iuv": iuv, "receipts": append(all, i.More...)})
}

func (i *Institute) refund(w http.ResponseWriter, r *http.Request) {
	var in map[string]any
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || r.Header.Get("Idempotency-Key") == "" {
		answer(w, http.StatusBadRequest, nil)
		return
	}
	answer(w, http.StatusAccepted, map[string]any{"id": "R1", "state": "accepted", "receiptId": in["receiptId"], "amount": in["amount"]})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
