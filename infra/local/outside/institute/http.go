package institute

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"time"

	"sportello/infra/local/outside/bearer"
)

// Services of the institute that have a switch.
const (
	GPDService      = "istituto"
	CheckoutService = "checkout"
)

const (
	gpdPath = "/istituto/gpd/debt-positions-service/v1/organizations/{cf}/debtpositions"
	maxBody = 1 << 20
)

// Routes adds the institute's endpoints and pages.
func (i *Institute) Routes(mux *http.ServeMux) {
	gpd := func(h http.HandlerFunc) http.HandlerFunc { return i.Calls.Handler(GPDService, i.subscribed(h)) }
	mux.HandleFunc("POST "+gpdPath, gpd(i.gpdCreate))
	mux.HandleFunc("GET "+gpdPath, gpd(i.gpdList))
	mux.HandleFunc("GET "+gpdPath+"/{iupd}", gpd(i.gpdShow))
	mux.HandleFunc("POST "+gpdPath+"/{iupd}/publish", gpd(i.gpdChange((*Institute).Publish)))
	mux.HandleFunc("POST "+gpdPath+"/{iupd}/invalidate", gpd(i.gpdChange((*Institute).Invalidate)))
	mux.HandleFunc("GET /istituto/receipts", gpd(i.receipts))
	mux.HandleFunc("POST /istituto/refunds", gpd(i.refundCreate))
	mux.HandleFunc("GET /istituto/refunds/{id}", gpd(i.refundShow))
	mux.HandleFunc("POST /istituto/checkout/ec/v1/carts", i.Calls.Handler(CheckoutService, i.subscribed(i.cartCreate)))
	mux.HandleFunc("GET /istituto/jwks.json", func(w http.ResponseWriter, _ *http.Request) {
		bearer.WriteJSON(w, http.StatusOK, i.sealer.keySet())
	})
	mux.HandleFunc("GET /control/institute", i.controlList)
	mux.HandleFunc("POST /control/institute/pay", i.controlPay)
	mux.HandleFunc("POST /control/institute/refunds/{id}/settle", i.controlSettle)
	i.pageRoutes(mux)
}

// subscribed lets in who has the subscription key.
func (i *Institute) subscribed(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("Ocp-Apim-Subscription-Key")), []byte(i.key)) != 1 {
			refuse(w, http.StatusUnauthorized, "manca la chiave di sottoscrizione, o è un’altra")
			return
		}
		h(w, r)
	}
}

var idempotencyKey = regexp.MustCompile(`^[!-~]{1,100}$`)

func (i *Institute) refundCreate(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Organization string `json:"organization"`
		IUV          string `json:"iuv"`
		ReceiptID    string `json:"receiptId"`
		Amount       int64  `json:"amount"`
		Reason       string `json:"reason"`
	}
	key := r.Header.Get("Idempotency-Key")
	if !idempotencyKey.MatchString(key) {
		refuse(w, http.StatusBadRequest, "manca Idempotency-Key")
		return
	}
	if !readJSON(w, r, &in) {
		return
	}
	p, found := i.Find(in.Organization, in.IUV)
	if !found || in.Organization == "" {
		refuse(w, http.StatusNotFound, ErrUnknown.Error())
		return
	}
	p, refund, err := i.Refund(p, Refund{Key: key, ReceiptID: in.ReceiptID, Amount: in.Amount, Reason: in.Reason})
	switch {
	case errors.Is(err, ErrNoReceipt):
		refuse(w, http.StatusNotFound, err.Error())
	case errors.Is(err, ErrTooMuch):
		refuse(w, http.StatusUnprocessableEntity, err.Error())
	case errors.Is(err, ErrReused):
		refuse(w, http.StatusConflict, err.Error())
	case err != nil:
		i.trouble(w, err)
	default:
		bearer.WriteJSON(w, http.StatusAccepted, viewRefund(p, refund))
	}
}

// receipts tells of all that was paid under a number, where GPD tells of one payment alone.
func (i *Institute) receipts(w http.ResponseWriter, r *http.Request) {
	p, found := i.Find(r.URL.Query().Get("organization"), r.URL.Query().Get("iuv"))
	if !found || r.URL.Query().Get("organization") == "" {
		refuse(w, http.StatusNotFound, ErrUnknown.Error())
		return
	}
	list := []map[string]any{}
	for _, r := range p.Receipts {
		list = append(list, map[string]any{"idReceipt": r.ID, "amount": r.Amount, "paymentDate": r.PaidAt, "pspCompany": r.PSP, "paymentMethod": r.Method})
	}
	bearer.WriteJSON(w, http.StatusOK, map[string]any{"organization": p.Organization, "iuv": p.IUV, "receipts": list})
}

func (i *Institute) refundShow(w http.ResponseWriter, r *http.Request) {
	p, refund, found := i.FindRefund(r.PathValue("id"))
	if !found {
		refuse(w, http.StatusNotFound, "rimborso sconosciuto")
		return
	}
	bearer.WriteJSON(w, http.StatusOK, viewRefund(p, refund))
}

func viewRefund(p Position, r Refund) map[string]any {
	v := map[string]any{
		"id": r.ID, "state": "accepted", "organization": p.Organization, "iuv": p.IUV, "noticeNumber": p.NAV,
		"receiptId": r.ReceiptID, "amount": r.Amount, "requestedAt": r.RequestedAt,
	}
	if !r.SettledAt.IsZero() {
		v["state"], v["settledAt"] = "settled", r.SettledAt
	}
	return v
}

func (i *Institute) controlList(w http.ResponseWriter, _ *http.Request) {
	list := i.Positions()
	for n := range list {
		list[n].State = list[n].at(i.Clock.Now())
	}
	bearer.WriteJSON(w, http.StatusOK, map[string]any{"positions": list})
}

// controlPay does what a person does on the hosted page: {noticeNumber|iuv, organization?, behaviour?, minutes?}.
func (i *Institute) controlPay(w http.ResponseWriter, r *http.Request) {
	var in struct {
		NoticeNumber, IUV, Organization, Behaviour string
		Minutes                                    int
	}
	if !readJSON(w, r, &in) {
		return
	}
	p, found := i.Find(in.Organization, in.NoticeNumber+in.IUV)
	if !found {
		refuse(w, http.StatusNotFound, "nessuna posizione con questo numero")
		return
	}
	p, err := i.Pay(p.key(), Payment{Method: Card, Behaviour: in.Behaviour, Late: time.Duration(in.Minutes) * time.Minute})
	var refused ErrRefused
	switch {
	case errors.As(err, &refused):
		refuse(w, http.StatusConflict, err.Error())
	case err != nil:
		refuse(w, http.StatusBadRequest, err.Error())
	default:
		bearer.WriteJSON(w, http.StatusOK, p)
	}
}

func (i *Institute) controlSettle(w http.ResponseWriter, r *http.Request) {
	if err := i.SettleRefund(r.PathValue("id")); err != nil {
		refuse(w, http.StatusNotFound, err.Error())
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (i *Institute) trouble(w http.ResponseWriter, err error) {
	i.Log.Error("institute", "err", err)
	refuse(w, http.StatusInternalServerError, "errore interno")
}

func readJSON(w http.ResponseWriter, r *http.Request, v any) bool {
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(v); err != nil {
		refuse(w, http.StatusBadRequest, "corpo non leggibile")
		return false
	}
	return true
}

func refuse(w http.ResponseWriter, status int, detail string) {
	bearer.WriteJSON(w, status, map[string]any{"title": http.StatusText(status), "status": status, "detail": detail})
}
