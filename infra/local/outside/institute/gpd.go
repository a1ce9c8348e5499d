package institute

import (
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"time"
	"unicode/utf8"

	"sportello/infra/local/outside/bearer"
)

// Transfer is where the money of a position goes.
type Transfer struct {
	ID          string `json:"idTransfer"`
	Amount      int64  `json:"amount"`
	Remittance  string `json:"remittanceInformation"`
	Category    string `json:"category"`
	IBAN        string `json:"iban,omitempty"`
	Stamp       *Stamp `json:"stamp,omitempty"`
	Creditor    string `json:"organizationFiscalCode,omitempty"`
	CompanyName string `json:"companyName,omitempty"`
}

// Stamp is a digital revenue stamp.
type Stamp struct {
	Hash     string `json:"hashDocument"`
	Type     string `json:"stampType"`
	Province string `json:"provincialResidence"`
}

// gpdPosition is a position as a creditor sends it.
type gpdPosition struct {
	IUPD            string `json:"iupd"`
	Type            string `json:"type"`
	FiscalCode      string `json:"fiscalCode"`
	FullName        string `json:"fullName"`
	CompanyName     string `json:"companyName"`
	SwitchToExpired *bool  `json:"switchToExpired"`
	PaymentOption   []struct {
		NAV         string     `json:"nav"`
		IUV         string     `json:"iuv"`
		Amount      int64      `json:"amount"`
		Description string     `json:"description"`
		Partial     bool       `json:"isPartialPayment"`
		DueDate     gpdTime    `json:"dueDate"`
		Transfer    []Transfer `json:"transfer"`
	} `json:"paymentOption"`
}

// gpdTime is an instant with or without a zone: without one it is UTC, as at pagoPA.
type gpdTime struct{ time.Time }

// UnmarshalJSON reads either form.
func (t *gpdTime) UnmarshalJSON(raw []byte) error {
	text, err := strconv.Unquote(string(raw))
	if err != nil {
		return errors.New("la data non è una stringa")
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05.999999999"} {
		if at, err := time.Parse(layout, text); err == nil {
			t.Time = at.UTC()
			return nil
		}
	}
	return errors.New("la data non è nel formato AAAA-MM-GGThh:mm:ss")
}

