package ledger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"sportello/shared/domain/layout"
	"sportello/shared/platform/table"
)

// Genesis is the hash before the first record of a book.
var Genesis = strings.Repeat("0", 64)

// Hash is the chain's link: SHA-256 over the lines below, in lower-case hex. infra/docs/register-format.md tells a
// stranger how to compute it; infra/verify does so without this code.
func Hash(e Entry) string {
	body := sha256.Sum256([]byte(e.Body))
	text := fmt.Sprintf("sportello register entry v1\n%s\n%d\n%d\n%d\n%s\n%s\n%s\n%s\n",
		e.Book, e.Seq, e.Number, e.Annex, e.Event, e.Page, e.Prev, hex.EncodeToString(body[:]))
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// Marshal writes a block as it is archived: one JSON object a line. The same entries give the same bytes.
func Marshal(block []Entry) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	for _, e := range block {
		if err := encoder.Encode(e); err != nil {
			return nil, fmt.Errorf("marshalling block: %w", err)
		}
	}
	return out.Bytes(), nil
}

// Unmarshal reads an archived block and checks its own chain.
func Unmarshal(data []byte) ([]Entry, error) {
	var block []Entry
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	for decoder.More() {
		var e Entry
		if err := decoder.Decode(&e); err != nil {
			return nil, fmt.Errorf("unmarshalling block: %w", err)
		}
		if e.Hash != Hash(e) {
			return nil, fmt.Errorf("unmarshalling block: %w: hash of seq %d", ErrBroken, e.Seq)
		}
		if n := len(block); n > 0 && (block[n-1].Hash != e.Prev || block[n-1].Seq+1 != e.Seq) {
			return nil, fmt.Errorf("unmarshalling block: %w: chain at seq %d", ErrBroken, e.Seq)
		}
		block = append(block, e)
	}
	if len(block) == 0 || len(block) != block[0].Count || block[0].First != block[0].Seq {
		return nil, fmt.Errorf("unmarshalling block: %w: incomplete", ErrBroken)
	}
	return block, nil
}

// Restore enters an archived block again, exactly as it was, into a book whose table was restored to an earlier
// moment. The block must follow the head; a block that the book holds already changes nothing.
func (l *Ledger) Restore(ctx context.Context, book string, block []Entry) error {
	state, err := l.Load(ctx, book)
	if errors.Is(err, ErrNoBook) {
		if err = l.Create(ctx, book); err != nil {
			return err
		}
		state, err = l.Load(ctx, book)
	}
	if err != nil {
		return err
	}
	first, last := block[0], block[len(block)-1]
	switch {
	case last.Seq <= state.Seq:
		return l.same(ctx, block)
	case first.Book != book || first.Seq != state.Seq+1 || first.Prev != state.Hash:
		return fmt.Errorf("restoring block %d of %s: %w: does not follow %d", first.Seq, book, ErrBroken, state.Seq)
	}
	next := state.Head
	next.Seq, next.Hash, next.Last = last.Seq, last.Hash, last.place()
	for _, e := range block {
		next.From = earlier(next.From, e.Page)
		if e.Annex == 0 {
			next.Number = e.Number
		}
	}
	changes, err := l.changes(ctx, state, block, next)
	if err != nil {
		return err
	}
	return l.table.Commit(ctx, changes...)
}

// same checks that the book holds the block as archived.
func (l *Ledger) same(ctx context.Context, block []Entry) error {
	for _, e := range block {
		kept, _, err := table.Load[Entry](ctx, l.table, e.place().key(), schema)
		if err != nil {
			return err
		}
		if kept != e {
			return fmt.Errorf("comparing seq %d of %s: %w: archive and table differ", e.Seq, e.Book, ErrBroken)
		}
	}
	return nil
}

// Resealed notes, after a restore, that a page had been sealed with these words.
func (l *Ledger) Resealed(ctx context.Context, book, page string, seal []byte) error {
	state, err := l.Load(ctx, book)
	if err != nil {
		return err
	}
	_, err = l.Seal(ctx, state, page, seal)
	return err
}

// Key returns where an entry's row is, for whoever lists what belongs to a case.
func (e Entry) Key() table.Key { return e.place().key() }

// ArchiveKey is where the entry's block is archived.
func (e Entry) ArchiveKey() string { return layout.Block(e.Book, e.First) }
