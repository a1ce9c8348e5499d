package addresses

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"sportello/shared/platform/partner"
)

// inad asks INAD, the list of natural persons' domiciles, with a PDND voucher.
type inad struct {
	url     string
	caller  *partner.Caller
	voucher *voucher
	now     func() time.Time
}

func newINAD(config Config) *inad {
	return &inad{
		url: strings.TrimSuffix(config.INADURL, "/"), now: config.Now, voucher: newVoucher(config),
		caller: partner.New(partner.Config{Name: "INAD", HTTP: config.HTTP, Timeout: config.Timeout}),
	}
}

func (i *inad) find(ctx context.Context, q Query) (Answer, error) {
	if q.Reference == "" {
		return Answer{}, errors.New("asking INAD: a reference is required")
	}
	answer, err := i.extract(ctx, q)
	if err != nil {
		return Answer{}, err
	}
	switch answer.Status {
	case http.StatusOK:
	case http.StatusNotFound:
		return Answer{Source: INAD}, nil
	default:
		return Answer{}, i.caller.Unexpected(answer)
	}
	var out extract
	if err := json.Unmarshal(answer.Body, &out); err != nil {
		return Answer{}, i.caller.Malformed(errors.New("not the JSON of the specification"))
	}
	// Omocodia: INAD is asked with the plain code, which is another person's when the two exist. Only an answer that names our
	// person is theirs; a certified act must not reach somebody else's mailbox.
	if !strings.EqualFold(strings.TrimSpace(out.TaxCode), string(q.TaxCode)) {
		return Answer{Source: INAD}, nil
	}
	return Answer{Address: out.valid(q, i.now()), Source: INAD}, nil
}

// extract calls with a voucher, and once more with a fresh one if it was refused.
func (i *inad) extract(ctx context.Context, q Query) (partner.Answer, error) {
	address := i.url + "/extract/" + url.PathEscape(string(q.TaxCode.Plain())) + "?" + url.Values{"practicalReference": {q.Reference}}.Encode()
	for attempt := 0; ; attempt++ {
		token, err := i.voucher.get(ctx, attempt > 0)
		if err != nil {
			return partner.Answer{}, err
		}
		req, err := http.NewRequest(http.MethodGet, address, nil)
		if err != nil {
			return partner.Answer{}, errors.New("asking INAD: address malformed")
		}
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Accept", "application/json")
		answer, err := i.caller.Do(ctx, req)
		if err != nil || answer.Status != http.StatusUnauthorized || attempt > 0 {
			return answer, err
		}
	}
}

type extract struct {
	TaxCode   string `json:"codiceFiscale"`
	Addresses []struct {
		Address    string `json:"digitalAddress"`
		Profession string `json:"practicedProfession"`
		Usage      struct {
			Motivation string `json:"motivation"`
			End        string `json:"dateEndValidity"`
		} `json:"usageInfo"`
	} `json:"digitalAddress"`
}

// valid picks the address to use: one of the person as such before one of their profession (CAD art. 6-quater c.2: a professional's
// INI-PEC address is also their domicile, unless they chose another), never one that has ended or is not wanted.
func (e extract) valid(q Query, now time.Time) string {
	professional := ""
	for _, a := range e.Addresses {
		address := strings.TrimSpace(a.Address)
		switch {
		case !q.wanted(address) || ended(a.Usage.End, now):
		case a.Profession == "":
			return address
		case professional == "":
			professional = address
		}
	}
	return professional
}

// ended reads dateEndValidity, a date or an instant; one that cannot be read counts as passed: better no address than a closed one.
func ended(end string, now time.Time) bool {
	if end == "" {
		return false
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly, "2006-01-02T15:04:05", "2006-01-02T15:04:05.999"} {
		if at, err := time.Parse(layout, end); err == nil {
			return !now.Before(at)
		}
	}
	return true
}
