package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// cloud is a local cloud of the demo's own.
type cloud struct {
	Portal  string `json:"portal"`
	Outside string `json:"outside"`
	Control string `json:"control"`
	Data    string `json:"data"`
	S3      string `json:"s3"`
	Dynamo  string `json:"dynamodb"`

	process *exec.Cmd
	folder  string
}

// startTimeout bounds the start of a cloud whose programs are built.
const startTimeout = 2 * time.Minute

// startCloud starts a local cloud in a new folder on free ports and waits until it is ready.
func startCloud(ctx context.Context, program string) (*cloud, error) {
	folder, err := os.MkdirTemp("", "sportello-demo-")
	if err != nil {
		return nil, err
	}
	log, err := os.Create(folder + "/log")
	if err != nil {
		return nil, err
	}
	c := &cloud{folder: folder}
	c.process = exec.Command(program, "run", "--no-build", "--plain", "--free-ports", "--data", folder+"/data")
	c.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	output, err := c.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.process.Stderr = log
	if err := c.process.Start(); err != nil {
		return nil, fmt.Errorf("starting the local cloud: %w", err)
	}
	ready := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(output)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			fmt.Fprintln(log, lines.Text())
			if addresses, ok := strings.CutPrefix(lines.Text(), "READY "); ok {
				ready <- addresses
			}
		}
		close(ready)
	}()
	select {
	case addresses, ok := <-ready:
		if !ok {
			return nil, fmt.Errorf("the local cloud ended before it was ready: see %s/log", folder)
		}
		return c, json.Unmarshal([]byte(addresses), c)
	case <-time.After(startTimeout):
		c.stop(true)
		return nil, fmt.Errorf("the local cloud was not ready in %s: see %s/log", startTimeout, folder)
	case <-ctx.Done():
		c.stop(false)
		return nil, ctx.Err()
	}
}

// stop ends the cloud and, unless it is to be kept, removes its folder.
func (c *cloud) stop(keep bool) {
	if c.process.Process != nil {
		_ = c.process.Process.Signal(syscall.SIGTERM)
		done := make(chan struct{})
		go func() { _ = c.process.Wait(); close(done) }()
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			_ = syscall.Kill(-c.process.Process.Pid, syscall.SIGKILL)
		}
	}
	if keep {
		fmt.Println("Dati in", c.folder)
		return
	}
	_ = os.RemoveAll(c.folder)
}
