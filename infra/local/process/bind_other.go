//go:build !linux

package process

import (
	"os/exec"
	"syscall"
)

// bind gives the program its own group. Other systems have no signal for a
// parent's death: a supervisor that is killed there leaves its programs, and
// the next start names the ports they hold.
func bind(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func start(cmd *exec.Cmd) error { return cmd.Start() }
