package trustworld

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"sportello/infra/local/outside/bearer"
)

// maxRequest is more than any request to these services needs.
const maxRequest = 64 << 10

// Routes adds the services and their machine interface.
func (t *Trust) Routes(mux *http.ServeMux) {
	mux.HandleFunc("GET /trust/TSL-IT.xml", t.serveList)
	mux.HandleFunc("GET /trust/operator.pem", func(w http.ResponseWriter, _ *http.Request) {
		send(w, "application/x-pem-file", t.OperatorPEM())
	})
	mux.HandleFunc("GET /trust/ca/{file}", t.serveAuthority)
	mux.HandleFunc("GET /trust/crl/{file}", t.serveCRL)
	mux.HandleFunc("POST /trust/ocsp/{name}", t.serveOCSP)
	mux.HandleFunc("GET /trust/ocsp/{name}/{request...}", t.serveOCSP)
	mux.HandleFunc("POST /trust/tsa", t.serveStamp)
	mux.HandleFunc("GET /control/trust", t.controlSwitches)
	mux.HandleFunc("POST /control/trust", t.controlSwitch)
	mux.HandleFunc("POST /control/trust/seal-certificate", t.controlSeal)
}

func send(w http.ResponseWriter, kind string, raw []byte) {
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", "no-store") // the clock and the switches move
	_, _ = w.Write(raw)                // the peer has gone: nothing to do about it
}

func (t *Trust) fail(w http.ResponseWriter, err error) {
	t.Log.Error("trust service failed", "err", err)
	http.Error(w, "errore del servizio di prova", http.StatusInternalServerError)
}

// off answers for a service that is switched off.
func (t *Trust) off(w http.ResponseWriter, service string) bool {
	if t.switches.Mode(service) != Down {
		return false
	}
	http.Error(w, "servizio non disponibile", http.StatusServiceUnavailable)
	return true
}

func (t *Trust) serveList(w http.ResponseWriter, _ *http.Request) {
	if t.off(w, "list") {
		return
	}
	raw, err := t.TrustList()
	if err != nil {
		t.fail(w, err)
		return
	}
	send(w, "application/vnd.etsi.tsl+xml", raw)
}

// named finds the authority that a file's name without its ending names.
func (t *Trust) named(w http.ResponseWriter, r *http.Request, file, ending string) *Authority {
	name, ok := strings.CutSuffix(file, ending)
	if a := t.authorities[name]; ok && a != nil {
		return a
	}
	http.NotFound(w, r)
	return nil
}

func (t *Trust) serveAuthority(w http.ResponseWriter, r *http.Request) {
	if a := t.named(w, r, r.PathValue("file"), ".crt"); a != nil {
		send(w, "application/pkix-cert", a.Certificate.Raw)
	}
}

func (t *Trust) serveCRL(w http.ResponseWriter, r *http.Request) {
	a := t.named(w, r, r.PathValue("file"), ".crl")
	if a == nil || t.off(w, "crl") {
		return
	}
	raw, err := t.crl(a)
	if err != nil {
		t.fail(w, err)
		return
	}
	send(w, "application/pkix-crl", raw)
}

// serveOCSP takes the request from the body, or in base64 from the address (RFC 6960, appendix A).
func (t *Trust) serveOCSP(w http.ResponseWriter, r *http.Request) {
	a := t.named(w, r, r.PathValue("name"), "")
	if a == nil || t.off(w, "ocsp") {
		return
	}
	var request []byte
	var err error
	if r.Method == http.MethodPost {
		request, err = io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	} else {
		request, err = base64.StdEncoding.DecodeString(r.PathValue("request"))
	}
	if err != nil {
		request = nil // answered as malformed
	}
	raw, err := t.ocsp(a, request)
	if err != nil {
		t.fail(w, err)
		return
	}
	send(w, "application/ocsp-response", raw)
}

func (t *Trust) serveStamp(w http.ResponseWriter, r *http.Request) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/timestamp-query" {
		http.Error(w, "il corpo è una richiesta application/timestamp-query", http.StatusUnsupportedMediaType)
		return
	}
	if t.off(w, "tsa") {
		return
	}
	request, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		http.Error(w, "richiesta illeggibile o troppo lunga", http.StatusBadRequest)
		return
	}
	raw, err := t.stamp(request)
	if err != nil {
		t.fail(w, err)
		return
	}
	send(w, "application/timestamp-reply", raw)
}

func (t *Trust) controlSwitches(w http.ResponseWriter, _ *http.Request) {
	type authority struct {
		Name        string `json:"name"`
		CommonName  string `json:"commonName"`
		Certificate string `json:"certificate"`
		CRL         string `json:"crl"`
		OCSP        string `json:"ocsp"`
	}
	list := []authority{}
	for _, a := range t.Authorities() {
		list = append(list, authority{a.Name, a.CommonName, t.address("ca", a.Name), t.address("crl", a.Name), t.address("ocsp", a.Name)})
	}
	bearer.WriteJSON(w, http.StatusOK, map[string]any{"services": t.switches.All(), "authorities": list})
}

// controlSwitch turns a switch: {service, mode}.
func (t *Trust) controlSwitch(w http.ResponseWriter, r *http.Request) {
	var in struct{ Service, Mode string }
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		problem(w, http.StatusBadRequest, "corpo non leggibile: "+err.Error())
		return
	}
	if err := t.switches.Set(in.Service, in.Mode); err != nil {
		problem(w, http.StatusBadRequest, err.Error())
		return
	}
	t.controlSwitches(w, r)
}

func (t *Trust) controlSeal(w http.ResponseWriter, r *http.Request) {
	public, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		problem(w, http.StatusBadRequest, "corpo illeggibile o troppo lungo")
		return
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		problem(w, http.StatusBadRequest, "indirizzo non valido")
		return
	}
	chain, err := t.SealCertificate(public, query.Get("name"), query.Get("organization"))
	switch {
	case errors.Is(err, ErrSeal):
		problem(w, http.StatusBadRequest, err.Error())
	case err != nil:
		t.fail(w, err)
	default:
		send(w, "application/x-pem-file", chain)
	}
}

func problem(w http.ResponseWriter, status int, detail string) {
	bearer.WriteJSON(w, status, map[string]any{"status": status, "title": http.StatusText(status), "detail": detail})
}
