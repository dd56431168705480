package boltdb

import (
	"os"

	"golang.org/x/sys/unix"
)

func dropCache(f *os.File) error {
	return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
}

// willNeed makes the kernel begin to read a part of the file. It does not wait.
func willNeed(f *os.File, at, n int64) error {
	return unix.Fadvise(int(f.Fd()), at, n, unix.FADV_WILLNEED)
}
