package supervisor

import (
	"fmt"
	"path/filepath"
	"strings"
)

// welcome is what a person reads when everything answers, in Italian like the
// pages it leads to.
func (s *Supervisor) welcome() string {
	var b strings.Builder
	a := s.addresses
	host := strings.TrimPrefix(a.Portal, "http://")
	fmt.Fprintf(&b, "\n  Sportello è pronto.\n\n")
	fmt.Fprintf(&b, "  Portale           %s  (una camera: http://milano.%s)\n", a.Portal, host)
	fmt.Fprintf(&b, "  Mondo esterno     %s\n", a.Outside)
	fmt.Fprintf(&b, "  Ufficio           %s/gestionale  (il sistema di una Camera, che lavora con la sua chiave)\n", a.Outside)
	fmt.Fprintf(&b, "  Posta certificata SMTP %s  IMAP %s\n", a.SMTP, a.IMAP)
	fmt.Fprintf(&b, "  DynamoDB          %s\n  S3                %s\n  SQS               %s\n  KMS, SSM, API     %s\n  Controllo         %s\n", a.DynamoDB, a.S3, a.SQS, a.AWS, a.Control)
	fmt.Fprintf(&b, "  Dati              %s\n", a.Data)
	if offset := s.clock.Offset(); offset != 0 {
		fmt.Fprintf(&b, "  Orologio          spostato di %s: %s\n", offset, s.clock.Now().Format("2006-01-02 15:04:05"))
	}
	if people := s.people(); len(people) > 0 {
		fmt.Fprintf(&b, "\n  Persone per accedere con SPID o CIE:\n")
		for _, p := range people {
			fmt.Fprintf(&b, "    %-16s %s  %s\n", p.GivenName+" "+p.FamilyName, p.TaxCode, p.Note)
		}
	}
	return b.String() + "\n"
}

// person is a persona of the outside world. Office is the chamber that one who
// works in an office works for.
type person struct {
	ID         string `json:"id"`
	GivenName  string `json:"givenName"`
	FamilyName string `json:"familyName"`
	TaxCode    string `json:"taxCode"`
	Office     string `json:"chamber"`
	Note       string `json:"note"`
}

// people are the personas as the outside world wrote them down.
func (s *Supervisor) people() []person {
	var file struct {
		Persons []person `json:"persons"`
	}
	if err := readJSON(filepath.Join(s.outsideFolder(), "personas.json"), &file); err != nil {
		s.log.Warn("reading the personas", "error", err)
	}
	return file.Persons
}
