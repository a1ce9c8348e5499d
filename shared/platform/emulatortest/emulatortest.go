//go:build emulator

package emulatortest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// The emulators' one user, and their region.
const (
	accessKey = "TESTACCESSKEY"
	secretKey = "test-secret-key"
	Region    = "eu-south-1"
)

// startTimeout is generous: a busy machine starts Node slowly.
const startTimeout = 20 * time.Second

func config(endpoint string) aws.Config {
	return aws.Config{
		Region:       Region,
		BaseEndpoint: aws.String(endpoint),
		Credentials:  credentials.NewStaticCredentialsProvider(accessKey, secretKey, ""),
	}
}

// lack skips the test, or fails it where emulators are required.
func lack(t testing.TB, format string, args ...any) {
	t.Helper()
	message := fmt.Sprintf(format, args...)
	if os.Getenv("EMULATORS") == "required" {
		t.Fatal(message)
	}
	t.Skip(message)
}

// root is the folder of the repository.
var root = sync.OnceValues(func() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		module, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && bytes.HasPrefix(module, []byte("module sportello\n")) {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no repository above the working directory")
		}
		dir = parent
	}
})

// installed returns a path of the repository, or skips the test.
func installed(t testing.TB, how string, path ...string) string {
	t.Helper()
	dir, err := root()
	if err != nil {
		t.Fatal(err)
	}
	full := filepath.Join(append([]string{dir}, path...)...)
	if _, err := os.Stat(full); err != nil {
		lack(t, "%s is not installed: %s", filepath.Join(path...), how)
	}
	return full
}

// program is an emulator to start.
type program struct {
	path, dir string
	args      func(port string) []string
	env       func(port string) []string
}

// start runs the program on a free port until the test ends, and returns its address when it answers.
func start(t testing.TB, p program) string {
	t.Helper()
	var problems []error
	for range 3 { // somebody else may take the port between finding it and using it
		address, err := try(t, p)
		if err == nil {
			return address
		}
		problems = append(problems, err)
	}
	t.Fatalf("starting %s: %v", filepath.Base(p.path), errors.Join(problems...))
	return ""
}

func try(t testing.TB, p program) (string, error) {
	port, err := freePort()
	if err != nil {
		return "", err
	}
	var output bytes.Buffer
	command := exec.Command(p.path, p.args(port)...)
	command.Dir, command.Stdout, command.Stderr = p.dir, &output, &output
	command.Env = append(os.Environ(), p.env(port)...)
	dieWithParent(command)
	if err := command.Start(); err != nil {
		return "", err
	}
	ended := make(chan struct{})
	go func() {
		_ = command.Wait()
		close(ended)
	}()
	stop := func() {
		_ = command.Process.Kill()
		<-ended
	}
	address := "http://127.0.0.1:" + port
	if err := answers(address, ended); err != nil {
		stop()
		return "", fmt.Errorf("%w: %s", err, output.String())
	}
	t.Cleanup(stop)
	return address, nil
}

func freePort() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port), nil
}

// answers waits for any HTTP answer.
func answers(address string, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			return response.Body.Close()
		}
		select {
		case <-ended:
			return errors.New("it ended")
		case <-ctx.Done():
			return errors.New("it does not answer")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func none(string) []string { return nil }
