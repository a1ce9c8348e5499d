package cms

import (
	"bytes"
	"encoding/base64"
)

// headSize is what is looked at to tell whether a text is an envelope in disguise.
const headSize = 4 << 10

// Looks tells whether bytes are a CMS signed-data: binary, PEM, or base64 text without any frame, as signing programs write them. Only
// the head is looked at.
func Looks(data []byte) bool {
	if IsMessage(data) {
		return true
	}
	head := bytes.Clone(data[:min(len(data), headSize)])
	text, framed := unframed(head)
	if !framed && (len(text) == 0 || text[0] != 'M') {
		return false
	}
	text = squeezed(text)
	text = text[:len(text)/4*4]
	binary, _ := decoded(text)
	return IsMessage(binary)
}

// Open returns the binary form of what Looks is true of. Text is decoded in place: the bytes are the result's from then on.
func Open(data []byte) ([]byte, error) {
	if IsMessage(data) {
		return data, nil
	}
	text, framed := unframed(data)
	if framed {
		end := bytes.Index(text, []byte("-----END"))
		if end < 0 || !last(text[end:]) {
			return nil, ErrMalformed
		}
		text = text[:end]
	}
	binary, ok := decoded(squeezed(text))
	if !ok || !IsMessage(binary) {
		return nil, ErrMalformed
	}
	return binary, nil
}

// unframed is what follows the first line of PEM.
func unframed(text []byte) ([]byte, bool) {
	text = bytes.TrimLeft(text, "\xef\xbb\xbf \t\r\n")
	if !bytes.HasPrefix(text, []byte("-----BEGIN ")) {
		return text, false
	}
	end := bytes.IndexByte(text, '\n')
	if end < 0 {
		return nil, true
	}
	return text[end+1:], true
}

// last tells whether nothing follows the last line of PEM: of two envelopes a reader may take either.
func last(end []byte) bool {
	_, rest, _ := bytes.Cut(end, []byte("\n"))
	return len(bytes.Trim(rest, "\x00\r\n \t")) == 0
}

// squeezed takes white space out, in place.
func squeezed(text []byte) []byte {
	n := 0
	for _, b := range text {
		if b == ' ' || b == '\t' || b == '\r' || b == '\n' {
			continue
		}
		text[n] = b
		n++
	}
	return text[:n]
}

// decoded turns base64 into bytes, in place, a block at a time.
func decoded(text []byte) ([]byte, bool) {
	var block [3 << 8]byte
	n := 0
	for at := 0; at < len(text); at += len(block) / 3 * 4 {
		some := text[at:min(len(text), at+len(block)/3*4)]
		got, err := base64.StdEncoding.Decode(block[:], some)
		if err != nil {
			return text[:n], false
		}
		n += copy(text[n:], block[:got])
		if got < len(some)/4*3 && at+len(some) < len(text) {
			return text[:n], false // padding in the middle: two texts, of which a reader may take either
		}
	}
	return text[:n], true
}
