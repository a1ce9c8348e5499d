package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"

	"sportello/infra/verify/audit"
	"sportello/infra/verify/signature"
	"sportello/infra/verify/source"
)

// options are the flags. Most have an environment variable as their twin; the flag wins.
type options struct {
	data, control, s3, dynamodb   string
	archive, register, cases      string
	bucket, registerTable, tables string
	preservation, mail, before    string
	seals, stamps                 string
	evidence, trust               string
	flips                         int
	seed                          uint64
	settle                        time.Duration
	older, json, store            bool // store: a register was asked for, not an evidence file alone
}

const usage = `verify: ricalcola registro, archivio e conservazione e nomina la prima registrazione che non torna.

  verify [--data CARTELLA]                         i dati del cloud locale, acceso o spento (default .local)
  verify --archive CARTELLA [--register FILE] [--applications FILE]
                                                   una copia del bucket dell'archivio e le tabelle esportate (JSON, anche gzip)
  verify --bucket NOME [--register-table NOME] [--applications-table NOME]
                                                   AWS, o ciò che dicono AWS_ENDPOINT_URL_S3 e AWS_ENDPOINT_URL_DYNAMODB

  verify -evidence FILE [-trust AUTORITA.pem] [-pec-ca GESTORI.pem]
                                                   un fascicolo di prova, da solo: non si collega a nulla
  verify [--data …] [-evidence FILE] -flips N      in una copia in memoria cambia N volte un bit a caso, poi prova gli inganni di chi sa come è
                                                   fatta (una registrazione sostituita con la catena ricalcolata, la coda tagliata, due
                                                   oggetti scambiati, un pacchetto rifatto): ogni volta deve essere nominato ciò che è cambiato, o il
                                                   primo che ne dipende. Elenca i byte che niente autentica, e perché. -evidence: anche una cartella;
                                                   senza --data, --archive o --bucket prova il solo fascicolo. Legge tutto in memoria

Esce con 0 se tutto torna, 1 se qualcosa non torna, 2 se non si è potuto controllare.

`

func parse(args []string, getenv func(string) string, out io.Writer) (options, error) {
	var o options
	set := flag.NewFlagSet("verify", flag.ContinueOnError)
	set.SetOutput(out)
	set.Usage = func() {
		fmt.Fprint(out, usage)
		set.PrintDefaults()
	}
	text := func(p *string, name, variable, usage string) {
		value := ""
		if variable != "" {
			value, usage = getenv(variable), usage+" ("+variable+")"
		}
		set.StringVar(p, name, value, usage)
	}
	text(&o.data, "data", "DATA", "`cartella` dei dati del cloud locale")
	text(&o.control, "control", "", "`indirizzo` di controllo del cloud locale acceso; default http://127.0.0.1:8105 o la porta CONTROL_PORT")
	text(&o.s3, "s3", "", "`indirizzo` dell'S3 del cloud locale acceso, se il controllo non risponde")
	text(&o.dynamodb, "dynamodb", "", "`indirizzo` del DynamoDB del cloud locale acceso, se il controllo non risponde")
	text(&o.archive, "archive", "", "`cartella` con la copia del bucket dell'archivio")
	text(&o.register, "register", "", "`file` o cartella con la tabella del registro esportata")
	text(&o.cases, "applications", "", "`file` o cartella con la tabella delle pratiche esportata")
	text(&o.bucket, "bucket", "BUCKET_ARCHIVE", "`nome` del bucket dell'archivio")
	text(&o.registerTable, "register-table", "TABLE_REGISTER", "`nome` della tabella del registro")
	text(&o.tables, "applications-table", "TABLE_APPLICATIONS", "`nome` della tabella delle pratiche")
	text(&o.preservation, "preservation-ca", "", "`file` PEM con le autorità del conservatore")
	text(&o.mail, "pec-ca", "", "`file` PEM con le autorità dei gestori di posta certificata")
	text(&o.seals, "seal-ca", "", "`file` PEM con le autorità del sigillo elettronico")
	text(&o.stamps, "timestamp-ca", "", "`file` PEM con le autorità delle marche temporali")
	text(&o.before, "before", "", "`file` con l'esito (--json) di un controllo precedente: ciò che vide deve esserci ancora")
	text(&o.evidence, "evidence", "EVIDENCE", "`file` del fascicolo di prova da controllare")
	text(&o.trust, "trust", "", "`file` PEM con le autorità del sigillo e delle marche temporali, per un fascicolo di prova")
	set.IntVar(&o.flips, "flips", 0, "quanti bit cambiare, uno alla volta")
	set.Uint64Var(&o.seed, "seed", 1, "da dove cominciano i numeri a caso di -flips")
	set.DurationVar(&o.settle, "settle", 5*time.Second, "quanto aspettare prima di riguardare, in un sistema acceso, ciò che non torna")
	set.BoolVar(&o.older, "tables-older", false, "le tabelle sono state esportate prima di copiare l'archivio: ciò che non hanno ancora non è un errore")
	set.BoolVar(&o.json, "json", false, "esito in JSON")
	if err := set.Parse(args); err != nil {
		return o, err
	}
	if o.control == "" {
		o.control = "http://127.0.0.1:" + cmp.Or(getenv("CONTROL_PORT"), "8105")
	}
	return o, o.complete(set)
}

