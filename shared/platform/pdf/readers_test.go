//go:build readers

package pdf

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"sportello/shared/domain/deadline"
)

// reader is a program of infra/readers, which `make test` installs. Their sum, set by make, is asked for so that `go test` does not answer
// from its cache when they changed.
func reader(program string, args ...string) *exec.Cmd {
	_ = os.Getenv("READERS_SUM")
	return exec.Command("node", append([]string{"../../../infra/readers/" + program}, args...)...)
}

// text reads the receipt as a person's reader would.
func text(t *testing.T, body []byte) string {
	t.Helper()
	var said bytes.Buffer
	command := reader("pdf.mjs")
	command.Stdin, command.Stderr = bytes.NewReader(body), &said
	out, err := command.Output()
	if err != nil {
		t.Fatalf("reading the PDF: %v\n%s", err, &said)
	}
	return strings.Join(strings.Fields(string(out)), " ")
}

// Everything that art. 18-bis and art. 8 ask for can be read.
func TestReceiptSaysAll(t *testing.T) {
	p := complaint()
	got := text(t, receipt(t, p))
	for _, want := range []string{
		p.ID, p.Application, p.Chamber, p.Service, p.Subject, p.Applicant, p.OnBehalf, p.Digest, p.Office, p.Address, p.Responsible, p.Substitute,
		p.Silence, p.Remedies, p.Access,
		"22 novembre 2026, ore 11:15:00 (ora italiana)", "2026-11-22T10:15:00.123Z", "Registrazione di protocollo in corso",
		"Allegato: Perché è così.pdf", p.Attachments[0].SHA256, p.Attachments[1].SHA256, "entro il 22 dicembre 2026 (30 giorni",
		"né accoglimento né rigetto", "comma 9-bis", "nella tua area personale", "articolo 18-bis", "Pagina 1 di ",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in the receipt:\n%s", want, got)
		}
	}
}

// Where a fee buys the act, the receipt says what is to be paid and that no number is on its way before that.
func TestReceiptOfAPricedAct(t *testing.T) {
	p := complaint()
	p.Price = &Price{Cents: 300, Notice: "301000000000004285", Due: deadline.Date{Year: 2026, Month: time.December, Day: 1}}
	got := text(t, receipt(t, p))
	for _, want := range []string{
		"3,00 euro con pagoPA, avviso n. 301000000000004285, entro il 1° dicembre 2026", "L'istanza si registra quando il pagamento è arrivato",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in the receipt:\n%s", want, got)
		}
	}
	if strings.Contains(got, "Registrazione di protocollo in corso") {
		t.Errorf("receipt:\n%s", got)
	}
}

func TestReceiptWithoutFiles(t *testing.T) {
	p := complaint()
	p.Attachments, p.OnBehalf = nil, ""
	got := text(t, receipt(t, p))
	if !strings.Contains(got, "Nessun allegato.") || strings.Contains(got, "Per conto di") {
		t.Errorf("receipt:\n%s", got)
	}
}

func TestManyAttachments(t *testing.T) {
	p := complaint()
	for range 60 {
		p.Attachments = append(p.Attachments, File{strings.Repeat("nome molto lungo ", 12) + ".pdf", strings.Repeat("12", 32)})
	}
	if got := text(t, receipt(t, p)); strings.Count(got, strings.Repeat("12", 32)) != 60 || !strings.Contains(got, "Pagina 2 di ") {
		t.Error("attachments are missing")
	}
}

func TestReaderRefusesHalfAReceipt(t *testing.T) {
	body := receipt(t, complaint())
	command := reader("pdf.mjs")
	command.Stdin = bytes.NewReader(body[:len(body)/2])
	if out, err := command.Output(); err == nil {
		t.Errorf("half a file was read: %s", out)
	}
}
