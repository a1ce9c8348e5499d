package emulator

import (
	"errors"

	"golang.org/x/sys/unix"
)

func setAttribute(path string) error { return unix.Setxattr(path, "user.sportello", []byte("1"), 0) }

// hasBucketAttributes tells whether a bucket's folder still has what versitygw
// wrote beside it. A copy made without extended attributes has not.
func hasBucketAttributes(path string) bool {
	_, err := unix.Getxattr(path, "user.acl", nil)
	return !errors.Is(err, unix.ENODATA)
}
