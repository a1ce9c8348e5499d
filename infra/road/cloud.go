// Package road is how the demo and the crash tests go the way of an application: a local cloud of their own, a persona's browser, a chamber's own
// system, and the outside world. It imports nothing of the product: everything goes over the wire.
package road

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Cloud is a local cloud of the caller's own, on free ports. Its addresses are what its READY line says.
type Cloud struct {
	Portal   string `json:"portal"`
	Outside  string `json:"outside"`
	Control  string `json:"control"`
	Data     string `json:"data"`
	S3       string `json:"s3"`
	DynamoDB string `json:"dynamodb"`
	SQS      string `json:"sqs"`

	// Folder holds the data and the log.
	Folder string `json:"-"`

	program string
	args    []string
	process *exec.Cmd
	ended   chan struct{} // closed when the process is gone
}

// startTimeout bounds the start of a cloud whose programs are built.
const startTimeout = 2 * time.Minute

// Start starts a local cloud in a new folder and waits until it is ready. More arguments go to the program, such as --faults.
func Start(ctx context.Context, program string, more ...string) (*Cloud, error) {
	folder, err := os.MkdirTemp("", "sportello-road-")
	if err != nil {
		return nil, err
	}
	c := &Cloud{Folder: folder, program: program}
	c.args = append([]string{"run", "--no-build", "--plain", "--free-ports", "--data", filepath.Join(folder, "data")}, more...)
	return c, c.run(ctx)
}

// Again starts a cloud that was killed or stopped, on the same data. Its addresses are new ones.
func (c *Cloud) Again(ctx context.Context) error { return c.run(ctx) }

func (c *Cloud) run(ctx context.Context) error {
	log, err := os.OpenFile(c.LogFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	c.process = exec.Command(c.program, c.args...)
	c.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	output, err := c.process.StdoutPipe()
	if err != nil {
		return err
	}
	c.process.Stderr = log
	if err := c.process.Start(); err != nil {
		return fmt.Errorf("starting the local cloud: %w", err)
	}
	ready, ended := make(chan string, 1), make(chan struct{})
	c.ended = ended
	go func() {
		defer log.Close()
		lines := bufio.NewScanner(output)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			fmt.Fprintln(log, lines.Text())
			if addresses, ok := strings.CutPrefix(lines.Text(), "READY "); ok {
				ready <- addresses
			}
		}
		_ = c.process.Wait()
		close(ended)
	}()
	select {
	case addresses := <-ready:
		return json.Unmarshal([]byte(addresses), c)
	case <-ended:
		return fmt.Errorf("the local cloud ended before it was ready: see %s", c.LogFile())
	case <-time.After(startTimeout):
		c.Kill()
		return fmt.Errorf("the local cloud was not ready in %s: see %s", startTimeout, c.LogFile())
	case <-ctx.Done():
		c.Kill()
		return ctx.Err()
	}
}

// LogFile is what the cloud and its functions print.
func (c *Cloud) LogFile() string { return filepath.Join(c.Folder, "log") }

// Stop ends the cloud in order.
func (c *Cloud) Stop() {
	if c.process == nil || c.process.Process == nil {
		return
	}
	_ = c.process.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.ended:
	case <-time.After(20 * time.Second):
		c.Kill()
	}
}

// Kill kills the supervisor with SIGKILL; the kernel kills at the same moment whatever it started. It returns when the supervisor is gone.
func (c *Cloud) Kill() {
	_ = syscall.Kill(-c.process.Process.Pid, syscall.SIGKILL)
	<-c.ended
}

// Remove deletes the cloud's folder.
func (c *Cloud) Remove() { _ = os.RemoveAll(c.Folder) }
