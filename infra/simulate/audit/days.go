package audit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sportello/infra/simulate/outside"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/register"
	"sportello/shared/flow/sealing"
)

// days: every sealed day is declared, its statement is that of its seal and follows the one of the day before, seal and token are about it,
// and preservation has it. The tree is hashed with code of this package's own.
func (a *Auditor) days() {
	before := map[string]string{} // digest of a chamber's last statement
	for _, key := range slices.Sorted(maps.Keys(a.seals)) {
		chamber, day := key[:len(key)-11], key[len(key)-10:]
		item := a.Applications.Peek(layout.Declared(chamber, day))
		if !item.Exists() {
			a.Report(Safe, "%s was sealed and never declared", key)
			return
		}
		declared := parse[sealing.Declared](item)
		if what := a.declared(declared, a.seals[key], before[chamber]); what != "" {
			a.Report(Register, "%s was declared wrongly: %s", key, what)
		}
		before[chamber] = register.Digest(declared.Statement)
		if !a.Deposited(layout.DayPackageID(chamber, day)) {
			a.Report(Safe, "%s is not with the preservation provider", key)
		}
	}
}

func (a *Auditor) declared(d sealing.Declared, seal, before string) string {
	var s struct {
		Seal     string
		Previous string
		Tree     struct {
			Size int
			Root string
		}
	}
	if err := json.Unmarshal(d.Statement, &s); err != nil {
		return "it cannot be read"
	}
	if before == "" {
		before = register.NoSeal
	}
	for key, want := range map[string][]byte{
		layout.Statement(d.Chamber, d.Day): d.Statement, layout.StatementSignature(d.Chamber, d.Day): d.Signature,
		layout.StatementTimestamp(d.Chamber, d.Day): d.Timestamp,
	} {
		if kept, err := a.Archive.Get(context.Background(), key); err != nil || string(kept) != string(want) {
			return "what is published is not what is archived"
		}
	}
	leaves, err := a.leaves(d, seal)
	switch {
	case err != nil:
		return err.Error()
	case s.Seal != register.Digest([]byte(seal)):
		return "another seal's digest"
	case s.Previous != before:
		return "it does not follow the statement of the day before"
	case s.Tree.Size != len(leaves) || s.Tree.Root != hex.EncodeToString(root(leaves)):
		return "the root is not that of its leaves"
	case !outside.Sealed(d.Signature, d.Statement), !outside.Stamped(d.Timestamp, d.Signature):
		return "seal or token are about something else"
	}
	return ""
}

// leaves are the day's, held to the seal's list.
func (a *Auditor) leaves(d sealing.Declared, seal string) ([]string, error) {
	var kept struct {
		Leaves []struct {
			Year       int
			Seq        uint64
			Hash, Salt string
		}
	}
	body, err := a.Archive.Get(context.Background(), layout.Leaves(d.Chamber, d.Day))
	if err == nil {
		err = json.Unmarshal(body, &kept)
	}
	if err != nil {
		return nil, err
	}
	s, err := register.ParseSeal([]byte(seal))
	if err != nil {
		return nil, err
	}
	var want, got []string
	for _, b := range append(s.Earlier, register.Earlier{Year: s.Book.Year, Entries: s.Entries}) {
		for _, e := range b.Entries {
			want = append(want, fmt.Sprintln(b.Year, e.Seq, e.Hash))
		}
	}
	salts := map[string]bool{}
	var leaves []string
	for _, l := range kept.Leaves {
		got = append(got, fmt.Sprintln(l.Year, l.Seq, l.Hash))
		salts[l.Salt] = true
		leaves = append(leaves, fmt.Sprintf("sportello register leaf v1\n%d\n%d\n%s\n%s\n", l.Year, l.Seq, l.Hash, l.Salt))
	}
	if !slices.Equal(want, got) || len(salts) != len(got) {
		return nil, fmt.Errorf("its %d leaves are not the %d records of the seal, each with a salt", len(got), len(want))
	}
	return leaves, nil
}

// root is the Merkle tree hash of RFC 6962, 2.1.
func root(leaves []string) []byte {
	sum := func(s string) []byte { h := sha256.Sum256([]byte(s)); return h[:] }
	switch n := len(leaves); n {
	case 0:
		return sum("")
	case 1:
		return sum("\x00" + leaves[0])
	default:
		k := 1
		for 2*k < n {
			k *= 2
		}
		return sum("\x01" + string(root(leaves[:k])) + string(root(leaves[k:])))
	}
}

// earlier is what stands on a day in the books of a chamber's earlier years.
func (a *Auditor) earlier(b *book, day string) []register.Earlier {
	var list []register.Earlier
	for _, name := range slices.Sorted(maps.Keys(a.books)) {
		other := a.books[name]
		if other.chamber != b.chamber || other.year >= b.year || !strings.HasPrefix(name, b.chamber+"#") {
			continue
		}
		var entries []register.Sealed
		for _, r := range other.records {
			if r.Page == day {
				entries = append(entries, register.Sealed{Seq: r.Seq, Number: register.Number(r.Number), Annex: r.Annex, Hash: r.Hash})
			}
		}
		if entries != nil {
			list = append(list, register.Earlier{Year: other.year, Entries: entries})
		}
	}
	return list
}
