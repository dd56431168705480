//go:build unix

package settings

import "golang.org/x/sys/unix"

// mayWrite asks the system whether this process may write to a file or directory, without doing it. A file system that
// is mounted for reading only says no.
func mayWrite(path string) error { return unix.Access(path, unix.W_OK) }
