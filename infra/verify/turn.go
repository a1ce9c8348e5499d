package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"sportello/infra/verify/audit"
	"sportello/infra/verify/book"
	"sportello/infra/verify/source"
)

// turn copies archive and register into memory and changes the copy: bit by bit, and in the ways of somebody who knows what they do. Each time the
// audit must name something.
func (o options) turn(ctx context.Context, stdout, stderr io.Writer) int {
	in, err := o.open(ctx)
	if err != nil {
		fmt.Fprintln(stderr, "verify:", err)
		return failed
	}
	defer in.close()
	c, err := copied(ctx, in.Config)
	if err != nil {
		fmt.Fprintln(stderr, "verify:", err)
		return failed
	}
	report, err := audit.Run(ctx, c.config)
	if err != nil || !report.OK {
		fmt.Fprintln(stderr, "verify: prima di cambiare qualcosa deve tornare tutto:", err, report.Broken)
		return failed
	}
	unseen := c.flip(ctx, o.flips, o.seed)
	unseen = append(unseen, c.deceive(ctx, stdout)...)
	return tell(stdout, fmt.Sprintf("in registro e archivio (%d, %d oggetti e %d righe)", o.flips, len(c.objects), len(c.rows)), unseen)
}

// memory is a register and its archive in memory.
type memory struct {
	config  audit.Config
	objects map[string][]byte
	rows    map[[2]string]string
}

func copied(ctx context.Context, from audit.Config) (*memory, error) {
	m := &memory{config: from, objects: map[string][]byte{}, rows: map[[2]string]string{}}
	objects, err := from.Objects.List(ctx)
	if err != nil {
		return nil, err
	}
	for _, o := range objects {
		if m.objects[o.Key], err = from.Objects.Get(ctx, o.Key); err != nil {
			return nil, err
		}
	}
	if from.Register == nil {
		return nil, errors.New("serve anche la tabella del registro")
	}
	err = from.Register.Scan(ctx, func(r source.Row) error {
		m.rows[[2]string{r.PK, r.SK}] = r.Body
		return nil
	})
	m.config.Objects, m.config.Register = archived{m}, tabled{m}
	return m, err
}

type archived struct{ *memory }

func (a archived) List(context.Context) ([]source.Object, error) {
	var list []source.Object
	for _, key := range slices.Sorted(maps.Keys(a.objects)) {
		list = append(list, source.Object{Key: key, Size: int64(len(a.objects[key])), Versions: 1})
	}
	return list, nil
}

func (a archived) Get(_ context.Context, key string) ([]byte, error) {
	if body, there := a.objects[key]; there {
		return body, nil
	}
	return nil, source.ErrNotFound
}

type tabled struct{ *memory }

func (t tabled) Get(_ context.Context, pk, sk string) (source.Row, error) {
	if body, there := t.rows[[2]string{pk, sk}]; there {
		return source.Row{PK: pk, SK: sk, Body: body}, nil
	}
	return source.Row{}, source.ErrNotFound
}

func (t tabled) Scan(_ context.Context, visit func(source.Row) error) error {
	for key, body := range t.rows {
		if err := visit(source.Row{PK: key[0], SK: key[1], Body: body}); err != nil {
			return err
		}
	}
	return nil
}

// noticed tells what the audit names.
func (m *memory) noticed(ctx context.Context) string {
	report, err := audit.Run(ctx, m.config)
	switch {
	case err != nil:
		return "non si legge: " + err.Error()
	case report.OK:
		return ""
	}
	return report.Broken.Error()
}

// flip turns single bits, every object and row in the measure of its length.
func (m *memory) flip(ctx context.Context, n int, seed uint64) (unseen []string) {
	r := rand.New(rand.NewPCG(seed, 1))
	keys := slices.Sorted(maps.Keys(m.objects))
	rows := slices.SortedFunc(maps.Keys(m.rows), func(a, b [2]string) int { return strings.Compare(a[0]+a[1], b[0]+b[1]) })
	total := 0
	for _, key := range keys {
		total += len(m.objects[key])
	}
	for _, row := range rows {
		total += len(m.rows[row])
	}
	for range n {
		at, mask := r.IntN(total), byte(1)<<r.IntN(8)
		if what := m.turn(ctx, keys, rows, at, mask); what != "" {
			unseen = append(unseen, what)
		}
	}
	return unseen
}

