package httpapi

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"

	"sportello/shared/domain/problem"
)

// Cursors writes where a list goes on, as a text that only we can make and only we can read.
//
// A signature would be enough against tampering. Encryption is used because a place in a list is a table key, table keys hold
// tax codes, and a cursor is part of a URL, where personal data must not be. The list's partition and filters are
// authenticated with it, so a cursor of one list is refused by another; they are rebuilt from the caller's rights
// and the query, never read from the cursor.
type Cursors struct{ seal cipher.AEAD }

// cursorKeySize is the size of the key, in bytes.
const cursorKeySize = 32

// NewCursors returns a maker of cursors. All instances of a function share the key; changing it makes the cursors in
// use invalid, and a list starts again from its beginning.
func NewCursors(key []byte) (*Cursors, error) {
	if len(key) != cursorKeySize {
		return nil, fmt.Errorf("httpapi: cursor key of %d bytes, not %d", len(key), cursorKeySize)
	}
	derived, err := hkdf.Key(sha256.New, key, nil, "sportello cursor v1", cursorKeySize)
	if err != nil {
		return nil, fmt.Errorf("httpapi: deriving cursor key: %w", err)
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, fmt.Errorf("httpapi: cursor key: %w", err)
	}
	seal, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("httpapi: cursor key: %w", err)
	}
	return &Cursors{seal}, nil
}

// Seal writes a position within the list that scope names: its partition and each of its filters, always in the same order.
func (c *Cursors) Seal(position any, scope ...string) (string, error) {
	body, err := json.Marshal(position)
	if err != nil {
		return "", fmt.Errorf("encoding cursor: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(c.seal.Seal(nil, nil, body, authenticated(scope))), nil
}

// Open reads a cursor into position. A text that we did not write for this very list is a problem of kind Malformed.
func (c *Cursors) Open(text string, position any, scope ...string) error {
	refused := problem.New(problem.Malformed, "Il segno di pagina non è valido per questo elenco: ricomincia dalla prima pagina.")
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") || len(sealed) < c.seal.Overhead() {
		return refused // the decoder skips line ends: a cursor has one spelling
	}
	body, err := c.seal.Open(nil, nil, sealed, authenticated(scope))
	if err != nil {
		return refused
	}
	if err := json.Unmarshal(body, position); err != nil {
		return refused // written by another release
	}
	return nil
}

// authenticated joins the scope so that no two scopes read the same; the number and length of each part come first.
func authenticated(scope []string) []byte {
	joined := binary.AppendUvarint(nil, uint64(len(scope)))
	for _, part := range scope {
		joined = binary.AppendUvarint(joined, uint64(len(part)))
		joined = append(joined, part...)
	}
	return joined
}
