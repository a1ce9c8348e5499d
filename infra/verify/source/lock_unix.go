//go:build unix

package source

import (
	"errors"
	"os"
	"syscall"
)

// shareFolder takes a shared lock on the local cloud's lock file. It is not free while the local cloud runs; while we hold it the local cloud
// cannot be started.
func shareFolder(path string) (release func(), free bool, err error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return func() {}, true, nil // a copy of the folder
	}
	if err != nil {
		return nil, false, err
	}
	release = func() { _ = f.Close() }
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return release, false, nil
	}
	if err != nil {
		release()
		return nil, false, err
	}
	return release, true, nil
}
