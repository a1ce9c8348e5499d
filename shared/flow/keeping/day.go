package keeping

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/deadline"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/preservation"
	"sportello/shared/domain/register"
	"sportello/shared/flow/problems"
	"sportello/shared/flow/step"
	"sportello/shared/platform/table"
)

// keepDay hands a day of the register over, within the next working day: "Il registro giornaliero di protocollo è trasmesso entro la giornata
// lavorativa successiva al sistema di conservazione, garantendone l'immodificabilità del contenuto" (DPCM 3/12/2013 art. 7 c.5; AgID
// guidelines 3.1.6).
func (d *Desk) keepDay(ctx context.Context, owed step.Owed, item table.Item) error {
	zip, err := d.pack(ctx, layout.DayPackage(owed.Chamber, owed.Day), func() (preservation.Case, error) {
		return d.collectDay(ctx, owed.Chamber, owed.Day)
	})
	if err != nil {
		return err
	}
	p := parcel{
		id: layout.DayPackageID(owed.Chamber, owed.Day), zip: zip, receipt: layout.DayPackageReceipt(owed.Chamber, owed.Day),
	}
	return d.hand(ctx, p, owed, item, func(at time.Time, _ [32]byte) error {
		return step.Retry(ctx, func() error {
			owed, item, there, err := step.Read(ctx, d.Table, owed.Key())
			if err != nil || !there {
				return err
			}
			paid, err := problems.Paid(ctx, d.Table, owed, item, at)
			if err != nil {
				return err
			}
			return d.Table.Commit(ctx, paid...)
		})
	})
}

// registerPlace is where the daily register stands in the package's metadata: it belongs to the registry office, not to a heading of the
// filing plan.
var registerPlace = preservation.Classification{Index: "REGISTRO", Description: "Registro giornaliero di protocollo"}

// collectDay gathers a day: its records in full, the list that closed it, the statement with its seal and timestamp.
func (d *Desk) collectDay(ctx context.Context, chamber, day string) (preservation.Case, error) {
	c, ok := catalogue.ChamberByID(chamber)
	if !ok {
		return preservation.Case{}, fmt.Errorf("packing a day of an unknown chamber %q", chamber)
	}
	words, err := d.Archive.Get(ctx, layout.Seal(chamber, day))
	if err != nil {
		return preservation.Case{}, err
	}
	seal, err := register.ParseSeal(words)
	if err != nil {
		return preservation.Case{}, err
	}
	closed, err := register.ParseInstant(seal.SealedAt)
	if err != nil {
		return preservation.Case{}, err
	}
	begun, err := deadline.ParseDate(day)
	if err != nil {
		return preservation.Case{}, err
	}
	records, err := d.records(ctx, seal)
	if err != nil {
		return preservation.Case{}, err
	}
	list := []preservation.Document{
		document("registro", preservation.Records, "registro.jsonl", "application/jsonl", records, closed),
		document("elenco", preservation.DayList, "elenco.json", "application/json", words, closed),
	}
	for _, part := range []struct {
		id, key, name, mediaType string
		kind                     preservation.Kind
	}{
		{"dichiarazione", layout.Statement(chamber, day), "dichiarazione.json", "application/json", preservation.Statement},
		{"sigillo", layout.StatementSignature(chamber, day), "dichiarazione.json.p7s", "application/pkcs7-signature", preservation.Seal},
		{"marca", layout.StatementTimestamp(chamber, day), "dichiarazione.json.p7s.tst", "application/timestamp-reply", preservation.Timestamp},
	} {
		body, err := d.Archive.Get(ctx, part.key)
		if err != nil {
			return preservation.Case{}, err
		}
		list = append(list, document(part.id, part.kind, part.name, part.mediaType, body, closed))
	}
	id := layout.DayPackageID(chamber, day)
	return preservation.Case{
		ID: "pdv-" + id, Application: id, Series: true, Service: "Registro giornaliero di protocollo",
		Subject: "Registro giornaliero di protocollo del " + day + ", " + c.Name,
		Producer: preservation.Administration{
			Name: c.Name, TaxCode: c.TaxCode, IPA: c.IPA, AOO: c.AOO, Office: "Ufficio protocollo", PEC: c.PEC,
		},
		Classification: registerPlace, OpenedAt: begun.Start(), ClosedAt: closed,
		Applicant:      preservation.Subject{Company: true, Name: c.Name, TaxCode: c.TaxCode, Address: c.PEC},
		RetentionYears: Retention, Documents: list,
	}, nil
}

func document(id string, kind preservation.Kind, name, mediaType string, body []byte, at time.Time) preservation.Document {
	sum := sha256.Sum256(body)
	d := preservation.Document{
		ID: id, Kind: kind, Name: name, MediaType: mediaType, Size: int64(len(body)), SHA256: hex.EncodeToString(sum[:]), At: at,
		Flow: preservation.Internal, Open: held(body),
	}
	switch kind {
	case preservation.Statement:
		d.Sealed, d.Timestamped = true, true
	case preservation.Seal, preservation.Timestamp:
		d.Primary = "dichiarazione"
	}
	return d
}

// errRecords is returned when the archived blocks do not have what a seal lists.
var errRecords = errors.New("keeping: the archive does not have the records of a sealed day")

// records are the day's records in full, a line each as the blocks have them: of earlier years' books first, in the order of seq.
func (d *Desk) records(ctx context.Context, seal register.Seal) ([]byte, error) {
	var out bytes.Buffer
	for _, b := range seal.Earlier {
		if err := d.copyRecords(ctx, &out, layout.Book(seal.Chamber, b.Year), b.Entries); err != nil {
			return nil, err
		}
	}
	err := d.copyRecords(ctx, &out, layout.Book(seal.Chamber, seal.Book.Year), seal.Entries)
	return out.Bytes(), err
}

// mostInBlock is how many records a block has at the most: that of a record begins no farther before it.
const mostInBlock = 100

func (d *Desk) copyRecords(ctx context.Context, out *bytes.Buffer, book string, wanted []register.Sealed) error {
	if len(wanted) == 0 {
		return nil
	}
	hashes := map[uint64]string{}
	for _, e := range wanted {
		hashes[e.Seq] = e.Hash
	}
	after := ""
	if first := wanted[0].Seq; first > mostInBlock {
		after = layout.Block(book, first-mostInBlock)
	}
	beyond := layout.Block(book, wanted[len(wanted)-1].Seq)
	for len(hashes) > 0 {
		keys, err := d.Archive.List(ctx, layout.BlockPrefix(book), after, 100)
		if err != nil {
			return err
		}
		for _, key := range keys {
			if key > beyond {
				break
			}
			block, err := d.Archive.Get(ctx, key)
			if err != nil {
				return err
			}
			if err := pick(out, block, hashes); err != nil {
				return err
			}
		}
		if len(keys) == 0 || keys[len(keys)-1] > beyond {
			break
		}
		after = keys[len(keys)-1]
	}
	if len(hashes) > 0 {
		return errRecords
	}
	return nil
}

// pick copies the wanted lines of a block.
func pick(out *bytes.Buffer, block []byte, hashes map[uint64]string) error {
	for line := range strings.Lines(string(block)) {
		var record struct {
			Seq  uint64 `json:"seq"`
			Hash string `json:"hash"`
		}
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			return fmt.Errorf("reading an archived block: %w", err)
		}
		if hash, ok := hashes[record.Seq]; ok {
			if hash != record.Hash {
				return errRecords
			}
			out.WriteString(line)
			delete(hashes, record.Seq)
		}
	}
	return nil
}