var (
	organizationCode = regexp.MustCompile(`^[0-9]{11}$`)
	debtorCode       = regexp.MustCompile(`^([0-9]{11}|[A-Z0-9]{16}|ANONIMO)$`)
	iupdCode         = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,50}$`)
	iuvCode          = regexp.MustCompile(`^[0-9]{17}$`)
)

const maxText = 140

// position checks what the creditor sent.
func (g gpdPosition) position(organization string) (Position, error) {
	switch {
	case !organizationCode.MatchString(organization):
		return Position{}, errors.New("il codice fiscale dell’ente ha 11 cifre")
	case !iupdCode.MatchString(g.IUPD):
		return Position{}, errors.New("iupd: da 1 a 50 lettere, cifre o . _ : -")
	case g.Type != "F" && g.Type != "G":
		return Position{}, errors.New("type: F o G")
	case !debtorCode.MatchString(g.FiscalCode):
		return Position{}, errors.New("fiscalCode: 11 cifre o 16 caratteri")
	case g.FullName == "" || g.CompanyName == "" || utf8.RuneCountInString(g.CompanyName) > maxText:
		return Position{}, errors.New("fullName e companyName: mancanti o troppo lunghi")
	case g.SwitchToExpired == nil:
		return Position{}, errors.New("switchToExpired: obbligatorio")
	case len(g.PaymentOption) != 1:
		return Position{}, errors.New("paymentOption: qui se ne tratta una sola")
	}
	o := g.PaymentOption[0]
	if o.NAV == "" {
		o.NAV = "3" + o.IUV
	}
	switch {
	case !iuvCode.MatchString(o.IUV) || o.NAV != "3"+o.IUV:
		return Position{}, errors.New("iuv: 17 cifre, e nav è 3 seguito da iuv")
	case o.Amount < 1 || o.Partial:
		return Position{}, errors.New("amount: almeno un centesimo, e isPartialPayment falso")
	case o.Description == "" || utf8.RuneCountInString(o.Description) > maxText:
		return Position{}, errors.New("description: da 1 a 140 caratteri")
	case o.DueDate.IsZero():
		return Position{}, errors.New("dueDate: obbligatoria")
	}
	if err := CheckNumber(o.NAV); err != nil {
		return Position{}, err
	}
	if err := checkTransfers(o.Transfer, o.Amount); err != nil {
		return Position{}, err
	}
	return Position{
		IUPD: g.IUPD, Organization: organization, Type: g.Type, FiscalCode: g.FiscalCode, FullName: g.FullName, CompanyName: g.CompanyName,
		SwitchToExpired: *g.SwitchToExpired, IUV: o.IUV, NAV: o.NAV, Amount: o.Amount, Description: o.Description,
		DueDate: o.DueDate.Time, Transfers: o.Transfer,
	}, nil
}

func checkTransfers(transfers []Transfer, amount int64) error {
	if len(transfers) < 1 || len(transfers) > 5 {
		return errors.New("transfer: da 1 a 5")
	}
	var sum int64
	for _, t := range transfers {
		if (t.IBAN == "") == (t.Stamp == nil) || t.Amount < 1 || t.Category == "" || t.Remittance == "" {
			return errors.New("transfer: iban oppure stamp, amount, category e remittanceInformation")
		}
		if len(t.ID) != 1 || t.ID < "1" || t.ID > "5" || utf8.RuneCountInString(t.Remittance) > maxText {
			return errors.New("transfer: idTransfer da 1 a 5, remittanceInformation fino a 140 caratteri")
		}
		sum += t.Amount
	}
	if sum != amount {
		return errors.New("transfer: la somma non è l’importo")
	}
	return nil
}

func (i *Institute) gpdCreate(w http.ResponseWriter, r *http.Request) {
	var in gpdPosition
	if !readJSON(w, r, &in) {
		return
	}
	p, err := in.position(r.PathValue("cf"))
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	p.State = Draft
	if r.URL.Query().Get("toPublish") == "true" {
		p.State = Valid
	}
	p, err = i.Create(p)
	i.answer(w, http.StatusCreated, p, err)
}

func (i *Institute) gpdShow(w http.ResponseWriter, r *http.Request) {
	p, found := i.Position(r.PathValue("cf"), r.PathValue("iupd"))
	if !found {
		refuse(w, http.StatusNotFound, ErrUnknown.Error())
		return
	}
	bearer.WriteJSON(w, http.StatusOK, i.view(p))
}

func (i *Institute) gpdChange(f func(*Institute, string) (Position, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p, err := f(i, r.PathValue("cf")+"/"+r.PathValue("iupd"))
		i.answer(w, http.StatusOK, p, err)
	}
}

func (i *Institute) answer(w http.ResponseWriter, status int, p Position, err error) {
	switch {
	case errors.Is(err, ErrUnknown):
		refuse(w, http.StatusNotFound, err.Error())
	case err != nil:
		refuse(w, http.StatusConflict, err.Error())
	default:
		bearer.WriteJSON(w, status, i.view(p))
	}
}

const maxPage = 50

func (i *Institute) gpdList(w http.ResponseWriter, r *http.Request) {
	limit, page := number(r, "limit", maxPage), number(r, "page", 0)
	wanted := r.URL.Query().Get("status")
	list := []map[string]any{}
	found := 0
	for _, p := range i.Positions() {
		if p.Organization != r.PathValue("cf") || wanted != "" && p.at(i.Clock.Now()) != wanted {
			continue
		}
		if found >= page*limit && len(list) < limit {
			list = append(list, i.view(p))
		}
		found++
	}
	bearer.WriteJSON(w, http.StatusOK, map[string]any{
		"payment_position_list": list,
		"page_info":             map[string]int{"page": page, "limit": limit, "items_found": len(list), "total_pages": (found + limit - 1) / limit},
	})
}

func number(r *http.Request, name string, fallback int) int {
	n, err := strconv.Atoi(r.URL.Query().Get(name))
	if err != nil || n < 0 || n > 1000 || name == "limit" && (n == 0 || n > maxPage) {
		return fallback
	}
	return n
}

// view is the position as GPD answers it. What was paid stands as the amount once there is a
// receipt: a creditor that was never called back learns from here what it would have been told.
func (i *Institute) view(p Position) map[string]any {
	option := map[string]any{
		"iuv": p.IUV, "nav": p.NAV, "organizationFiscalCode": p.Organization, "amount": p.Amount, "description": p.Description,
		"isPartialPayment": false, "dueDate": p.DueDate, "insertedDate": p.InsertedAt, "lastUpdatedDate": p.UpdatedAt,
		"status": "PO_UNPAID", "transfer": p.Transfers,
	}
	v := map[string]any{
		"iupd": p.IUPD, "organizationFiscalCode": p.Organization, "type": p.Type, "companyName": p.CompanyName,
		"status": p.at(i.Clock.Now()), "insertedDate": p.InsertedAt, "lastUpdatedDate": p.UpdatedAt,
	}
	if !p.PublishedAt.IsZero() {
		v["publishDate"], v["validityDate"] = p.PublishedAt, p.PublishedAt
	}
	if len(p.Receipts) > 0 {
		r := p.Receipts[0]
		v["paymentDate"] = r.PaidAt
		option["status"], option["paymentDate"], option["idReceipt"] = "PO_PAID", r.PaidAt, r.ID
		option["pspCompany"], option["paymentMethod"], option["amount"] = r.PSP, r.Method, r.Amount
	}
	v["paymentOption"] = []any{option}
	return v
}
