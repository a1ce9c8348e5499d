package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// The emulators' one user: the local cloud's administrator, whom its guard lets through.
const (
	accessKey = "LOCALACCESSKEY"
	secretKey = "local-secret-key"
	region    = "eu-south-1"
)

// config is an SDK configuration for one endpoint.
func config(endpoint string) aws.Config {
	return aws.Config{
		Region: region, BaseEndpoint: &endpoint, Credentials: credentials.NewStaticCredentialsProvider(accessKey, secretKey, ""),
		HTTPClient: awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) { t.MaxIdleConnsPerHost = 64 }),
	}
}

// emulators are the programs that the local cloud stores with, started by themselves: nothing stands between them and who is measured.
type emulators struct{ dynamoDB, s3, sqs string }

func (b *bench) tables() (string, error) {
	if b.emulators.dynamoDB != "" {
		return b.emulators.dynamoDB, nil
	}
	binary := filepath.Join(b.root, "infra", "local", "npm", "node_modules", "@dynoxide", "linux-x64", "dynoxide")
	if _, err := os.Stat(binary); errors.Is(err, fs.ErrNotExist) {
		if binary, err = exec.LookPath("dynoxide"); err != nil {
			return "", fmt.Errorf("dynoxide is not installed (make built): %w", err)
		}
	}
	var err error
	b.emulators.dynamoDB, err = b.program(func(port string) *exec.Cmd {
		return exec.CommandContext(b.ctx, binary, "serve", "--host", "127.0.0.1", "--port", port, "--db-path", filepath.Join(b.folder, "dynamodb.sqlite"))
	})
	return b.emulators.dynamoDB, err
}

// storage starts the other two as well.
func (b *bench) storage() (emulators, error) {
	if _, err := b.tables(); err != nil || b.emulators.sqs != "" {
		return b.emulators, err
	}
	var err error
	b.emulators.s3, err = b.program(func(port string) *exec.Cmd {
		folders := make([]string, 3)
		for n, name := range []string{"versions", "sidecar", "objects"} {
			folders[n] = filepath.Join(b.folder, "s3-"+name)
			_ = os.Mkdir(folders[n], 0o700)
		}
		c := exec.CommandContext(b.ctx, filepath.Join(b.bin, "versitygw"), "--port", "127.0.0.1:"+port, "--region", region, "--quiet",
			"posix", "--versioning-dir", folders[0], "--sidecar", folders[1], folders[2])
		c.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+accessKey, "ROOT_SECRET_KEY="+secretKey)
		return c
	})
	if err != nil {
		return b.emulators, err
	}
	b.emulators.sqs, err = b.program(func(port string) *exec.Cmd {
		c := exec.CommandContext(b.ctx, "node", "queues.mjs")
		c.Dir = filepath.Join(b.root, "infra", "local", "npm")
		c.Env = append(os.Environ(), "PORT="+port, "REGION="+region, "CLOCK_FILE=")
		return c
	})
	return b.emulators, err
}

// program starts a program on a free port until the bench ends and returns its address when it answers.
func (b *bench) program(command func(port string) *exec.Cmd) (string, error) {
	var problems []error
	for range 3 { // somebody else may take the port between finding it and using it
		address, err := b.try(command)
		if err == nil {
			return address, nil
		}
		problems = append(problems, err)
	}
	return "", errors.Join(problems...)
}

func (b *bench) try(command func(port string) *exec.Cmd) (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	address := listener.Addr().String()
	listener.Close()
	_, port, _ := strings.Cut(address, ":")
	process, output := command(port), &bytes.Buffer{}
	process.Stdout, process.Stderr = output, output
	if err := process.Start(); err != nil {
		return "", err
	}
	ended := make(chan struct{})
	go func() {
		_ = process.Wait()
		close(ended)
	}()
	b.closers = append(b.closers, func() {
		_ = process.Process.Kill()
		<-ended
	})
	for range 1000 {
		answer, err := http.Get("http://" + address)
		if err == nil {
			answer.Body.Close()
			return "http://" + address, nil
		}
		select {
		case <-ended:
			return "", fmt.Errorf("%s ended: %s", filepath.Base(process.Path), tail(output.Bytes()))
		case <-b.ctx.Done():
			return "", b.ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	return "", fmt.Errorf("%s does not answer", filepath.Base(process.Path))
}

// compile runs the Go command in the repository with the flags of a deployment.
func (b *bench) compile(ctx context.Context, environment []string, args ...string) error {
	args = append(append([]string{"build", "-buildvcs=false"}, strings.Fields(b.flags)...), args...)
	command := exec.CommandContext(ctx, "go", args...)
	command.Dir, command.Env = b.root, append(append(os.Environ(), "CGO_ENABLED=0"), environment...)
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("building: %w: %s", err, tail(output))
	}
	return nil
}
