package office

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/problem"
	"sportello/shared/domain/signature"
	"sportello/shared/flow/access"
	"sportello/shared/flow/casefile"
	"sportello/shared/flow/signatures"
)

// signed verifies the signature of the outcome's document as of the decision. A bad one is refused, whatever the service; none, where the sheet wants the
// act signed. A verdict that nobody can give now holds up no term: the act goes out, and the verdict is asked for until it is there.
func (d *Desk) signed(ctx context.Context, who access.Officer, c casefile.Case, file application.Attachment, at time.Time) (*signature.Report, error) {
	report, err := signatures.OfOffice(ctx, d.Documents, d.Signatures, c, file, at)
	if err != nil || report == nil {
		return nil, err
	}
	wrong := report.Text
	if report.Verdict != signature.Invalid {
		wrong, err = d.stranger(ctx, who, c, *report)
	}
	if err != nil || wrong == "" {
		return report, err
	}
	return nil, problem.New(problem.Invalid, "Il documento dell'esito non è firmato come serve: carica il documento firmato da chi decide.").At("#/document", wrong)
}

// stranger says in Italian why none of those who signed can have signed for the chamber; empty if one can. Whom a chamber's own system works for is its
// word; who filed the case decides it in no way, nor does who is complained of in it (L. 241/1990 art. 6-bis).
func (d *Desk) stranger(ctx context.Context, who access.Officer, c casefile.Case, report signature.Report) (string, error) {
	var names []string
	for _, s := range report.Signers {
		if c.Against != "" && access.Named(c.Against, s.Name) {
			return fmt.Sprintf("Il documento è firmato da %s, che il reclamo nomina: deve firmarlo un'altra persona della Camera di commercio.", s.Name), nil
		}
	}
	for _, s := range report.Signers {
		if s.Verdict == signature.Invalid {
			continue
		}
		ours, err := d.ours(ctx, who, c, s.TaxCode)
		if err != nil || ours {
			return "", err
		}
		names = append(names, s.Name)
	}
	if len(names) == 0 {
		return report.Text, nil
	}
	return fmt.Sprintf("Il documento è firmato da %s: deve firmarlo chi lavora per la Camera di commercio, e mai chi ha presentato la pratica.",
		strings.Join(names, ", ")), nil
}

func (d *Desk) ours(ctx context.Context, who access.Officer, c casefile.Case, person string) (bool, error) {
	if person == "" || slices.Contains([]string{c.Owner.TaxCode, c.Filer.TaxCode}, person) {
		return false, nil
	}
	if person == who.TaxCode || d.Colleague == nil {
		return true, nil
	}
	_, err := d.Colleague(ctx, who, person)
	if problem.Is(err, problem.Invalid) {
		return false, nil
	}
	return err == nil, err
}
