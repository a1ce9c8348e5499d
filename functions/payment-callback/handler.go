package main

import (
	"context"
	"errors"
	"io"
	"net/http"

	money "sportello/shared/domain/payment"
	"sportello/shared/domain/problem"
	"sportello/shared/edge/httpapi"
	"sportello/shared/flow/access"
	"sportello/shared/flow/payment"
	"sportello/shared/platform/payments"
)

// reader believes a notice or refuses it.
type reader interface {
	Read(ctx context.Context, body []byte, signature string) (money.Notice, []byte, error)
}

type handler struct {
	api    *httpapi.API
	desk   *payment.Desk
	reader reader
}

// register registers the routes and returns what Lambda calls.
func (h *handler) register(sessions httpapi.Sessions[access.Applicant]) (any, error) {
	httpapi.JSON(httpapi.Cookie(h.api, "/api/v1", sessions), "POST /applications/{id}/checkout", h.checkout)
	h.api.Handle("POST /api/v1/payments/callback/{provider}", http.HandlerFunc(h.callback))
	return h.api.Handler()
}

func (h *handler) checkout(ctx context.Context, c httpapi.Call[access.Applicant], _ httpapi.None) (payment.Page, error) {
	return h.desk.Checkout(ctx, c.Caller, c.Path("id"))
}

// callback takes a notice in. It is no JSON call like the others: what is signed are the bytes as they came, and nobody looks into them before the
// signature is known to be the institute's.
func (h *handler) callback(w http.ResponseWriter, r *http.Request) {
	if err := h.take(r); err != nil {
		h.api.Fail(w, r, err)
		return
	}
	w.WriteHeader(http.StatusOK)
}

// maxNotice is how long a notice may be: one has less than a kilobyte.
const maxNotice = 16 << 10

func (h *handler) take(r *http.Request) error {
	if r.PathValue("provider") != payment.Provider {
		return problem.Hidden()
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxNotice+1))
	if err != nil {
		return problem.New(problem.Malformed, "L’avviso non è arrivato intero.").Because(err)
	}
	if len(body) > maxNotice {
		return problem.New(problem.TooLarge, "L’avviso è troppo lungo.")
	}
	notice, signed, err := h.reader.Read(r.Context(), body, r.Header.Get("X-JWS-Signature"))
	switch {
	case errors.Is(err, payments.ErrForged):
		return problem.New(problem.Unauthenticated, "L’avviso non è firmato dall’istituto di pagamento, o è cambiato dopo la firma.").Because(err)
	case errors.Is(err, payments.ErrMalformed):
		return problem.New(problem.Malformed, "L’avviso è firmato ma non si legge.").Because(err)
	case errors.Is(err, payments.ErrUnavailable):
		return problem.New(problem.Unavailable, "Le chiavi dell’istituto di pagamento non si trovano: l’avviso va ripetuto.").Because(err)
	case err != nil:
		return err
	}
	return h.desk.Record(r.Context(), notice, payment.Raw{Bytes: signed, Kind: payment.JWS})
}
