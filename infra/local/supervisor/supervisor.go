// Package supervisor is the local cloud as a whole: it starts the emulators and
// the outside world, makes what the template declares, runs the functions
// behind their routes, queues and schedules, and ends everything it started.
package supervisor

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"sportello/infra/local/aws"
	"sportello/infra/local/clock"
	"sportello/infra/local/console"
	"sportello/infra/local/emulator"
	"sportello/infra/local/fault"
	"sportello/infra/local/guard"
	"sportello/infra/local/queues"
	"sportello/infra/local/runtime"
	"sportello/infra/local/schedule"
	"sportello/infra/local/template"
)

// Facts about the account that the functions see.
const (
	region  = "eu-south-1"
	account = "000000000000"
	stack   = "sportello-local"
	stage   = "local"
)

// Supervisor is one local cloud.
type Supervisor struct {
	config    Config
	addresses Addresses
	console   *console.Console
	log       *slog.Logger
	lock      *os.File
	clock     *clock.Clock
	services  *aws.Services
	cloud     *template.Cloud
	emulators *emulator.Emulators
	clients   emulator.Clients
	guard     *guard.Guard
	ledger    *guard.Ledger
	storage   emulator.Config
	outside   *world
	faults    fault.Set
	lines     *lines
	pools     map[string]*runtime.Pool
	functions map[string]template.Function
	scheduler *schedule.Scheduler
	listeners map[string][]net.Listener
	servers   []*http.Server
	// running is over when the local cloud is to end.
	running context.Context
	// background counts what must end before the pools are closed.
	background sync.WaitGroup
	failed     chan error
}

// Run runs the local cloud until ctx is over, and returns when all that it
// started has ended. Ready is called once everything answers.
func Run(ctx context.Context, c Config, out io.Writer, ready func(Addresses)) error {
	s := &Supervisor{
		config: c, pools: map[string]*runtime.Pool{}, functions: map[string]template.Function{},
		listeners: map[string][]net.Listener{}, failed: make(chan error, 8),
	}
	if err := s.prepare(out); err != nil {
		s.release()
		return err
	}
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	s.running = running
	err := s.start(running)
	if err == nil {
		s.announce(ready)
		select {
		case <-ctx.Done():
			s.log.Info("ending", "cause", context.Cause(ctx))
		case err = <-s.failed:
		}
	}
	cancel()
	s.stop()
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return nil
	}
	return err
}

// prepare takes the folder and the ports, and reads the template: whatever is
// wrong with them is said before anything is started.
func (s *Supervisor) prepare(out io.Writer) error {
	logs := filepath.Join(s.config.Data, "logs")
	if err := os.MkdirAll(logs, 0o700); err != nil {
		return fmt.Errorf("preparing the data folder: %w", err)
	}
	s.console = console.New(out, !s.config.Plain, logs)
	s.log = slog.New(slog.NewJSONHandler(s.console.Speaker("local"), nil))
	lock, err := lockFolder(filepath.Join(s.config.Data, "lock"))
	if err != nil {
		return err
	}
	s.lock = lock
	if s.config.FreePorts {
		if err := s.config.Ports.free(); err != nil {
			return err
		}
	}
	if err := s.config.Ports.check(); err != nil {
		return err
	}
	s.addresses = s.config.addresses()
	if s.clock, err = clock.Open(filepath.Join(s.config.Data, "clock")); err != nil {
		return err
	}
	s.services, err = aws.Open(aws.Config{Dir: s.config.Data, Region: region, Account: account, Now: time.Now})
	if err != nil {
		return err
	}
	if err := s.seedSecrets(); err != nil {
		return err
	}
	if s.cloud, err = s.resolve(s.services.Parameters.Value); err != nil {
		return err
	}
	if err := s.watch(); err != nil {
		return err
	}
	return s.listen()
}

func (s *Supervisor) resolve(stored func(string) (string, bool)) (*template.Cloud, error) {
	t, err := template.Load(filepath.Join(s.config.Root, "template.yaml"))
	if err != nil {
		return nil, err
	}
	return t.Resolve(template.Settings{
		Region: region, Account: account, Stack: stack,
		QueueBase: s.addresses.SQS, BucketHost: loopback(s.config.Ports.S3),
		Stored: stored, Parameters: s.parameters(),
	})
}

