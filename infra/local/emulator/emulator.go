// Package emulator starts and stops the three emulators of storage, and makes
// in them the tables, buckets and queues that the template declares: DynamoDB
// (dynoxide, or another one named by its endpoint), S3 (versitygw) and SQS
// (fauxqs, in memory: what is in a queue does not survive a restart, and the
// product's sweep must recover it).
package emulator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"sportello/infra/local/process"
)

// Credentials of the one user that all emulators know.
const (
	AccessKey = "LOCALACCESSKEY"
	SecretKey = "local-secret-key"
)

// Config says where the emulators are and where they listen.
type Config struct {
	// Modules is the folder with node_modules (infra/local/npm).
	Modules string
	// Gateway is the versitygw binary.
	Gateway string
	// Data is the folder for what must last.
	Data string
	// ClockFile is read by the queues.
	ClockFile string
	Region    string
	// DynamoDB, S3 and SQS are the loopback ports that callers know.
	DynamoDB, S3, SQS int
	// Behind are the ports that the programs listen on when something else
	// listens on those: by the port that callers know.
	Behind map[int]int
	// AccessKeys are those of S3's users beside the one that all emulators know.
	AccessKeys []string
	// ExternalDynamoDB, if set, is an endpoint to use instead of dynoxide.
	ExternalDynamoDB string
	// Output gives the writer for a program's lines.
	Output func(name string) io.Writer
}

// Emulators are running programs.
type Emulators struct {
	config    Config
	processes []*process.Process
	// Exited gets an error when one of them ends before it is stopped.
	Exited chan error
	mu     sync.Mutex
	ending bool
}

// DynamoDBEndpoint is the endpoint of DynamoDB.
func (c Config) DynamoDBEndpoint() string { return endpoint(c.DynamoDB) }

// S3Endpoint is the endpoint of S3; buckets are addressed by path.
func (c Config) S3Endpoint() string { return endpoint(c.S3) }

// SQSEndpoint is the endpoint of SQS.
func (c Config) SQSEndpoint() string { return endpoint(c.SQS) }

func endpoint(port int) string { return "http://" + loopback(port) }

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// listen is the port that a program listens on.
func (c Config) listen(port int) int {
	if behind, ok := c.Behind[port]; ok {
		return behind
	}
	return port
}

// Transport reaches the programs themselves by the addresses that callers know:
// the name in a signature or in a queue's address stays the same.
func (c Config) Transport() *http.Transport {
	to := map[string]string{}
	for _, port := range []int{c.DynamoDB, c.S3, c.SQS} {
		to[loopback(port)] = loopback(c.listen(port))
	}
	if external, err := url.Parse(c.ExternalDynamoDB); err == nil && external.Host != "" {
		to[loopback(c.DynamoDB)] = external.Host
		if external.Port() == "" {
			to[loopback(c.DynamoDB)] = net.JoinHostPort(external.Hostname(), "80")
		}
	}
	dialer := &net.Dialer{Timeout: time.Second}
	return &http.Transport{
		// Node ends a connection that was idle for five seconds, and a call made
		// in that moment is lost.
		DisableCompression: true, MaxIdleConnsPerHost: 64, IdleConnTimeout: 4 * time.Second,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if behind, ok := to[address]; ok {
				address = behind
			}
			return dialer.DialContext(ctx, network, address)
		},
	}
}

// Start starts all emulators at once and returns when each answers.
func Start(ctx context.Context, c Config) (*Emulators, error) {
	if c.ExternalDynamoDB != "" && !strings.HasPrefix(c.ExternalDynamoDB, "http://") {
		return nil, fmt.Errorf("the address of DynamoDB must begin with http://, and %s does not", c.ExternalDynamoDB)
	}
	e := &Emulators{config: c, Exited: make(chan error, 3)}
	type program struct {
		name   string
		config func() (process.Config, error)
		port   int
		health string
	}
	programs := []program{
		{"s3", e.gateway, c.listen(c.S3), "/health"},
		{"sqs", e.queues, c.listen(c.SQS), "/health"},
	}
	if c.ExternalDynamoDB == "" {
		programs = append(programs, program{"dynamodb", e.tables, c.listen(c.DynamoDB), "/"})
	}
	results := make(chan error, len(programs))
	for _, p := range programs {
		config, err := p.config()
		if err == nil {
			config.Name, config.Output = p.name, c.Output(p.name)
			err = e.launch(config)
		}
		if err != nil {
			e.Stop(context.WithoutCancel(ctx))
			return nil, err
		}
		go func() { results <- e.await(ctx, p.name, p.port, p.health) }()
	}
	var problems []error
	for range programs {
		problems = append(problems, <-results)
	}
	if err := errors.Join(problems...); err != nil {
		e.Stop(context.WithoutCancel(ctx))
		return nil, err
	}
	return e, nil
}

func (e *Emulators) launch(c process.Config) error {
	p, err := process.Start(c)
	if err != nil {
		return err
	}
	e.processes = append(e.processes, p)
	go func() {
		<-p.Done()
		e.mu.Lock()
		defer e.mu.Unlock()
		if !e.ending {
			e.Exited <- fmt.Errorf("emulator %s ended: %w", c.Name, p.Err())
		}
	}()
	return nil
}

