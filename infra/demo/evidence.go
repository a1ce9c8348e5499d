package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

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

// offline keeps every case's evidence file in a folder, and has the verifier read it by itself; a stranger finds none. What an earlier cloud left in the
// folder goes: its authorities went with it.
func (d *demo) offline(ctx context.Context, folder string, cases []caseReport) error {
	if err := emptied(folder); err != nil {
		return err
	}
	for n, t := range d.cases {
		path := filepath.Join(folder, t.id+".zip")
		if err := os.WriteFile(path, t.evidence, 0o600); err != nil {
			return err
		}
		if _, err := road.VerifyEvidence(ctx, d.verifier, d.Cloud, path); err != nil {
			return fmt.Errorf("%s: %w", t.chamber, err)
		}
		cases[n].Evidence = &path
		other := d.cases[(n+1)%len(d.cases)]
		if _, err := other.citizen.Download(ctx, t.path("/evidence")); err == nil && other.persona != t.persona {
			return fmt.Errorf("%s: il fascicolo si scarica anche da chi non c'entra", t.chamber)
		}
	}
	return nil
}

// emptied makes the folder, without the evidence files of an earlier demo: those are named by an application.
func emptied(folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	files, err := os.ReadDir(folder)
	for _, file := range files {
		if evidenceFile.MatchString(file.Name()) {
			err = errors.Join(err, os.Remove(filepath.Join(folder, file.Name())))
		}
	}
	return err
}

var evidenceFile = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.zip$`)
