//go:build emulator

package emulatortest

import (
	"os/exec"
	"syscall"
)

// dieWithParent keeps a test that is killed (a timeout, a debugger) from leaving emulators behind.
func dieWithParent(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
