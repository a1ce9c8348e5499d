package emulator

import "golang.org/x/sys/unix"

func setAttribute(path string) error { return unix.Setxattr(path, "user.sportello", []byte("1"), 0) }
