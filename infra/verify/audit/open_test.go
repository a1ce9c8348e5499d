package audit_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"sportello/infra/verify/source"
)

// What has no witness yet is no finding: the report says so.
func TestNotes(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*world)
		note   string
	}{
		"a package waits for its receipt": {func(w *world) {
			delete(w.objects, receiptA)
			w.applications[row("APP#"+caseA, "META")] = `{"state":"closed"}`
		}, "pacchetti in attesa del rapporto di versamento: 1"},
		"a message nobody has confirmed": {func(w *world) {
			w.objects["mail/out/"+caseB+"/"+event("2")+"-a.eml"] = []byte(message(caseB, event("2")+"-a"))
		}, "messaggi spediti che né un pacchetto né una ricevuta di consegna confermano ancora: 1"},
		"a receipt signed by a stranger": {func(w *world) {
			id := caseC + "." + event("7") + "-a@sportello.example.it"
			w.letterBox(certified(theTrust().stranger, "To: "+box+"\r\nX-Ricevuta: avvenuta-consegna\r\n", "avvenuta-consegna", id, message(caseC, "other")))
		}, "messaggi archiviati che si dicono certificati e non lo sono: 1"},
		"mail that cannot be read": {func(w *world) { w.letterBox("\r\n\r\nniente") }, "in attesa di un numero"},
	} {
		w := build()
		c.change(w)
		report := look(t, w.config())
		if report.Broken != nil || !slices.ContainsFunc(report.Notes, func(n string) bool { return strings.Contains(n, c.note) }) {
			t.Errorf("%s: %v %q", name, report.Broken, report.Notes)
		}
	}
}

func TestWithoutTablesAndAuthorities(t *testing.T) {
	w := build()
	c := w.config()
	c.Register, c.Applications, c.Preservation, c.Mail = nil, nil, nil, nil
	report := look(t, c)
	if report.Broken != nil || len(report.Notes) != 5 {
		t.Errorf("%v %q", report.Broken, report.Notes)
	}
	// Even then whoever signed the receipt signed this package.
	w.replace(receiptA, "<IdRapporto>r<", "<IdRapporto>s<")
	if report := look(t, c); report.Broken == nil || report.Broken.Where != receiptA {
		t.Errorf("%v", report.Broken)
	}
}

// An export that is older than the copy of the archive lacks what came between, if one says that it is.
func TestOlderTables(t *testing.T) {
	w := build()
	older := w.clone()
	older.books["milano#2027"].records = older.books["milano#2027"].records[:3]
	older.register = map[[2]string]string{}
	older.rewrite("tables")
	c := w.config()
	c.Register = table(older.register)
	if report := look(t, c); report.Broken == nil || !strings.Contains(report.Broken.What, "rimasta indietro") {
		t.Errorf("%v", report.Broken)
	}
	c.OlderTables = true
	if report := look(t, c); report.Broken != nil {
		t.Error(report.Broken)
	}
}

// A register that goes on while it is read: rows and blocks come after the heads were read.
func TestLiveRegister(t *testing.T) {
	w := build()
	c := w.config()
	c.Register = &growing{world: w, table: w.register}
	if report := look(t, c); report.Broken != nil {
		t.Error(report.Broken)
	}
}

// growing enters a block between the heads and the rows, and another after the rows.
type growing struct {
	*world
	table
}

func (g *growing) enter(event, at string, archived bool) {
	g.world.enter("milano", filed{"milano", "2027-01-04", event, caseC, "message", at, "Mentre si legge", digest(at), nil})
	g.rewrite("tables")
	if archived {
		g.rewrite("archive")
	}
}

func (g *growing) Get(ctx context.Context, pk, sk string) (source.Row, error) {
	return g.table.Get(ctx, pk, sk)
}

func (g *growing) Scan(ctx context.Context, visit func(source.Row) error) error {
	g.enter(event("e")+"1", "2027-01-04T10:00:00.000Z", true)
	err := g.table.Scan(ctx, visit)
	g.enter(event("e")+"2", "2027-01-04T10:00:01.000Z", true)
	return err
}

// An archive or a table that cannot be read is no verdict.
func TestErrorsAreNoVerdict(t *testing.T) {
	for name, fails := range map[string]*failing{"listing": {list: true}, "getting": {get: true}, "reading rows": {scan: true}} {
		w := build()
		fails.world, fails.table = w, w.register
		c := w.config()
		c.Objects, c.Register = fails, (*failingRows)(fails)
		if _, err := runAudit(t, c); !errors.Is(err, errIO) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

var errIO = errors.New("no network")

type failing struct {
	*world
	table
	list, get, scan bool
}

func (f *failing) List(ctx context.Context) ([]source.Object, error) {
	if f.list {
		return nil, errIO
	}
	return f.world.List(ctx)
}

func (f *failing) Get(ctx context.Context, key string) ([]byte, error) {
	if f.get {
		return nil, errIO
	}
	return f.world.Get(ctx, key)
}

type failingRows failing

func (f *failingRows) Get(ctx context.Context, pk, sk string) (source.Row, error) {
	return f.table.Get(ctx, pk, sk)
}
func (f *failingRows) Scan(ctx context.Context, visit func(source.Row) error) error {
	if f.scan {
		return errIO
	}
	return f.table.Scan(ctx, visit)
}
