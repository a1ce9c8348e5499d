package pec

import (
	"bytes"
	"encoding/xml"
	"text/template"
	"time"
	_ "time/tzdata" // Europe/Rome must be there on every machine
)

// rome is where receipts are dated.
var rome = func() *time.Location {
	l, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		panic("pec: no Europe/Rome although time/tzdata is linked: " + err.Error())
	}
	return l
}()

// certificate is what daticert.xml says.
type certificate struct {
	Kind, Error        string
	From, ReplyTo      string
	To                 []Recipient
	Subject            string
	Provider           string
	Zone, Day, Hour    string
	Identifier         string
	MessageID          string
	Wanted             string
	Recipient, Details string
}

// daticertText has the elements in the order of the DTD (DM 2 November 2005, technical rules 7.4).
var daticertText = template.Must(template.New("daticert").Funcs(template.FuncMap{"x": escape}).Parse(
	`<?xml version="1.0" encoding="UTF-8"?>
<postacert tipo="{{x .Kind}}" errore="{{x .Error}}">
    <intestazione>
        <mittente>{{x .From}}</mittente>
{{- range .To}}
        <destinatari tipo="{{if .Certified}}certificato{{else}}esterno{{end}}">{{x .Address}}</destinatari>
{{- end}}
        <risposte>{{x .ReplyTo}}</risposte>
{{- if .Subject}}
        <oggetto>{{x .Subject}}</oggetto>
{{- end}}
    </intestazione>
    <dati>
        <gestore-emittente>{{x .Provider}}</gestore-emittente>
        <data zona="{{x .Zone}}">
            <giorno>{{x .Day}}</giorno>
            <ora>{{x .Hour}}</ora>
        </data>
        <identificativo>{{x .Identifier}}</identificativo>
{{- if .MessageID}}
        <msgid>{{x .MessageID}}</msgid>
{{- end}}
{{- if .Wanted}}
        <ricevuta tipo="{{x .Wanted}}" />
{{- end}}
{{- if .Recipient}}
        <consegna>{{x .Recipient}}</consegna>
{{- end}}
{{- if .Details}}
        <errore-esteso>{{x .Details}}</errore-esteso>
{{- end}}
    </dati>
</postacert>
`))

func escape(s string) (string, error) {
	var buf bytes.Buffer
	err := xml.EscapeText(&buf, []byte(s))
	return buf.String(), err
}

func (p *Provider) daticert(m Message, s Step, at time.Time) ([]byte, error) {
	local := at.In(rome)
	c := certificate{
		Kind: s.Kind, Error: s.Error, From: m.From, ReplyTo: m.ReplyTo, To: m.To, Subject: m.Subject, Provider: p.Name,
		Zone: local.Format("-0700"), Day: local.Format("02/01/2006"), Hour: local.Format("15:04:05"),
		Identifier: m.Identifier, MessageID: m.MessageID, Details: s.Detail,
	}
	if c.Error == "" {
		c.Error = "nessuno"
	}
	switch s.Kind {
	case transport:
		c.Wanted = m.Wanted
	case Delivery:
		c.Wanted, c.Recipient = m.Wanted, s.Recipient
	case DeliveryError, Warning, VirusFound:
		c.Recipient = s.Recipient
	}
	if s.Flaw == WrongReference {
		c.MessageID, c.Identifier = "<altro."+m.Identifier+">", "altro."+m.Identifier
	}
	var buf bytes.Buffer
	err := daticertText.Execute(&buf, c)
	return buf.Bytes(), err
}
