package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"sportello/shared/flow/officers"
)

const day = 24 * time.Hour

// makeKey makes a key and shows it. Our row comes first, for it is what counts at every request; if API Gateway then refuses, the row
// is revoked and nobody ever saw the secret.
func makeKey(ctx context.Context, o *options, args []string) error {
	var n officers.NewKey
	o.flags.StringVar(&n.Chamber, "chamber", "", "Camera di commercio")
	o.flags.StringVar(&n.Name, "name", "", "nome della chiave: lettere minuscole, cifre e trattini")
	days := o.flags.Int("days", 365, "durata in giorni")
	rights := o.flags.String("rights", "work,register", "compiti: work, register, manage")
	i, err := o.open(ctx, args)
	if err != nil {
		return err
	}
	if err := knownChamber(n.Chamber); err != nil {
		return err
	}
	n.Life, n.Rights = time.Duration(*days)*day, splitRights(*rights)
	secret, made, err := i.makeKey(ctx, n)
	if err != nil {
		return err
	}
	fmt.Fprintf(o.messages, "Chiave «%s» della Camera %s, valida fino al %s. Non sarà più mostrata:\n",
		made.Name, made.Chamber, made.ExpiresAt.Format(time.DateOnly))
	fmt.Fprintln(o.out, secret)
	return nil
}

func (i *installation) makeKey(ctx context.Context, n officers.NewKey) (string, officers.Key, error) {
	secret, made, err := i.keyring.Make(ctx, n)
	if err != nil {
		return "", made, err
	}
	if err := i.admit(ctx, n.Chamber, n.Name, secret); err != nil {
		// The command may have been interrupted: taking the row back must not be.
		undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		return "", made, errors.Join(err, i.keyring.Revoke(undo, n.Chamber, n.Name))
	}
	return secret, made, nil
}

func (i *installation) admit(ctx context.Context, chamber, name, secret string) error {
	if i.gateway == nil {
		return nil
	}
	return i.gateway.admit(ctx, chamber, name, secret)
}

// revokeKey ends a key: in our row first, which is what shuts it out; API Gateway forgets it after.
func revokeKey(ctx context.Context, o *options, args []string) error {
	chamber := o.flags.String("chamber", "", "Camera di commercio")
	name := o.flags.String("name", "", "nome della chiave")
	i, err := o.open(ctx, args)
	if err != nil {
		return err
	}
	if err := i.keyring.Revoke(ctx, *chamber, *name); err != nil {
		return err
	}
	fmt.Fprintf(o.messages, "La chiave «%s» della Camera %s non apre più nulla.\n", *name, *chamber)
	if i.gateway == nil {
		return nil
	}
	if err := i.gateway.forget(ctx, *chamber, *name); err != nil {
		return fmt.Errorf("la chiave è revocata, ma resta in API Gateway: ripetere il comando: %w", err)
	}
	return nil
}

func listKeys(ctx context.Context, o *options, args []string) error {
	chamber := o.flags.String("chamber", "", "Camera di commercio")
	i, err := o.open(ctx, args)
	if err != nil {
		return err
	}
	if err := knownChamber(*chamber); err != nil {
		return err
	}
	keys, err := i.keyring.Keys(ctx, *chamber)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(o.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NOME\tSTATO\tCREATA\tSCADE\tCOMPITI")
	for _, k := range keys {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", k.Name, state(k, i.now()),
			k.CreatedAt.Format(time.DateOnly), k.ExpiresAt.Format(time.DateOnly), fmt.Sprint(k.Rights))
	}
	return w.Flush()
}

func state(k officers.Key, now time.Time) string {
	switch {
	case k.RevokedAt != nil:
		return "revocata"
	case !k.IsLive(now):
		return "scaduta"
	}
	return "valida"
}
