package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/problem"
	"sportello/shared/flow/access"
	"sportello/shared/flow/officers"
)

// seedName is the name of the keys that seed makes.
const seedName = "locale"

// seed prepares a local installation: a key for every chamber, written to a file that only its owner can read, and the officers asked
// for. Keys of the file that still open their chamber are kept; it can be given at every start.
func seed(ctx context.Context, o *options, args []string) error {
	file := o.flags.String("keys", "", "file delle chiavi: {\"camera\": \"chiave\"}")
	var people []string
	o.flags.Func("officer", "CAMERA:CODICE FISCALE:NOME di un addetto con tutti i compiti; si può ripetere", func(text string) error {
		people = append(people, text)
		return nil
	})
	i, err := o.open(ctx, args)
	if err != nil {
		return err
	}
	if *file == "" {
		return errors.New("manca --keys")
	}
	keys, err := readKeys(*file)
	if err != nil {
		return err
	}
	for _, c := range catalogue.Chambers() {
		if err := i.seedKey(ctx, c.ID, keys); err != nil {
			return fmt.Errorf("chiave della Camera %s: %w", c.ID, err)
		}
		// After each: what a crash makes useless is at most one key, which the next run replaces.
		if err := writeKeys(*file, keys); err != nil {
			return err
		}
	}
	for _, text := range people {
		if err := i.seedOfficer(ctx, o, text); err != nil {
			return err
		}
	}
	return nil
}

// seedKey keeps the file's key if it is good, and else makes one in the place of what the file may have lost.
func (i *installation) seedKey(ctx context.Context, chamber string, keys map[string]string) error {
	good, err := i.keyring.Opens(ctx, chamber, keys[chamber])
	if err != nil {
		return err
	}
	if good {
		return i.admit(ctx, chamber, seedName, keys[chamber])
	}
	if err := i.keyring.Revoke(ctx, chamber, seedName); err != nil && !problem.Is(err, problem.NotFound) {
		return err
	}
	secret, _, err := i.makeKey(ctx, officers.NewKey{Chamber: chamber, Name: seedName, Rights: officers.Rights(), Life: 365 * day})
	if err != nil {
		return err
	}
	keys[chamber] = secret
	return nil
}

func (i *installation) seedOfficer(ctx context.Context, o *options, text string) error {
	parts := strings.SplitN(text, ":", 3)
	if len(parts) != 3 {
		return fmt.Errorf("--officer si scrive CAMERA:CODICE FISCALE:NOME, non %q", text)
	}
	rights := []access.Right{access.Work, access.Register, access.Manage}
	return i.appoint(ctx, o, parts[0], officers.Details{TaxCode: parts[1], Name: parts[2], Rights: rights})
}

func readKeys(file string) (map[string]string, error) {
	keys := map[string]string{}
	body, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return keys, nil
	case err != nil:
		return nil, fmt.Errorf("leggendo le chiavi: %w", err)
	}
	if err := json.Unmarshal(body, &keys); err != nil {
		return nil, errors.New("leggendo le chiavi: il file non è quello che seed ha scritto") // its content is secret
	}
	return keys, nil
}

// writeKeys replaces the file as a whole, so that no reader sees half of it; a temporary file is made for its owner only.
func writeKeys(file string, keys map[string]string) error {
	body, err := json.MarshalIndent(keys, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fmt.Errorf("scrivendo le chiavi: %w", err)
	}
	temporary, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+"-*")
	if err != nil {
		return fmt.Errorf("scrivendo le chiavi: %w", err)
	}
	_, err = temporary.Write(append(body, '\n'))
	err = errors.Join(err, temporary.Sync(), temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), file)
	}
	if err != nil {
		_ = os.Remove(temporary.Name())
		return fmt.Errorf("scrivendo le chiavi: %w", err)
	}
	return nil
}