// turn turns one bit and puts it back; it returns where it was if nobody noticed.
func (m *memory) turn(ctx context.Context, keys []string, rows [][2]string, at int, mask byte) string {
	for _, key := range keys {
		body := m.objects[key]
		if at >= len(body) {
			at -= len(body)
			continue
		}
		body[at] ^= mask
		said := m.noticed(ctx)
		body[at] ^= mask
		if said == "" && !m.alone(key) {
			return fmt.Sprintf("%s, byte %d, bit %#x", key, at, mask)
		}
		return ""
	}
	for _, row := range rows {
		body := m.rows[row]
		if at >= len(body) {
			at -= len(body)
			continue
		}
		changed := []byte(body)
		changed[at] ^= mask
		m.rows[row] = string(changed)
		said := m.noticed(ctx)
		m.rows[row] = body
		if said == "" {
			return fmt.Sprintf("tabella registro, %s/%s, byte %d, bit %#x", row[0], row[1], at, mask)
		}
		return ""
	}
	return ""
}

// alone: nothing vouches for a package before its receipt has come; the audit says so.
func (m *memory) alone(key string) bool {
	folder, pack := strings.CutSuffix(key, "package.zip")
	_, receipted := m.objects[folder+"receipt.p7m"]
	return pack && !receipted
}

// deceive changes the copy as somebody would who knows how it is made; it prints what was named, and returns what was not.
func (m *memory) deceive(ctx context.Context, out io.Writer) (unseen []string) {
	for _, way := range []struct {
		what string
		do   func() bool // false: there is nothing to do it with
	}{
		{"una registrazione sostituita e la catena ricalcolata dopo di lei", m.replace},
		{"la coda dell'archivio tagliata", m.cut},
		{"due oggetti scambiati", m.swap},
		{"un pacchetto rifatto", m.repack},
	} {
		objects, rows := maps.Clone(m.objects), maps.Clone(m.rows)
		if !way.do() {
			fmt.Fprintf(out, "%s: non c'è su che cosa provarlo\n", way.what)
		} else if said := m.noticed(ctx); said != "" {
			fmt.Fprintf(out, "%s: %s\n", way.what, said)
		} else {
			unseen = append(unseen, way.what)
		}
		m.objects, m.rows = objects, rows
	}
	return unseen
}

// blocks are the keys of the archive's first book, in order.
func (m *memory) blocks() (list []string) {
	for _, key := range slices.Sorted(maps.Keys(m.objects)) {
		folder, _, is := strings.Cut(key, "/blocks/")
		if is && (len(list) == 0 || strings.HasPrefix(list[0], folder+"/")) {
			list = append(list, key)
		}
	}
	return list
}

// replace changes the first record's words and makes all that follows fit, in the archive and in the table.
func (m *memory) replace() bool {
	before := book.Zero
	for n, key := range m.blocks() {
		records, err := book.ParseBlock(m.objects[key])
		if err != nil {
			return false
		}
		var body bytes.Buffer
		for k, r := range records {
			if n == 0 && k == 0 {
				r.Body = strings.Replace(r.Body, `"subject":"`, `"subject":"X`, 1)
			}
			r.Prev = before
			r.Hash = r.Sum()
			before = r.Hash
			row, err := r.RowBody()
			if err != nil {
				return false
			}
			m.rows[[2]string{"E#" + r.Book, r.Row()}] = string(row)
			body.Write(r.Line())
			if head, there := m.rows[[2]string{"H#" + r.Book, "HEAD"}]; there {
				m.rows[[2]string{"H#" + r.Book, "HEAD"}] = strings.Replace(head, records[k].Hash, r.Hash, 1)
			}
		}
		m.objects[key] = body.Bytes()
	}
	return before != book.Zero
}

func (m *memory) cut() bool {
	blocks := m.blocks()
	if len(blocks) == 0 {
		return false
	}
	delete(m.objects, blocks[len(blocks)-1])
	return true
}

func (m *memory) swap() bool {
	blocks := m.blocks()
	if len(blocks) < 2 {
		return false
	}
	a, b := blocks[0], blocks[len(blocks)-1]
	m.objects[a], m.objects[b] = m.objects[b], m.objects[a]
	return true
}

// repack makes a package's zip say something before its end that no reader looks at.
func (m *memory) repack() bool {
	for _, key := range slices.Sorted(maps.Keys(m.objects)) {
		if strings.HasSuffix(key, "/package.zip") {
			body := m.objects[key]
			comment := []byte("rifatto")
			again := append(bytes.Clone(body[:len(body)-2]), byte(len(comment)), 0)
			m.objects[key] = append(again, comment...)
			return true
		}
	}
	return false
}
