package supervisor

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// lockFolder keeps two local clouds from using one data folder. The lock goes
// with the process, however it ends.
func lockFolder(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the data folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("la cartella dei dati %s è già in uso da un altro avvio: fermarlo, oppure usare --data", filepath.Dir(path))
	}
	return f, nil
}
