package audit

import (
	"encoding/base64"
	"encoding/json"
	"strings"

	"sportello/infra/verify/book"
	"sportello/infra/verify/finding"
)

// noticeKey is a notice of payment as it came: under what number, by what digest, how written.
type noticeKey struct{ key, iuv, name, kind string }

// payments holds each notice of payment to the digest in its name, and to the number that it lies under.
func (a *audit) payments() error {
	var keys []string
	names := map[string]noticeKey{}
	for _, n := range a.notices {
		keys = append(keys, n.key)
		names[n.key] = n
	}
	return a.each(keys, func(key string, raw []byte) error {
		if book.Digest(raw) != names[key].name {
			return finding.New("", "l'avviso di pagamento non ha l'impronta che è il suo nome")
		}
		if !strings.Contains(content(raw, names[key].kind), `"`+names[key].iuv+`"`) {
			return finding.New("", "l'avviso di pagamento riguarda un altro codice di versamento")
		}
		return nil
	})
}

// content is what a notice says: the content of a JWS, or the notice itself.
func content(raw []byte, kind string) string {
	if kind != "jws" {
		return string(raw)
	}
	parts := strings.Split(string(raw), ".")
	if len(parts) != 3 {
		return ""
	}
	said, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return ""
	}
	return string(said)
}

// unpaid tells whether what waited for its payment ended without: then nothing will ever be registered of it, and it is not lost.
func (a *audit) unpaid(application string) (bool, error) {
	row, there, err := rowOf(a.ctx, a.Applications, "APP#"+application, "META")
	if err != nil || !there {
		return false, err
	}
	var c struct {
		State    string          `json:"state"`
		Fee      json.RawMessage `json:"fee"`
		Protocol json.RawMessage `json:"protocol"`
		CloseAt  json.RawMessage `json:"closeAt"` // of one that was withdrawn after it was paid for: it gets its number
	}
	if err := json.Unmarshal([]byte(row.Body), &c); err != nil {
		return false, finding.At("tabella pratiche, APP#"+application+"/META", "", "la riga non è leggibile")
	}
	return len(c.Fee) > 0 && len(c.Protocol) == 0 && (c.State == "expired" || c.State == "withdrawn" && len(c.CloseAt) == 0), nil
}
