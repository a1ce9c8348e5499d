package preservation

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"sportello/infra/local/outside/bearer"
)

const maxPackage = 512 << 20

var packageID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:-]{0,119}$`)

// Routes adds the provider's endpoints.
func (p *Provider) Routes(mux *http.ServeMux) {
	mux.HandleFunc("POST /conservazione/packages", p.guarded(p.submit))
	mux.HandleFunc("GET /conservazione/packages/{id}", p.guarded(p.show))
	mux.HandleFunc("GET /conservazione/packages/{id}/receipt", p.guarded(p.receipt))
}

func (p *Provider) guarded(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		user, password, ok := r.BasicAuth()
		same := subtle.ConstantTimeCompare([]byte(user), []byte(p.credentials.User)) &
			subtle.ConstantTimeCompare([]byte(password), []byte(p.credentials.Password))
		if !ok || same != 1 {
			w.Header().Set("WWW-Authenticate", `Basic realm="conservazione"`)
			refuse(w, http.StatusUnauthorized, "credenziali errate")
			return
		}
		h(w, r)
	}
}

func (p *Provider) submit(w http.ResponseWriter, r *http.Request) {
	id := r.Header.Get("Idempotency-Key")
	if id == "" {
		id = r.Header.Get("X-Package-Id")
	}
	if !packageID.MatchString(id) {
		refuse(w, http.StatusBadRequest, "manca l’identificativo del pacchetto (Idempotency-Key)")
		return
	}
	claimed, ok := claimedDigest(r.Header)
	if !ok {
		refuse(w, http.StatusBadRequest, "manca l’impronta del pacchetto (Digest: SHA-256=…)")
		return
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPackage))
	if err != nil {
		refuse(w, http.StatusRequestEntityTooLarge, "pacchetto troppo grande o interrotto")
		return
	}
	sum := sha256.Sum256(raw)
	if subtle.ConstantTimeCompare(sum[:], claimed) != 1 {
		refuse(w, http.StatusUnprocessableEntity, "l’impronta non è quella del pacchetto")
		return
	}
	k, err := p.Take(id, hex.EncodeToString(sum[:]), raw)
	switch {
	case errors.Is(err, ErrOther):
		refuse(w, http.StatusConflict, "l’identificativo appartiene a un altro pacchetto")
	case errors.Is(err, ErrUnavailable):
		refuse(w, http.StatusServiceUnavailable, "servizio non disponibile")
	case err != nil:
		p.Log.Error("package not taken in", "err", err)
		refuse(w, http.StatusInternalServerError, "errore interno")
	case k.Outcome == Lost && k.Submissions == 1:
		refuse(w, http.StatusBadGateway, "risposta persa")
	default:
		w.Header().Set("Location", "/conservazione/packages/"+k.ID)
		bearer.WriteJSON(w, http.StatusAccepted, view(k))
	}
}

// claimedDigest reads the digest the client claims: Digest (RFC 3230) or Content-Digest (RFC 9530),
// SHA-256 in base64.
func claimedDigest(h http.Header) ([]byte, bool) {
	for _, item := range strings.Split(h.Get("Digest"), ",") {
		if name, value, ok := strings.Cut(strings.TrimSpace(item), "="); ok && strings.EqualFold(name, "sha-256") {
			return decoded(value)
		}
	}
	for _, item := range strings.Split(h.Get("Content-Digest"), ",") {
		if name, value, ok := strings.Cut(strings.TrimSpace(item), "="); ok && strings.EqualFold(name, "sha-256") {
			return decoded(strings.Trim(value, ":"))
		}
	}
	return nil, false
}

func decoded(value string) ([]byte, bool) {
	raw, err := base64.StdEncoding.DecodeString(value)
	return raw, err == nil && len(raw) == sha256.Size
}

func (p *Provider) show(w http.ResponseWriter, r *http.Request) {
	k, found := p.Package(r.PathValue("id"))
	if !found {
		refuse(w, http.StatusNotFound, "pacchetto sconosciuto")
		return
	}
	bearer.WriteJSON(w, http.StatusOK, view(k))
}

func (p *Provider) receipt(w http.ResponseWriter, r *http.Request) {
	n := 1
	if text := r.URL.Query().Get("n"); text != "" {
		n, _ = strconv.Atoi(text) // what is not a number asks for a report that is not there
	}
	raw, found, err := p.Receipt(r.PathValue("id"), n)
	switch {
	case err != nil:
		p.Log.Error("report not read", "err", err)
		refuse(w, http.StatusInternalServerError, "errore interno")
	case !found:
		refuse(w, http.StatusNotFound, "nessun rapporto di versamento")
	default:
		w.Header().Set("Content-Type", `application/pkcs7-mime; smime-type=signed-data; name="rapporto-versamento.xml.p7m"`)
		_, _ = w.Write(raw) // the peer has gone: nothing to do about it
	}
}

// view is what the client sees of a package.
func view(k Package) map[string]any {
	v := map[string]any{
		"id": k.ID, "state": k.State, "sha256": k.SHA256, "size": k.Size, "receivedAt": utc(k.ReceivedAt), "receipts": len(k.Reports),
	}
	if !k.DecidedAt.IsZero() {
		v["decidedAt"] = utc(k.DecidedAt)
	}
	if k.Reason != "" {
		v["reason"] = k.Reason
	}
	return v
}

func refuse(w http.ResponseWriter, status int, detail string) {
	bearer.WriteJSON(w, status, map[string]any{"title": http.StatusText(status), "status": status, "detail": detail})
}
