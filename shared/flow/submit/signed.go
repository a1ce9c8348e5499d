package submit

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sportello/shared/domain/application"
	"sportello/shared/domain/identity"
	"sportello/shared/domain/problem"
	"sportello/shared/domain/signature"
	"sportello/shared/flow/casefile"
	"sportello/shared/flow/signatures"
	"sportello/shared/flow/step"
)

// signed verifies again the files that the form wants signed, as of this instant, and that who signed may sign for the owner (CAD art. 20 c.1-bis
// and art. 65 c.1 a). A verdict that nobody can give now holds nothing up: it is asked for until it is there.
func (d *Desk) signed(ctx context.Context, r reading) error {
	var fields []problem.Field
	for i, a := range r.attachments {
		if !signatures.Wanted(r.Service, a.Field) {
			continue
		}
		report, err := signatures.Look(ctx, d.Documents, d.Signatures, r.Service, r.ID, a, d.Now())
		if err != nil {
			return err
		}
		r.attachments[i].Signature = &report
		wrong, err := d.wrong(ctx, r, report)
		if err != nil {
			return err
		}
		if wrong != "" {
			fields = append(fields, problem.Field{Pointer: "#/attachments/" + a.Field, Detail: wrong})
		}
	}
	if len(fields) == 0 {
		return nil
	}
	p := problem.New(problem.Invalid, "Un documento non è firmato come serve: controlla i file indicati.")
	p.Fields = fields
	return p
}

// wrong says in Italian why a report does not do; empty if it does.
func (d *Desk) wrong(ctx context.Context, r reading, report signature.Report) (string, error) {
	if report.Verdict == signature.Invalid {
		return report.Text, nil
	}
	var names []string
	for _, s := range report.Signers {
		if s.Verdict == signature.Invalid {
			continue
		}
		entitled, err := d.entitled(ctx, r, s.TaxCode)
		if err != nil || entitled {
			return "", err
		}
		names = append(names, s.Name)
	}
	if len(names) == 0 {
		return report.Text, nil // who signed must be named, even where nobody can say yet what that is worth
	}
	return fmt.Sprintf("Il documento è firmato da %s, che non risulta rappresentare %s: deve firmarlo chi rappresenta l'impresa.",
		strings.Join(names, ", "), r.Owner.Name), nil
}

// entitled tells whether a person may sign for the owner: the owner, or who represents the company. The filer's own powers are checked apart.
func (d *Desk) entitled(ctx context.Context, r reading, person string) (bool, error) {
	switch {
	case person == "":
		return false, nil
	case slices.Contains([]string{r.Owner.TaxCode, r.Filer.TaxCode}, person):
		return true, nil
	case r.Owner.Kind != application.Company:
		return false, nil
	case !identity.TaxCode(person).IsPerson():
		return false, nil // as a foreign number: the register has no answer for it, and its refusal would be taken for silence
	}
	yes, err := d.Representation.Represents(ctx, person, r.Owner.TaxCode)
	if err != nil {
		return false, silent(err)
	}
	return yes, nil
}

// reports writes what was found of the signatures on the files' rows and, where a verdict is owed, promises to ask for it again.
func (r reading) reports(changes *casefile.Changes, presenting step.Owed) error {
	for _, a := range r.attachments {
		if a.Signature != nil {
			changes.Add(casefile.Row(r.rows[a.ID], r.rows[a.ID].Key, a))
		}
	}
	if signatures.Pending(r.attachments) {
		owed := signatures.Promise(presenting.Chamber, presenting.Day, presenting.Event, r.ID, presenting.CreatedAt)
		changes.Add(owed.Promise())
	}
	return changes.Err
}
