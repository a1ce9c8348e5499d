package process_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sportello/infra/local/process"
)

// TestMain is also the supervisor that TestKilledSupervisor kills.
func TestMain(m *testing.M) {
	if os.Getenv("PROCESS_TEST") != "supervisor" {
		os.Exit(m.Run())
	}
	p, err := process.Start(process.Config{Name: "child", Path: "/bin/sleep", Args: []string{"600"}})
	if err != nil {
		panic(err)
	}
	fmt.Println(p.PID())
	select {}
}

func gone(pid int) bool {
	// A zombie that nobody reaps is as gone as can be.
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err == nil {
		_, state, _ := strings.Cut(string(text), ") ")
		return strings.HasPrefix(state, "Z")
	}
	return syscall.Kill(pid, 0) != nil
}

func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if done() {
			return
		}
	}
	t.Fatal(what)
}

func TestKilledSupervisor(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells children of their parent's death")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	supervisor := exec.Command(self)
	supervisor.Env = []string{"PROCESS_TEST=supervisor"}
	out, err := supervisor.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := supervisor.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	if err := supervisor.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = supervisor.Wait()
	await(t, "the child outlives its supervisor", func() bool { return gone(child) })
}

func TestStopTakesTheGroup(t *testing.T) {
	read, write := io.Pipe()
	p, err := process.Start(process.Config{Name: "shell", Path: "/bin/sh", Args: []string{"-c", "sleep 600 & echo $!; wait"}, Output: write})
	if err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(read).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	grandchild, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	p.Stop(t.Context())
	await(t, "the grandchild is left", func() bool { return gone(grandchild) })
}

func TestStopKillsTheDeaf(t *testing.T) {
	read, write := io.Pipe()
	p, err := process.Start(process.Config{Name: "deaf", Path: "/bin/sh", Args: []string{"-c", "trap '' TERM; echo ready; while :; do sleep 1; done"}, Output: write})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(read).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p.Stop(ctx)
	if p.Err() == nil || !strings.Contains(p.Err().Error(), "killed") {
		t.Errorf("it ended with %v", p.Err())
	}
}

func TestRun(t *testing.T) {
	if err := process.Run(t.Context(), process.Config{Name: "good", Path: "/bin/sh", Args: []string{"-c", "exit 0"}}); err != nil {
		t.Error(err)
	}
	err := process.Run(t.Context(), process.Config{Name: "bad thing", Path: "/bin/sh", Args: []string{"-c", "exit 3"}})
	if err == nil || !strings.Contains(err.Error(), "bad thing") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("got %v", err)
	}
	if _, err := process.Start(process.Config{Name: "absent", Path: "/no/such/program"}); err == nil || !strings.Contains(err.Error(), "absent") {
		t.Errorf("got %v", err)
	}
}

func TestNothingIsInherited(t *testing.T) {
	t.Setenv("SECRET_OF_THE_SUPERVISOR", "x")
	var out strings.Builder
	if err := process.Run(t.Context(), process.Config{Name: "env", Path: "/usr/bin/env", Env: []string{"A=1"}, Output: &out}); err != nil {
		t.Fatal(err)
	}
	if out.String() != "A=1\n" {
		t.Errorf("the program saw %q", out.String())
	}
}
