// Operator makes what no web page may make: a chamber's first officer, and API keys for the chambers' own systems.
//
// It reads and writes the installation's tables with the credentials of whoever runs it. Every setting is a flag or an
// environment variable, the same that the functions have. A secret is printed once, alone on standard output, and kept nowhere.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/problem"
	"sportello/shared/edge/lambdafn"
	"sportello/shared/flow/access"
	"sportello/shared/flow/officers"
	"sportello/shared/platform/table/dynamo"
)

const usage = `Uso: operator COMANDO [opzioni]

Comandi:
  key             crea una chiave API per i sistemi di una Camera e la mostra, una volta sola
  keys            elenca le chiavi di una Camera
  revoke-key      revoca subito una chiave
  officer         mette un addetto nell'elenco di una Camera, o ne cambia i compiti
  revoke-officer  toglie un addetto dall'elenco
  seed            prepara un'installazione locale: una chiave per ogni Camera, in un file

Opzioni comuni (o variabili d'ambiente):
  --stage S                STAGE               nome dell'installazione
  --table-applications T   TABLE_APPLICATIONS  tabella delle pratiche
  --table-sessions T       TABLE_SESSIONS      tabella di sessioni e chiavi
  --no-gateway                                 non toccare API Gateway
Le credenziali e gli indirizzi di AWS si danno come a ogni programma di AWS.
«operator COMANDO -h» mostra le opzioni di un comando.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "operator:", readable(err))
		}
		os.Exit(1)
	}
}

// readable prefers the words a problem has for people.
func readable(err error) string {
	var p *problem.Problem
	if !errors.As(err, &p) {
		return err.Error()
	}
	text := p.Detail
	for _, f := range p.Fields {
		text += "\n  " + strings.TrimPrefix(f.Pointer, "#/") + ": " + f.Detail
	}
	return text
}

func run(ctx context.Context, args []string, out, messages io.Writer) error {
	commands := map[string]func(context.Context, *options, []string) error{
		"key": makeKey, "keys": listKeys, "revoke-key": revokeKey,
		"officer": makeOfficer, "revoke-officer": revokeOfficer, "seed": seed,
	}
	if len(args) == 0 || commands[args[0]] == nil {
		fmt.Fprint(messages, usage)
		return flag.ErrHelp
	}
	o := &options{flags: flag.NewFlagSet("operator "+args[0], flag.ContinueOnError), out: out, messages: messages}
	o.flags.SetOutput(messages)
	o.flags.StringVar(&o.stage, "stage", os.Getenv("STAGE"), "nome dell'installazione")
	o.flags.StringVar(&o.applications, "table-applications", os.Getenv("TABLE_APPLICATIONS"), "tabella delle pratiche")
	o.flags.StringVar(&o.sessions, "table-sessions", os.Getenv("TABLE_SESSIONS"), "tabella di sessioni e chiavi")
	o.flags.BoolVar(&o.noGateway, "no-gateway", false, "non toccare API Gateway")
	return commands[args[0]](ctx, o, args[1:])
}

// options are the settings common to all commands.
type options struct {
	flags         *flag.FlagSet
	stage         string
	applications  string
	sessions      string
	noGateway     bool
	out, messages io.Writer
}

// installation is what commands work on.
type installation struct {
	stage   string
	now     func() time.Time
	keyring *officers.Keyring
	roster  *officers.Roster
	gateway *gateway // nil: API Gateway is left alone
}

// open parses the command's flags and connects.
func (o *options) open(ctx context.Context, args []string) (*installation, error) {
	if err := o.flags.Parse(args); err != nil {
		return nil, flag.ErrHelp // the flag package has said what is wrong
	}
	if o.flags.NArg() > 0 {
		return nil, fmt.Errorf("argomento non previsto: %q", o.flags.Arg(0))
	}
	var missing []string
	for name, value := range map[string]string{"stage": o.stage, "table-applications": o.applications, "table-sessions": o.sessions} {
		if value == "" {
			missing = append(missing, "--"+name)
		}
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		return nil, fmt.Errorf("manca %s", strings.Join(missing, ", "))
	}
	p, err := lambdafn.New(ctx, lambdafn.Environment{Stage: o.stage, LogLevel: slog.LevelWarn})
	if err != nil {
		return nil, err
	}
	client := dynamo.NewClient(p.AWS)
	keyring, keyringErr := officers.NewKeyring(dynamo.New(client, o.sessions), p.Now, rand.Reader)
	roster, rosterErr := officers.NewRoster(dynamo.New(client, o.applications), p.Now, p.NewID, officesOf)
	if err := errors.Join(keyringErr, rosterErr); err != nil {
		return nil, err
	}
	i := &installation{stage: o.stage, now: p.Now, keyring: keyring, roster: roster}
	if !o.noGateway {
		i.gateway = newGateway(p.AWS, o.stage)
	}
	return i, nil
}

func officesOf(chamber string) []string {
	c, _ := catalogue.ChamberByID(chamber)
	var ids []string
	for _, office := range c.Offices {
		ids = append(ids, office.ID)
	}
	return ids
}

// knownChamber refuses a chamber that the installation does not have.
func knownChamber(id string) error {
	if _, ok := catalogue.ChamberByID(id); ok {
		return nil
	}
	var ids []string
	for _, c := range catalogue.Chambers() {
		ids = append(ids, c.ID)
	}
	return fmt.Errorf("la Camera %q non esiste (--chamber: %s)", id, strings.Join(ids, ", "))
}

func splitRights(text string) []access.Right {
	var rights []access.Right
	for _, name := range split(text) {
		rights = append(rights, access.Right(name))
	}
	return rights
}

func split(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
}
