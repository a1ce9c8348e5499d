package audit

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"sportello/infra/verify/book"
	"sportello/infra/verify/finding"
	"sportello/infra/verify/source"
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
func (a *audit) unpaid(chamber string, p book.Pending) (bool, error) {
	application := p.Application
	row, there, err := rowOf(a.ctx, a.Applications, "APP#"+application, "META")
	if err != nil {
		return false, err
	}
	if !there {
		return a.removed(chamber, p.PresentedAt)
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

// parted is a payment of no case any more: whose, and when what it was for was presented.
type parted struct {
	chamber string
	at      int64 // Unix milliseconds
}

// removed tells whether a case that ended unpaid was removed since, as it is after a year. Its payment's row stays, parted from it: closed, never paid,
// and made at the very instant of presentation. A live table may have parted another since it was last read.
func (a *audit) removed(chamber, presentedAt string) (bool, error) {
	at, _ := book.ParseInstant(presentedAt)
	wanted := parted{chamber, at.UnixMilli()}
	if a.parted[wanted] {
		return true, nil
	}
	a.parted = map[parted]bool{}
	err := a.Applications.Scan(a.ctx, func(row source.Row) error {
		if !strings.HasPrefix(row.PK, "PAY#") || row.SK != "META" {
			return nil
		}
		var p struct {
			Application string          `json:"application"`
			Chamber     string          `json:"chamber"`
			CreatedAt   time.Time       `json:"createdAt"`
			Paid        json.RawMessage `json:"paid"`
			Expired     json.RawMessage `json:"expired"`
			Closed      bool            `json:"closed"`
		}
		if err := json.Unmarshal([]byte(row.Body), &p); err != nil {
			return finding.At("tabella pratiche, "+row.PK+"/META", "", "la riga non è leggibile")
		}
		if p.Application == "" && p.Closed && len(p.Expired) > 0 && len(p.Paid) == 0 {
			a.parted[parted{p.Chamber, p.CreatedAt.UnixMilli()}] = true
		}
		return nil
	})
	return a.parted[wanted], err
}
