package pec

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"net/textproto"
	"strings"
)

// abridged is the message of a brief delivery receipt: each attachment is replaced by a text file
// named <attachment>.hash that holds the digest of its bytes. A message that is not multipart, or
// does not parse, stays whole.
func abridged(raw []byte) []byte {
	msg, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return raw
	}
	kind, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/mixed" || params["boundary"] == "" {
		return raw
	}
	head, _, found := bytes.Cut(canonical(raw), []byte("\r\n\r\n"))
	if !found {
		return raw
	}
	var buf bytes.Buffer
	buf.Write(head)
	buf.WriteString("\r\n\r\n")
	parts := multipart.NewReader(msg.Body, params["boundary"])
	out := multipart.NewWriter(&buf)
	if out.SetBoundary(params["boundary"]) != nil {
		return raw
	}
	for {
		part, err := parts.NextRawPart()
		if err == io.EOF {
			break
		}
		if err != nil || copyPart(out, part) != nil {
			return raw
		}
	}
	if out.Close() != nil {
		return raw
	}
	return buf.Bytes()
}

func copyPart(out *multipart.Writer, part *multipart.Part) error {
	body, err := io.ReadAll(part)
	if err != nil {
		return err
	}
	header := part.Header
	if name := part.FileName(); name != "" {
		sum := sha256.Sum256(decodedBody(header, body))
		body = []byte(hex.EncodeToString(sum[:]) + "\r\n")
		header = textproto.MIMEHeader{
			"Content-Type":        {mime.FormatMediaType("text/plain", map[string]string{"charset": "us-ascii", "name": name + ".hash"})},
			"Content-Disposition": {mime.FormatMediaType("attachment", map[string]string{"filename": name + ".hash"})},
		}
	}
	w, err := out.CreatePart(header)
	if err != nil {
		return err
	}
	_, err = w.Write(body)
	return err
}

// decodedBody undoes base64; any other encoding is hashed as it stands.
func decodedBody(header textproto.MIMEHeader, body []byte) []byte {
	if !strings.EqualFold(header.Get("Content-Transfer-Encoding"), "base64") {
		return body
	}
	text := strings.NewReplacer("\r", "", "\n", "").Replace(string(body))
	if raw, err := base64.StdEncoding.DecodeString(text); err == nil {
		return raw
	}
	return body
}
