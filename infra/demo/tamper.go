package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sportello/infra/road"
)

// tampering is one byte changed on the disk of a cloud that is off, where nobody's access rights or Object Lock stand in the way. The verifier
// must name it.
type tampering struct {
	what  string
	file  string // pattern below the data folder; the first that fits is changed
	bytes string // the last of these bytes, wherever the file has them; empty: the byte in the middle
	named string // what the verifier's finding begins with
}

// tamperings are one of each kind, in the first case's chamber.
func (d *demo) tamperings(ctx context.Context) ([]tampering, error) {
	t := d.cases[0]
	v, err := t.look(ctx)
	if err != nil {
		return nil, err
	}
	entries, err := road.Register(ctx, t.office, v.Protocol.Year)
	if err != nil {
		return nil, err
	}
	book := fmt.Sprintf("%s/%d", t.chamber, v.Protocol.Year)
	block := "register/" + book + "/blocks/0000000001.jsonl"
	day := "days/" + t.chamber + "/" + d.days[0] + "/statement"
	pack := "packages/" + t.id + "/package.zip"
	return []tampering{
		{"una riga del registro", "data/dynamodb.sqlite", `\"event\":\"` + entries[0].Event, "tabella registro, E#" + strings.ReplaceAll(book, "/", "#") + "/0000001"},
		{"un blocco archiviato", "data/s3/*archive*/" + block, "", block},
		{"un pacchetto", "data/s3/*archive*/" + pack, "", pack},
		{"il sigillo di un giorno", "data/s3/*archive*/" + day + ".p7s", "", day},
	}, nil
}

// tamper changes one byte at a time and puts it back. It returns what the verifier said of each.
func tamper(ctx context.Context, verifier, data string, list []tampering) ([]string, error) {
	var said []string
	for _, t := range list {
		line, err := t.try(ctx, verifier, data)
		if err != nil {
			return said, fmt.Errorf("cambiato un byte in %s: %w", t.what, err)
		}
		said = append(said, fmt.Sprintf("%-24s %s", t.what, line))
	}
	if output, err := road.VerifyFolder(ctx, verifier, data); err != nil {
		return said, fmt.Errorf("rimessi i byte a posto: %w\n%s", err, output)
	}
	return said, nil
}

func (t tampering) try(ctx context.Context, verifier, data string) (string, error) {
	found, err := filepath.Glob(filepath.Join(data, filepath.FromSlash(t.file)))
	if err != nil || len(found) == 0 {
		return "", fmt.Errorf("%s non c'è: %w", t.file, os.ErrNotExist)
	}
	original, err := os.ReadFile(found[0])
	if err != nil {
		return "", err
	}
	changed, err := t.change(original)
	if err != nil {
		return "", err
	}
	if err := overwrite(found[0], changed); err != nil {
		return "", err
	}
	output, broken := road.VerifyFolder(ctx, verifier, data)
	if err := overwrite(found[0], original); err != nil {
		return "", err
	}
	_, finding, named := strings.Cut(output, "ROTTO "+t.named)
	if broken == nil || !named {
		return "", fmt.Errorf("il verificatore non lo nomina: %v\n%s", broken, output)
	}
	finding, _, _ = strings.Cut(t.named+finding, "\n")
	return finding, nil
}

// change flips the lowest bit of one byte. Every copy of a row that the table's file holds is changed alike: which one is read is the file's affair.
func (t tampering) change(original []byte) ([]byte, error) {
	changed := bytes.Clone(original)
	if t.bytes == "" {
		changed[len(changed)/2] ^= 1
		return changed, nil
	}
	old := []byte(t.bytes)
	other := bytes.Clone(old)
	other[len(other)-1] ^= 1
	changed = bytes.ReplaceAll(changed, old, other)
	if bytes.Equal(changed, original) {
		return nil, fmt.Errorf("la riga non è nel file")
	}
	return changed, nil
}

// overwrite writes in place: the S3 emulator keeps what it knows of an object in the file's own attributes.
func overwrite(file string, body []byte) error {
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if _, err := f.WriteAt(body, 0); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}
