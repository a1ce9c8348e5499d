//go:build readers

package preservation

import (
	"bytes"
	"os"
	"os/exec"
	"testing"
)

// reader is a program of infra/readers, which `make test` installs. Their sum, set by make, is asked for so that `go test` does not answer
// from its cache when they changed.
func reader(program string, args ...string) *exec.Cmd {
	_ = os.Getenv("READERS_SUM")
	return exec.Command("node", append([]string{"../../../infra/readers/" + program}, args...)...)
}

// The index obeys UNI's schema, which may not be copied into this repository: it lies beside it where it is at hand.
func TestIndexObeysTheSchema(t *testing.T) {
	const schema = "../../../../shared/standards/conservazione/Unisincro_PIndex.xsd"
	if _, err := os.Stat(schema); err != nil {
		t.Skip("the schema of UNI 11386:2020 is not beside this working copy")
	}
	validate := func(index []byte) (string, error) {
		command := reader("xml.mjs", "xsd", schema)
		command.Stdin = bytes.NewReader(index)
		out, err := command.CombinedOutput()
		return string(out), err
	}
	company := complaint()
	company.Applicant = Subject{Company: true, Name: "Rossi & figli <S.r.l.>", TaxCode: "09900000010"}
	company.Signer = &Subject{Given: "Mario", Family: "Rossi", TaxCode: "RSSMRA80A01H501U"}
	company.Responsible = nil
	noCode := complaint()
	noCode.Applicant = Subject{Name: "Jean Dupont"}
	noCode.Signer = &Subject{Name: "Jean Dupont"}
	noCode.Documents = noCode.Documents[:1]
	noCode.Documents[0].Name = "senza estensione"
	day := complaint()
	day.Series, day.Application, day.Applicant, day.Responsible = true, "registro-milano-2026-11-20", company.Applicant, nil
	for n, d := range day.Documents {
		d.Kind, d.Flow, d.Protocol, d.Primary, d.Sealed = DayList, Internal, nil, "", true
		day.Documents[n] = d
	}
	for n, c := range []Case{complaint(), company, noCode, day} {
		files, _ := pack(t, c)
		if said, err := validate(files["PIndex.xml"]); err != nil {
			t.Errorf("case %d: %v\n%s", n, err, said)
		}
	}
	files, _ := pack(t, complaint())
	for name, wrong := range map[string][]byte{
		"misnamed":    bytes.ReplaceAll(files["PIndex.xml"], []byte("sincro:Hash>"), []byte("sincro:Digest>")),
		"no version":  bytes.Replace(files["PIndex.xml"], []byte(` sincro:sincroVersion="2.0"`), nil, 1),
		"no creation": bytes.Replace(files["PIndex.xml"], []byte("sincro:SelfDescription"), []byte("sincro:PVolume"), 2),
		"cut":         files["PIndex.xml"][:len(files["PIndex.xml"])/2],
	} {
		if said, err := validate(wrong); err == nil || said == "" {
			t.Errorf("%s: not refused (%v, %q)", name, err, said)
		}
	}
}
