package httpapi

import (
	"strconv"
	"strings"

	"sportello/shared/domain/problem"
)

// SetVersion gives the answer's ETag: the version that the next change must name.
func (c Call[P]) SetVersion(version int64) {
	c.header.Set("ETag", `"`+strconv.FormatInt(version, 10)+`"`)
}

// Version returns the version that the request was made for, from If-Match. Without it nothing is changed: another device may
// have changed the draft meanwhile.
func (c Call[P]) Version() (int64, error) {
	sent := c.request.Header.Get("If-Match")
	if sent == "" {
		return 0, problem.New(problem.VersionRequired, "Manca la versione dei dati da modificare (intestazione If-Match): ricarica la pagina.")
	}
	// A proxy that compresses turns a strong tag into a weak one; the number says the same.
	quoted := strings.TrimPrefix(sent, "W/")
	text, opened := strings.CutPrefix(quoted, `"`)
	text, closed := strings.CutSuffix(text, `"`)
	version, err := strconv.ParseInt(text, 10, 64)
	if !opened || !closed || err != nil || version < 1 || text[0] == '+' {
		return 0, problem.New(problem.Malformed, "La versione indicata in If-Match non è leggibile.")
	}
	return version, nil
}

// IdempotencyKey returns the key that makes a repeated request the same request. A UUID is asked for, so that two people never
// choose the same by chance.
func (c Call[P]) IdempotencyKey() (string, error) {
	key := strings.ToLower(c.request.Header.Get("Idempotency-Key"))
	if !isUUID(key) {
		return "", problem.New(problem.Malformed, "Manca la chiave della richiesta (intestazione Idempotency-Key), che deve essere un UUID.")
	}
	return key, nil
}

func isUUID(text string) bool {
	if len(text) != 36 {
		return false
	}
	for n, char := range []byte(text) {
		dash := n == 8 || n == 13 || n == 18 || n == 23
		hexadecimal := '0' <= char && char <= '9' || 'a' <= char && char <= 'f'
		if dash && char != '-' || !dash && !hexadecimal {
			return false
		}
	}
	return true
}
