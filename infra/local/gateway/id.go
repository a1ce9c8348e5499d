package gateway

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strings"
)

func uuid() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// resourceID looks like the id that API Gateway gives a path, and is always the
// same for one.
func resourceID(path string) string {
	h := sha256.Sum256([]byte(path))
	return strings.ToLower(base32.StdEncoding.EncodeToString(h[:])[:6])
}