// instituteFolder is where in the outside world the payment institute is.
const instituteFolder = "/istituto"

// parameters are the values of the template's parameters here.
func (s *Supervisor) parameters() map[string]string {
	outside := s.addresses.Outside
	return map[string]string{
		"Stage": stage, "LogLevel": s.config.LogLevel,
		"PortalScheme": "http", "PortalDomain": "localhost:" + strconv.Itoa(s.config.Ports.Portal),
		"CertificateArn": "arn:aws:acm:us-east-1:" + account + ":certificate/local",
		"ObjectLockMode": "GOVERNANCE", "ObjectLockDays": "1",
		"SpidIssuer": outside + "/spid", "CieIssuer": outside + "/cie", "OidcClientId": clientID, "InfocamereClientId": clientID, "PdndClientId": clientID, "PdndPurposeId": pdndPurpose,
		"CompaniesUrl": outside + "/registro-imprese", "InipecUrl": outside + "/inipec",
		"InadUrl": outside + "/inad", "PdndUrl": outside + "/pdnd", "PreservationUrl": outside + "/conservazione", "TimestampUrl": outside + "/trust/tsa",
		"InstituteUrl": outside + instituteFolder,
		"TrustListUrl": outside + "/trust/TSL-IT.xml",
		"PecSmtp":      s.addresses.SMTP, "PecImap": s.addresses.IMAP, "PecDomain": "sportello.example.it",
		"AlarmEmail": "allarmi@sportello.example.it",
	}
}

// seedSecrets makes the random secrets of a new installation. They are never
// made again: sessions and cursors signed with them would be lost.
func (s *Supervisor) seedSecrets() error {
	for _, name := range []string{"/origin", "/cursor-key"} {
		if err := s.services.Parameters.Seed(prefix+name, "SecureString", randomHex); err != nil {
			return err
		}
	}
	// What the distribution sends is one of the secrets that the functions accept.
	return s.services.Parameters.Seed(prefix+"/origin-sent", "String", func() string {
		accepted, _ := s.services.Parameters.Value(prefix + "/origin")
		return accepted
	})
}

// prefix is where the functions look for their parameters.
const prefix = "/sportello/" + stage

