package assembly

import (
	"context"
	"strings"

	money "sportello/shared/domain/payment"
	"sportello/shared/edge/lambdafn"
	"sportello/shared/flow/payment"
	"sportello/shared/platform/payments"
)

// InstituteParameter is the subscription key by which the payment institute knows us.
const InstituteParameter = "/institute-key"

// Institute is the payment institute as flow/payment asks it.
type Institute struct{ *payments.Client }

var _ payment.Institute = Institute{}

// NewInstitute makes the client of the institute at an address.
func NewInstitute(p *lambdafn.Process, address, key string) (Institute, error) {
	client, err := payments.New(payments.Config{Base: address, Key: strings.TrimSpace(key), Provider: payment.Provider, Now: p.Now})
	return Institute{client}, err
}

// Page implements payment.Institute.
func (i Institute) Page(ctx context.Context, position money.Position, back payment.Return) (string, error) {
	return i.Client.Page(ctx, position, back.OK, back.Cancelled, back.Failed)
}
