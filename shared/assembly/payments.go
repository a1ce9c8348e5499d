package assembly

import (
	"context"
	"errors"
	"fmt"
	"strings"

	money "sportello/shared/domain/payment"
	"sportello/shared/edge/lambdafn"
	"sportello/shared/flow/payment"
	"sportello/shared/platform/payments"
)

// InstituteParameter is the subscription key by which the payment institute knows us.
const InstituteParameter = "/institute-key"

// Institute is the payment institute as flow/payment asks it. What it did not answer, and what it refused, are told in the step's own words.
type Institute struct{ *payments.Client }

var _ payment.Institute = Institute{}

// NewInstitute makes the client of the institute at an address.
func NewInstitute(p *lambdafn.Process, address, key string) (Institute, error) {
	client, err := payments.New(payments.Config{Base: address, Key: strings.TrimSpace(key), Provider: payment.Provider, Now: p.Now})
	return Institute{client}, err
}

func said(err error) error {
	switch {
	case errors.Is(err, payments.ErrUnavailable):
		return fmt.Errorf("%w: %w", payment.ErrSilent, err)
	case errors.Is(err, payments.ErrRefused):
		return fmt.Errorf("%w: %w", payment.ErrRefused, err)
	}
	return err
}

// Open implements payment.Institute.
func (i Institute) Open(ctx context.Context, p money.Position) error {
	return said(i.Client.Open(ctx, p))
}

// Page implements payment.Institute.
func (i Institute) Page(ctx context.Context, position money.Position, back payment.Return) (string, error) {
	url, err := i.Client.Page(ctx, position, back.OK, back.Cancelled, back.Failed)
	return url, said(err)
}

// Status implements payment.Institute.
func (i Institute) Status(ctx context.Context, organization, iupd string) (money.Status, error) {
	status, err := i.Client.Status(ctx, organization, iupd)
	return status, said(err)
}

// Close implements payment.Institute.
func (i Institute) Close(ctx context.Context, organization, iupd string) error {
	return said(i.Client.Close(ctx, organization, iupd))
}

// Refund implements payment.Institute.
func (i Institute) Refund(ctx context.Context, iuv string, r money.Refund) (bool, error) {
	settled, err := i.Client.Refund(ctx, iuv, r)
	return settled, said(err)
}
