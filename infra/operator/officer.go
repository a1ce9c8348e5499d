package main

import (
	"context"
	"fmt"
	"strings"

	"sportello/shared/flow/officers"
)

// makeOfficer puts a person on a chamber's list. Given twice, it changes nothing the second time.
func makeOfficer(ctx context.Context, o *options, args []string) error {
	var d officers.Details
	chamber := o.flags.String("chamber", "", "Camera di commercio")
	o.flags.StringVar(&d.TaxCode, "tax-code", "", "codice fiscale dell'addetto")
	o.flags.StringVar(&d.Name, "name", "", "nome e cognome")
	rights := o.flags.String("rights", "work", "compiti: work, register, manage")
	offices := o.flags.String("offices", "", "uffici, se non tutti")
	i, err := o.open(ctx, args)
	if err != nil {
		return err
	}
	d.Rights, d.Offices = splitRights(*rights), split(*offices)
	return i.appoint(ctx, o, *chamber, d)
}

func (i *installation) appoint(ctx context.Context, o *options, chamber string, d officers.Details) error {
	if err := knownChamber(chamber); err != nil {
		return err
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
