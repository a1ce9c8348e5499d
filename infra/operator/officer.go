package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sportello/shared/flow/access"
	"sportello/shared/flow/officers"
)

// makeOfficer puts a person on a chamber's list. Given twice, it changes nothing the second time.
func makeOfficer(ctx context.Context, o *options, args []string) error {
	var d officers.Details
	chamber := o.flags.String("chamber", "", "Camera di commercio")
	o.flags.StringVar(&d.TaxCode, "tax-code", "", "codice fiscale dell'addetto")
	o.flags.StringVar(&d.Name, "name", "", "nome e cognome")
	rights := o.flags.String("rights", "", "compiti: work, register, manage (se mancano: quelli che ha; tutti al primo addetto, work agli altri)")
	offices := o.flags.String("offices", "", "uffici, se non tutti")
	i, err := o.open(ctx, args)
	if err != nil {
		return err
	}
	d.Rights, d.Offices = splitRights(*rights), split(*offices)
	return i.appoint(ctx, o, *chamber, d)
}

// usualRights are all of them while nobody manages the list: a chamber whose first officer could only work would have nobody to add the
// second. Who is on the list keeps theirs.
func (i *installation) usualRights(ctx context.Context, chamber, taxCode string) ([]access.Right, error) {
	list, err := i.roster.List(ctx, access.Officer{Chamber: chamber, TaxCode: officers.Operator, Rights: officers.Rights()})
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(list, func(o officers.Officer) bool { return slices.Contains(o.Rights, access.Manage) }) {
		return officers.Rights(), nil
	}
	for _, o := range list {
		if strings.EqualFold(o.TaxCode, strings.TrimSpace(taxCode)) {
			return o.Rights, nil
		}
	}
	return []access.Right{access.Work}, nil
}

func (i *installation) appoint(ctx context.Context, o *options, chamber string, d officers.Details) error {
	if err := knownChamber(chamber); err != nil {
		return err
	}
	if len(d.Rights) == 0 {
		var err error
		if d.Rights, err = i.usualRights(ctx, chamber, d.TaxCode); err != nil {
			return err
		}
	}
	appointed, err := i.roster.Appoint(ctx, chamber, d)
	if err != nil {
		return err
	}
	fmt.Fprintf(o.messages, "%s è tra gli addetti della Camera %s: %v.\n", appointed.Name, chamber, appointed.Rights)
	return nil
}

func revokeOfficer(ctx context.Context, o *options, args []string) error {
	chamber := o.flags.String("chamber", "", "Camera di commercio")
	taxCode := o.flags.String("tax-code", "", "codice fiscale dell'addetto")
	i, err := o.open(ctx, args)
	if err != nil {
		return err
	}
	if err := i.roster.Dismiss(ctx, *chamber, strings.ToUpper(*taxCode)); err != nil {
		return err
	}
	fmt.Fprintf(o.messages, "L'addetto non è più nell'elenco della Camera %s.\n", *chamber)
	return nil
}