func randomHex() string {
	var b [32]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// listen takes our own ports now, so that nothing is half up when one is busy.
func (s *Supervisor) listen() error {
	p := s.config.Ports
	for name, port := range map[string]int{
		"portal": p.Portal, "aws": p.AWS, "control": p.Control, "dynamodb": p.DynamoDB, "s3": p.S3, "sqs": p.SQS,
	} {
		l, err := net.Listen("tcp", loopback(port))
		if err != nil {
			return fmt.Errorf("listening for %s: %w", name, err)
		}
		s.listeners[name] = append(s.listeners[name], l)
	}
	// Browsers may try the other loopback first for *.localhost; a machine
	// without it does without.
	if l, err := net.Listen("tcp", net.JoinHostPort("::1", strconv.Itoa(s.config.Ports.Portal))); err == nil {
		s.listeners["portal"] = append(s.listeners["portal"], l)
	}
	return nil
}

// start brings everything up; the two slow parts go side by side.
func (s *Supervisor) start(ctx context.Context) error {
	starting, cancel := context.WithTimeoutCause(ctx, time.Minute, errors.New("the local cloud did not come up within a minute"))
	defer cancel()
	if err := s.services.Keys.Provision(s.cloud.Keys); err != nil {
		return err
	}
	s.services.Gateway.Provision(s.cloud.Plans)
	for _, p := range s.cloud.Parameters {
		if err := s.services.Parameters.Put(p.Name, p.Type, p.Value); err != nil {
			return err
		}
	}
	problems := make(chan error, 2)
	go func() { problems <- s.startStorage(starting) }()
	go func() { problems <- s.startOutside(starting) }()
	if err := errors.Join(<-problems, <-problems); err != nil {
		return err
	}
	if err := s.startFunctions(); err != nil {
		return err
	}
	if err := s.serve(); err != nil {
		return err
	}
	if err := s.seed(starting); err != nil {
		return err
	}
	if err := s.startMappings(ctx); err != nil {
		return err
	}
	return s.startSchedules(ctx)
}

func (s *Supervisor) startStorage(ctx context.Context) error {
	running, err := emulator.Start(ctx, s.storage)
	if err != nil {
		return err
	}
	s.emulators, s.clients = running, emulator.NewClients(s.storage)
	go func() {
		if err, ok := <-running.Exited; ok {
			s.failed <- err
		}
	}()
	return s.clients.Provision(ctx, s.cloud)
}

func (s *Supervisor) startMappings(ctx context.Context) error {
	byARN := map[string]template.Queue{}
	for _, q := range s.cloud.Queues {
		byARN[q.ARN] = q
	}
	for _, m := range s.cloud.Mappings {
		q, ok := byARN[m.QueueARN]
		if !ok {
			return fmt.Errorf("function %s: event %s: %s is no queue of this template", m.Function, m.Name, m.QueueARN)
		}
		pool := s.pools[m.Function]
		mapping := queues.New(queues.Config{Mapping: m, Queue: q, Region: region, SQS: s.clientsOf(m.Function).SQS, Invoke: pool.Invoke, Log: s.log})
		s.background.Go(func() { mapping.Run(ctx) })
	}
	return nil
}

// clientsOf are for what Lambda does with the role of a function: feed it from
// queues, and tell its failure queue.
func (s *Supervisor) clientsOf(function string) emulator.Clients {
	return emulator.NewClientsOf(s.storage, guard.AccessKey(function), s.guard.Over(s.storage.Transport()))
}

func (s *Supervisor) startSchedules(ctx context.Context) error {
	scheduler, err := schedule.New(schedule.Config{
		Schedules: s.cloud.Schedules, Clock: s.clock, State: filepath.Join(s.config.Data, "schedules.json"),
		Region: region, Account: account, Log: s.log,
		Fire: func(one template.Schedule, payload []byte) {
			s.background.Go(func() { s.invokeLater(ctx, one.Function, payload) })
		},
	})
	if err != nil {
		return err
	}
	s.scheduler = scheduler
	s.background.Go(func() { scheduler.Run(ctx) })
	return nil
}

// announce says that everything answers.
func (s *Supervisor) announce(ready func(Addresses)) {
	if !s.config.FreePorts {
		s.console.Print(s.welcome())
	}
	if ready != nil {
		ready(s.addresses)
	}
}

// Ready prints the line that programs wait for.
func Ready(w io.Writer) func(Addresses) {
	return func(a Addresses) {
		text, err := json.Marshal(a)
		if err == nil {
			_, _ = fmt.Fprintf(w, "READY %s\n", text)
		}
	}
}

// grace is what running invocations get when the local cloud is told to end.
const grace = 3 * time.Second

// stop ends what was started, the callers before the called.
func (s *Supervisor) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	var wg sync.WaitGroup
	for _, server := range s.servers {
		wg.Go(func() {
			if server.Shutdown(ctx) != nil {
				_ = server.Close()
			}
		})
	}
	wg.Wait()
	ended := make(chan struct{})
	go func() {
		s.background.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
	}
	for _, pool := range s.pools {
		wg.Go(pool.Close)
	}
	wg.Wait()
	if s.lines != nil {
		s.lines.close()
	}
	final, cancelFinal := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancelFinal()
	if s.outside != nil {
		wg.Go(func() { s.outside.process.Stop(final) })
	}
	if s.emulators != nil {
		wg.Go(func() { s.emulators.Stop(final) })
	}
	wg.Wait()
	s.release()
}

func (s *Supervisor) release() {
	for _, group := range s.listeners {
		for _, l := range group {
			_ = l.Close()
		}
	}
	if s.ledger != nil {
		_ = s.ledger.Close()
	}
	if s.console != nil {
		s.console.Close()
	}
	if s.lock != nil {
		_ = s.lock.Close()
	}
}
