package main

import (
	"context"
	"fmt"

	"sportello/infra/road"
)

// declared waits until the day of the case's number is signed, timestamped and published, and takes the case's evidence away.
func (t *told) declared(ctx context.Context, day string) error {
	v, err := t.look(ctx)
	if err != nil {
		return err
	}
	if t.chamber == "varese" {
		if v.Protocol.External == nil {
			return fmt.Errorf("the chamber's own protocol gave no number")
		}
		t.say("numero del protocollo proprio della Camera: %s", v.Protocol.External.Number)
	}
	anyone := t.citizen.Anonymous()
	err = t.Eventually(ctx, t.chamber+": day declared", func() (bool, error) {
		err := anyone.Get(ctx, "/api/v1/seals/"+t.chamber+"/"+day, nil)
		if road.Status(err) == 404 {
			return false, nil
		}
		return true, err
	})
	if err != nil {
		return err
	}
	if t.evidence, err = t.citizen.Download(ctx, t.path("/evidence")); err != nil {
		return err
	}
	other, err := t.office.Download(ctx, t.desk("/evidence"))
	if err != nil {
		return err
	}
	t.say("giorno %s firmato, marcato e pubblicato; fascicolo di prova di %d kB, %d kB per l'ufficio", day, len(t.evidence)>>10, len(other)>>10)
	return nil
}
