package officers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"time"

	"sportello/shared/domain/layout"
	"sportello/shared/domain/problem"
	"sportello/shared/flow/access"
	"sportello/shared/flow/step"
	"sportello/shared/platform/table"
)

// Key is an API key as we know it: the K# row, found by the digest of its secret. Secrets are shown once and kept nowhere.
type Key struct {
	Chamber   string         `json:"chamber"`
	Name      string         `json:"name"`
	Rights    []access.Right `json:"rights"`
	CreatedAt time.Time      `json:"createdAt"`
	ExpiresAt time.Time      `json:"expiresAt"`
	RevokedAt *time.Time     `json:"revokedAt,omitempty"`
}

// IsLive tells whether the key opens anything at that instant.
func (k Key) IsLive(now time.Time) bool { return k.RevokedAt == nil && now.Before(k.ExpiresAt) }

// named is the KEY# row: it leads from a name to the key that has it now, which may be dead.
type named struct {
	Digest string `json:"digest"`
}

// Keyring keeps the chambers' API keys.
type Keyring struct {
	table  table.Table
	now    step.Clock
	random io.Reader
}

// NewKeyring returns a Keyring over the sessions table. random is what keys are made of; without it none can be made, which is how the
// functions have it.
func NewKeyring(t table.Table, now step.Clock, random io.Reader) (*Keyring, error) {
	if t == nil || now == nil {
		return nil, errors.New("officers: keyring without table or clock")
	}
	return &Keyring{t, now, random}, nil
}

var errNoKey = errors.New("officers: no such key")

// keyPrefix lets scanners for leaked secrets recognise one; API Gateway takes letters and digits only, 20 to 128 of them.
const keyPrefix = "sportello"

var keyForm = regexp.MustCompile(`^` + keyPrefix + `[0-9a-f]{64}$`)

func keyDigest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// live returns the key with that secret, or errNoKey.
func (r *Keyring) live(ctx context.Context, secret string) (Key, error) {
	if !keyForm.MatchString(secret) {
		return Key{}, errNoKey
	}
	k, _, err := table.Load[Key](ctx, r.table, layout.APIKey(keyDigest(secret)), schema)
	switch {
	case errors.Is(err, table.ErrNotFound), err == nil && !k.IsLive(r.now()):
		return Key{}, errNoKey
	case err != nil:
		return Key{}, fmt.Errorf("reading key: %w", err)
	}
	return k, nil
}

// Opens tells whether a secret is a live key of the chamber.
func (r *Keyring) Opens(ctx context.Context, chamber, secret string) (bool, error) {
	k, err := r.live(ctx, secret)
	if errors.Is(err, errNoKey) {
		return false, nil
	}
	return k.Chamber == chamber, err
}

// NewKey describes a key to be made.
type NewKey struct {
	Chamber string
	Name    string // unique among the chamber's live keys
	Rights  []access.Right
	Life    time.Duration
}

// The limits of a key's life: long enough for a yearly rotation, short enough that a forgotten key dies.
const (
	minLife = 24 * time.Hour
	maxLife = 400 * 24 * time.Hour
)

