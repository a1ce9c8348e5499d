package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Local is the local cloud's data, running or stopped.
type Local struct {
	Objects Objects
	// Register and Applications are nil where Notes says why.
	Register, Applications Rows
	// Live tells that the local cloud is running: what is read may still move.
	Live bool
	// Preservation and Mail are files with the certificates of the outside world's authorities; empty where there are none.
	Preservation, Mail string
	// Trust is the file with the root of its seals and timestamps.
	Trust string
	// Notes say, in Italian, what could not be read.
	Notes []string

	closers []func()
}

// Close lets go of the folder and ends what was started to read it.
func (l *Local) Close() {
	for n := len(l.closers) - 1; n >= 0; n-- {
		l.closers[n]()
	}
	l.closers = nil
}

// LocalConfig says where the local cloud is.
type LocalConfig struct {
	// Data is its data folder.
	Data string
	// Control is the address of its control API, which tells the others.
	Control string
	// S3 and DynamoDB, if both are set, are their addresses: nothing is asked.
	S3, DynamoDB string
}

// OpenLocal opens the data folder of the local cloud. While it runs, its own S3 and DynamoDB are asked. While it is stopped, objects are read
// from the folder and tables from a copy, by a DynamoDB emulator of our own; it cannot be started meanwhile.
func OpenLocal(ctx context.Context, c LocalConfig) (*Local, error) {
	data, err := filepath.Abs(c.Data)
	if err != nil {
		return nil, err
	}
	bucket, err := archiveBucket(data)
	if err != nil {
		return nil, err
	}
	l := &Local{Preservation: existing(data, "outside", "preservation-ca.pem"), Mail: existing(data, "outside", "pec-ca.pem"), Trust: existing(data, "outside", "trust-ca.pem")}
	release, free, err := shareFolder(filepath.Join(data, "lock"))
	if err != nil {
		return nil, fmt.Errorf("opening the data folder: %w", err)
	}
	l.closers = append(l.closers, release)
	if free {
		err = l.stopped(ctx, data, bucket)
	} else {
		err = l.running(ctx, c, data, bucket)
	}
	if err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// archiveBucket finds the archive among the buckets: its name is the stack's and ends so.
func archiveBucket(data string) (string, error) {
	found, err := filepath.Glob(filepath.Join(data, "data", "s3", "*archivebucket"))
	if err == nil && len(found) != 1 {
		err = fmt.Errorf("%s non è la cartella dei dati di un cloud locale: non contiene il bucket dell'archivio", data)
	}
	if err != nil {
		return "", err
	}
	return filepath.Base(found[0]), nil
}

func existing(path ...string) string {
	file := filepath.Join(path...)
	if _, err := os.Stat(file); err != nil {
		return ""
	}
	return file
}

// The local cloud's one user and its region.
const (
	localKey    = "LOCALACCESSKEY"
	localSecret = "local-secret-key"
	localRegion = "eu-south-1"
)

func localConfig() aws.Config {
	return aws.Config{Region: localRegion, Credentials: credentials.NewStaticCredentialsProvider(localKey, localSecret, "")}
}

func (l *Local) tables(ctx context.Context, endpoint string) error {
	at := func(o *dynamodb.Options) { o.BaseEndpoint = &endpoint }
	names, err := FindTables(ctx, localConfig(), []string{"registertable", "applicationstable"}, at)
	if err != nil {
		return err
	}
	if names[0] == "" || names[1] == "" {
		return errors.New("il cloud locale non ha le tabelle del registro e delle pratiche")
	}
	l.Register, l.Applications = NewTable(localConfig(), names[0], at), NewTable(localConfig(), names[1], at)
	return nil
}

// ---- running ----

func (l *Local) running(ctx context.Context, c LocalConfig, data, bucket string) error {
	l.Live = true
	at := addresses{DynamoDB: c.DynamoDB, S3: c.S3, Data: data}
	if at.S3 == "" || at.DynamoDB == "" {
		var err error
		if at, err = ask(ctx, c.Control); err != nil || !same(at.Data, data) {
			return fmt.Errorf("%s è in uso da un cloud locale che non risponde su %s: indicare il suo indirizzo di controllo con --control", data, c.Control)
		}
	}
	l.Objects = NewBucket(localConfig(), bucket, func(o *s3.Options) { o.BaseEndpoint = &at.S3 })
	return l.tables(ctx, at.DynamoDB)
}

type addresses struct {
	DynamoDB string `json:"dynamodb"`
	S3       string `json:"s3"`
	Data     string `json:"data"`
}

func ask(ctx context.Context, control string) (addresses, error) {
	var status struct {
		Addresses addresses `json:"addresses"`
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(control, "/")+"/status", nil)
	if err != nil {
		return status.Addresses, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return status.Addresses, err
	}
	defer response.Body.Close()
	return status.Addresses, json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(&status)
}

func same(a, b string) bool {
	one, err1 := os.Stat(a)
	other, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && os.SameFile(one, other)
}

// ---- stopped ----

func (l *Local) stopped(ctx context.Context, data, bucket string) error {
	objects, err := openFolder(filepath.Join(data, "data", "s3", bucket), filepath.Join(data, "data", "s3-versions", bucket))
	if err != nil {
		return err
	}
	l.Objects = objects
	database := filepath.Join(data, "data", "dynamodb.sqlite")
	program := emulator(data)
	switch {
	case existing(database) == "":
		l.Notes = append(l.Notes, "tabelle non controllate: questo cloud locale le tiene in un altro DynamoDB (indicarle con --register e --applications)")
		return nil
	case program == "":
		l.Notes = append(l.Notes, "tabelle non controllate: il cloud locale è fermo e manca dynoxide per leggerle (make run lo installa)")
		return nil
	}
	endpoint, err := l.serve(ctx, program, database)
	if err != nil {
		return err
	}
	return l.tables(ctx, endpoint)
}

// emulator finds the DynamoDB emulator that the local cloud uses: in the repository that the folder or we are in, else in the PATH.
func emulator(data string) string {
	here, _ := os.Getwd()
	for _, start := range []string{data, here} {
		for dir := start; dir != ""; {
			if found := existing(dir, "infra", "local", "npm", "node_modules", "@dynoxide", "linux-x64", "dynoxide"); found != "" {
				return found
			}
			parent := filepath.Dir(dir)
			if parent == dir {
				break
			}
			dir = parent
		}
	}
	found, _ := exec.LookPath("dynoxide")
	return found
}

// serve starts the emulator on a copy of the database, so that not even a lock of ours is left in it.
func (l *Local) serve(ctx context.Context, program, database string) (string, error) {
	dir, err := os.MkdirTemp("", "verify-")
	if err != nil {
		return "", err
	}
	l.closers = append(l.closers, func() { _ = os.RemoveAll(dir) })
	for _, suffix := range []string{"", "-wal"} {
		if err := copyFile(filepath.Join(dir, "copy.sqlite"+suffix), database+suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", fmt.Errorf("copying the tables: %w", err)
		}
	}
	port, err := freePort()
	if err != nil {
		return "", err
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	command := exec.CommandContext(running, program, "serve", "--host", "127.0.0.1", "--port", strconv.Itoa(port), "--db-path", filepath.Join(dir, "copy.sqlite"))
	if err := command.Start(); err != nil {
		cancel()
		return "", fmt.Errorf("starting the DynamoDB emulator: %w", err)
	}
	ended := make(chan struct{})
	go func() {
		_ = command.Wait()
		close(ended)
	}()
	l.closers = append(l.closers, func() { cancel(); <-ended })
	return await(ctx, port, ended)
}

func await(ctx context.Context, port int, ended <-chan struct{}) (string, error) {
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err == nil {
			return "http://" + address, c.Close()
		}
		select {
		case <-ended:
			return "", errors.New("starting the DynamoDB emulator: it ended at once")
		case <-ctx.Done():
			return "", fmt.Errorf("starting the DynamoDB emulator: %w", ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func copyFile(to, from string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, in)
	return err
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
