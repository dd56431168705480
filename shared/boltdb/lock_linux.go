package boltdb

import (
	"os"
	"syscall"
)

// lock takes bbolt's lock on an open file, unless somebody else has it. Closing the file releases it.
func lock(f *os.File, exclusive bool) bool {
	how := syscall.LOCK_SH
	if exclusive {
		how = syscall.LOCK_EX
	}
	return syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB) == nil
}