var keyName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$`)

func (n NewKey) check() error {
	switch {
	case n.Chamber == "":
		return errors.New("officers: key without chamber")
	case !keyName.MatchString(n.Name):
		return problem.New(problem.Invalid, "Il nome della chiave può avere al massimo 40 lettere minuscole, cifre e trattini.")
	case n.Life < minLife || n.Life > maxLife:
		return problem.New(problem.Invalid, "La durata di una chiave va da 1 a 400 giorni.")
	case len(n.Rights) == 0:
		return problem.New(problem.Invalid, "Indica almeno un compito.")
	}
	for _, right := range n.Rights {
		if !slices.Contains(Rights(), right) {
			return problem.New(problem.Invalid, "Compito sconosciuto.")
		}
	}
	return nil
}

// Make makes a key and returns its secret, which nobody can ask for again. The name of a dead key may be given anew.
func (r *Keyring) Make(ctx context.Context, n NewKey) (string, Key, error) {
	if err := n.check(); err != nil {
		return "", Key{}, err
	}
	if r.random == nil {
		return "", Key{}, errors.New("officers: keyring without randomness makes no keys")
	}
	b := make([]byte, sha256.Size)
	if _, err := io.ReadFull(r.random, b); err != nil {
		return "", Key{}, fmt.Errorf("reading randomness: %w", err)
	}
	secret := keyPrefix + hex.EncodeToString(b)
	now := r.now()
	k := Key{Chamber: n.Chamber, Name: n.Name, Rights: tidy(n.Rights), CreatedAt: now, ExpiresAt: now.Add(n.Life)}
	err := step.Retry(ctx, func() error { return r.put(ctx, keyDigest(secret), k) })
	if err != nil {
		return "", Key{}, fmt.Errorf("keeping key: %w", err)
	}
	return secret, k, nil
}

func (r *Keyring) put(ctx context.Context, digest string, k Key) error {
	old, oldDigest, place, err := r.byName(ctx, k.Chamber, k.Name)
	switch {
	case err != nil && !errors.Is(err, errNoKey):
		return err
	case oldDigest == digest: // an earlier try of ours, whose outcome was unclear
		return nil
	case err == nil && old.IsLive(r.now()):
		return problem.New(problem.Conflict, "Esiste già una chiave valida con questo nome: revocala o scegli un altro nome.")
	}
	place, err = place.With(schema, named{digest})
	if err != nil {
		return err
	}
	row, err := table.Item{Key: layout.APIKey(digest)}.With(schema, k)
	if err != nil {
		return err
	}
	return r.table.Commit(ctx, table.Put(row), table.Put(place))
}

// byName returns the key that a name leads to, alive or dead, and the row of the name; errNoKey if there never was one.
func (r *Keyring) byName(ctx context.Context, chamber, name string) (k Key, digest string, place table.Item, err error) {
	n, place, err := table.Load[named](ctx, r.table, layout.KeyName(chamber, name), schema)
	if errors.Is(err, table.ErrNotFound) {
		return k, "", place, errNoKey
	}
	if err != nil {
		return k, "", place, fmt.Errorf("reading key's name: %w", err)
	}
	k, _, err = table.Load[Key](ctx, r.table, layout.APIKey(n.Digest), schema)
	if err != nil {
		return k, "", place, fmt.Errorf("reading key: %w", err)
	}
	return k, n.Digest, place, nil
}

// Revoke ends a key at once. A key that is dead already is no error; a name that never was is a problem.
func (r *Keyring) Revoke(ctx context.Context, chamber, name string) error {
	at := r.now()
	return step.Retry(ctx, func() error {
		_, digest, _, err := r.byName(ctx, chamber, name)
		if errors.Is(err, errNoKey) {
			return problem.New(problem.NotFound, "Questa Camera di commercio non ha chiavi con questo nome.")
		}
		if err != nil {
			return err
		}
		k, item, err := table.Load[Key](ctx, r.table, layout.APIKey(digest), schema)
		if err != nil || k.RevokedAt != nil {
			return err
		}
		k.RevokedAt = &at
		row, err := item.With(schema, k)
		if err != nil {
			return err
		}
		return r.table.Commit(ctx, table.Put(row))
	})
}

// Notice is how long before its end a key's owner is told.
const Notice = 30 * 24 * time.Hour

// Ending counts the chamber's keys that nobody revoked and that end within Notice, or have ended: what shuts a system out, or soon will.
func (r *Keyring) Ending(ctx context.Context, chamber string) (int, error) {
	keys, err := r.Keys(ctx, chamber)
	count := 0
	for _, k := range keys {
		if k.RevokedAt == nil && !r.now().Add(Notice).Before(k.ExpiresAt) {
			count++
		}
	}
	return count, err
}

// Keys returns the keys that a chamber's names lead to, alive or dead, by name.
func (r *Keyring) Keys(ctx context.Context, chamber string) ([]Key, error) {
	items, err := table.All(ctx, r.table, table.Query{PK: layout.Chamber(chamber), Prefix: layout.KeyPrefix})
	if err != nil {
		return nil, fmt.Errorf("reading keys: %w", err)
	}
	keys := []Key{}
	for _, item := range items {
		n, err := table.Decode[named](item, schema)
		if err != nil {
			return nil, err
		}
		k, _, err := table.Load[Key](ctx, r.table, layout.APIKey(n.Digest), schema)
		if err != nil {
			return nil, fmt.Errorf("reading key: %w", err)
		}
		keys = append(keys, k)
	}
	return keys, nil
}
