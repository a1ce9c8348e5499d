//go:build !linux

package emulator

import "syscall"

// setAttribute is not tried elsewhere: files of their own work everywhere.
func setAttribute(string) error { return syscall.ENOTSUP }

func hasBucketAttributes(string) bool { return true }