// complete holds the flags to each other: there is one source.
func (o *options) complete(set *flag.FlagSet) error {
	given := map[string]bool{}
	set.Visit(func(f *flag.Flag) { given[f.Name] = true })
	sources := 0
	for _, name := range []string{"data", "archive", "bucket"} {
		if given[name] {
			sources++
		}
	}
	o.store = o.evidence == "" || sources > 0
	switch {
	case set.NArg() > 0:
		return fmt.Errorf("argomento non previsto: %s", set.Arg(0))
	case sources > 1:
		return errors.New("indicare una sola fonte: --data, --archive o --bucket")
	case given["data"]:
		o.archive, o.bucket = "", ""
	case given["archive"]:
		o.data, o.bucket = "", ""
	case given["bucket"]:
		o.data = ""
	case o.data == "" && o.bucket == "":
		o.data = ".local"
	case o.data != "":
		o.bucket = "" // of the two environment variables the nearer one
	}
	return nil
}

// input is what was opened.
type input struct {
	audit.Config
	live  bool
	notes []string
	close func()
}

func (o options) open(ctx context.Context) (in input, err error) {
	in.close = func() {}
	switch {
	case o.data != "":
		err = o.local(ctx, &in)
	case o.archive != "":
		in.Objects, err = source.OpenFolder(o.archive)
	default:
		err = o.cloud(ctx, &in)
	}
	if err == nil {
		err = o.more(&in)
	}
	if err != nil {
		in.close()
	}
	return in, err
}

func (o *options) local(ctx context.Context, in *input) error {
	l, err := source.OpenLocal(ctx, source.LocalConfig{Data: o.data, Control: o.control, S3: o.s3, DynamoDB: o.dynamodb})
	if err != nil {
		return err
	}
	in.Objects, in.live, in.notes, in.close = l.Objects, l.Live, l.Notes, l.Close
	in.Register, in.Applications = l.Register, l.Applications
	if o.preservation == "" {
		o.preservation = l.Preservation
	}
	if o.mail == "" {
		o.mail = l.Mail
	}
	if o.seals == "" {
		o.seals = l.Trust
	}
	if o.stamps == "" {
		o.stamps = l.Trust
	}
	return nil
}

func (o options) cloud(ctx context.Context, in *input) error {
	c, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return fmt.Errorf("configuring AWS: %w", err)
	}
	in.live, in.Objects = true, source.NewBucket(c, o.bucket)
	if o.registerTable != "" {
		in.Register = source.NewTable(c, o.registerTable)
	}
	if o.tables != "" {
		in.Applications = source.NewTable(c, o.tables)
	}
	return nil
}

// more reads the files that go with any source.
func (o options) more(in *input) error {
	for _, export := range []struct {
		path string
		into *source.Rows
	}{{o.register, &in.Register}, {o.cases, &in.Applications}} {
		if export.path == "" {
			continue
		}
		rows, err := source.OpenExport(export.path)
		if err != nil {
			return err
		}
		*export.into = rows
	}
	for _, trust := range []struct {
		path string
		into **signature.Roots
	}{{o.preservation, &in.Preservation}, {o.mail, &in.Mail}, {o.seals, &in.Seals}, {o.stamps, &in.Stamps}} {
		if trust.path == "" {
			continue
		}
		bundle, err := os.ReadFile(trust.path)
		if err != nil {
			return err
		}
		if *trust.into, err = signature.ParseRoots(bundle); err != nil {
			return err
		}
	}
	in.OlderTables = o.older
	if o.before == "" {
		return nil
	}
	report, err := os.ReadFile(o.before)
	if err != nil {
		return err
	}
	in.Before, err = audit.ParseMemory(report)
	return err
}
