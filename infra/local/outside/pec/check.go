package pec

import (
	"bufio"
	"bytes"
	"fmt"
	"mime"
	"net/mail"
	"slices"
	"strings"

	"github.com/emersion/go-message/charset"

	"sportello/infra/local/outside/mailbox"
)

// read fills the message with what its header says and makes the formal checks of RFC 6109 section
// 3.1.1. It returns what is wrong, in words for the notice of non-acceptance, or "".
func (p *Provider) read(m *Message, raw []byte) string {
	m.Wanted = "completa"
	header, err := Header(raw)
	if err != nil {
		return "5.6.0 - Gestore PEC di prova - intestazione del messaggio illeggibile"
	}
	m.MessageID = strings.TrimSpace(header.Get("Message-Id"))
	m.Subject = Decoded(header.Get("Subject"))
	m.ReplyTo = m.From
	if list, err := header.AddressList("Reply-To"); err == nil && len(list) > 0 {
		m.ReplyTo = mailbox.Normal(list[0].Address)
	}
	if w := strings.ToLower(strings.TrimSpace(header.Get("X-Tiporicevuta"))); w == "breve" || w == "sintetica" {
		m.Wanted = w
	}
	if !m.Certified {
		return ""
	}
	if d := formal(*m, header); d != "" {
		return "5.6.0 - Gestore PEC di prova - " + d
	}
	if len(raw)*max(1, len(m.To)) > MaxSize {
		return "5.3.4 - Gestore PEC di prova - dimensione per destinatari oltre i 30 MB"
	}
	return ""
}

func formal(m Message, header mail.Header) string {
	from, err := header.AddressList("From")
	if err != nil || len(from) != 1 || mailbox.Normal(from[0].Address) != m.From {
		return "il mittente dell’intestazione non è quello della casella"
	}
	if strings.TrimSpace(header.Get("Bcc")) != "" {
		return "i destinatari in copia nascosta non sono ammessi"
	}
	var named []string
	for _, field := range []string{"To", "Cc"} {
		if header.Get(field) == "" {
			continue
		}
		list, err := header.AddressList(field)
		if err != nil {
			return fmt.Sprintf("il campo %s non è leggibile", field)
		}
		for _, a := range list {
			named = append(named, mailbox.Normal(a.Address))
		}
	}
	for _, r := range m.To {
		if !slices.Contains(named, r.Address) {
			return "un destinatario della busta non è fra quelli dell’intestazione"
		}
	}
	return ""
}

// Header reads the header of a message.
func Header(raw []byte) (mail.Header, error) {
	msg, err := mail.ReadMessage(bufio.NewReader(bytes.NewReader(raw)))
	if err != nil {
		return nil, fmt.Errorf("reading the header: %w", err)
	}
	return msg.Header, nil
}

// Decoded is a header value with its encoded words decoded; one that cannot be is left as it is.
func Decoded(value string) string {
	dec := mime.WordDecoder{CharsetReader: charset.Reader}
	if text, err := dec.DecodeHeader(value); err == nil {
		return text
	}
	return value
}
