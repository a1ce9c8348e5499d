package process

import (
	"os/exec"
	"runtime"
	"sync"
	"syscall"
)

// bind gives the program its own group and has the kernel kill it when the
// thread that started it dies.
func bind(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

var starter = sync.OnceValue(func() chan func() {
	work := make(chan func())
	go func() {
		// The kernel's "parent" is a thread: programs started on one that the
		// Go runtime later ends would be killed in mid-work. This goroutine
		// owns its thread and never returns.
		runtime.LockOSThread()
		for f := range work {
			f()
		}
	}()
	return work
})

func start(cmd *exec.Cmd) error {
	result := make(chan error)
	starter() <- func() { result <- cmd.Start() }
	return <-result
}