// await polls until the emulator answers anything.
func (e *Emulators) await(ctx context.Context, name string, port int, path string) error {
	client := &http.Client{Timeout: time.Second}
	defer client.CloseIdleConnections()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint(port)+path, nil)
		if err != nil {
			return err
		}
		response, err := client.Do(request)
		if err == nil {
			return response.Body.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for emulator %s: %w", name, context.Cause(ctx))
		case err := <-e.Exited:
			e.Exited <- err
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Processes are the programs that were started.
func (e *Emulators) Processes() []*process.Process { return e.processes }

// Stop ends all emulators and returns when they are gone.
func (e *Emulators) Stop(ctx context.Context) {
	e.mu.Lock()
	e.ending = true
	e.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for _, p := range e.processes {
		wg.Go(func() { p.Stop(ctx) })
	}
	wg.Wait()
}

func (e *Emulators) tables() (process.Config, error) {
	binary, err := Dynoxide(e.config.Modules)
	if err != nil {
		return process.Config{}, err
	}
	if err := os.MkdirAll(e.config.Data, 0o700); err != nil {
		return process.Config{}, err
	}
	return process.Config{Path: binary, Args: []string{
		"serve", "--host", "127.0.0.1", "--port", strconv.Itoa(e.config.listen(e.config.DynamoDB)),
		"--db-path", filepath.Join(e.config.Data, "dynamodb.sqlite"),
	}}, nil
}

// Dynoxide is the DynamoDB emulator installed in modules. Where npm has none
// for this system, one in the PATH (cargo install dynoxide-rs) will do.
func Dynoxide(modules string) (string, error) {
	binary := filepath.Join(modules, "node_modules", "@dynoxide", "linux-x64", "dynoxide")
	if _, err := os.Stat(binary); err == nil {
		return binary, nil
	}
	if found, err := exec.LookPath("dynoxide"); err == nil {
		return found, nil
	}
	return "", fmt.Errorf("dynoxide is not installed: npm ci in %s, or cargo install dynoxide-rs", modules)
}

func (e *Emulators) queues() (process.Config, error) {
	node, err := exec.LookPath("node")
	if err != nil {
		return process.Config{}, fmt.Errorf("finding Node: %w", err)
	}
	if _, err := os.Stat(filepath.Join(e.config.Modules, "node_modules", "fauxqs")); err != nil {
		return process.Config{}, fmt.Errorf("fauxqs is not installed: npm ci in %s", e.config.Modules)
	}
	return process.Config{Path: node, Dir: e.config.Modules, Args: []string{"queues.mjs"}, Env: []string{
		"PORT=" + strconv.Itoa(e.config.listen(e.config.SQS)), "REGION=" + e.config.Region, "CLOCK_FILE=" + e.config.ClockFile,
		"PATH=" + os.Getenv("PATH"), "NODE_ENV=production",
	}}, nil
}

func (e *Emulators) gateway() (process.Config, error) {
	if _, err := os.Stat(e.config.Gateway); err != nil {
		return process.Config{}, fmt.Errorf("versitygw is not built: %w", err)
	}
	objects, versions := filepath.Join(e.config.Data, "s3"), filepath.Join(e.config.Data, "s3-versions")
	metadata := filepath.Join(e.config.Data, "s3-metadata")
	for _, dir := range []string{objects, versions} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return process.Config{}, err
		}
	}
	users := filepath.Join(e.config.Data, "s3-users")
	if err := e.writeUsers(users); err != nil {
		return process.Config{}, err
	}
	args := []string{
		"--port", loopback(e.config.listen(e.config.S3)), "--region", e.config.Region, "--iam-dir", users,
		"--quiet", "--health", "/health", "posix", "--versioning-dir", versions,
	}
	if sidecar, err := needsSidecar(objects, metadata); err != nil {
		return process.Config{}, err
	} else if sidecar {
		args = append(args, "--sidecar", metadata)
	}
	return process.Config{Path: e.config.Gateway, Args: append(args, objects), Env: []string{
		"ROOT_ACCESS_KEY=" + AccessKey, "ROOT_SECRET_KEY=" + SecretKey, "TMPDIR=" + os.TempDir(),
	}}, nil
}

// writeUsers makes S3 know the access keys, since it checks signatures. All may
// do everything there: who may do what is decided before.
func (e *Emulators) writeUsers(folder string) error {
	users := map[string]map[string]string{}
	for _, key := range e.config.AccessKeys {
		users[key] = map[string]string{"access": key, "secret": SecretKey, "role": "admin"}
	}
	text, err := json.Marshal(map[string]any{"accessAccounts": users})
	if err != nil {
		return err
	}
	return errors.Join(os.MkdirAll(folder, 0o700), os.WriteFile(filepath.Join(folder, "users.json"), text, 0o600))
}

// needsSidecar tells whether object metadata must go in files of their own,
// because the file system has no extended attributes. Once chosen for a data
// folder it stays: the metadata are where the first start put them.
func needsSidecar(objects, metadata string) (bool, error) {
	if _, err := os.Stat(metadata); err == nil {
		return true, nil
	}
	buckets, err := filepath.Glob(filepath.Join(objects, "[a-z0-9]*"))
	if err != nil {
		return false, err
	}
	for _, b := range buckets {
		if !hasBucketAttributes(b) {
			return false, fmt.Errorf("%s has lost its extended attributes: a data folder is copied with cp -a, or cp --preserve=xattr", b)
		}
	}
	if hasAttributes(objects) {
		return false, nil
	}
	return true, os.MkdirAll(metadata, 0o700)
}

func hasAttributes(dir string) bool {
	probe, err := os.CreateTemp(dir, ".probe-*")
	if err != nil {
		return false
	}
	defer os.Remove(probe.Name())
	defer probe.Close()
	return !errors.Is(setAttribute(probe.Name()), syscall.ENOTSUP)
}
