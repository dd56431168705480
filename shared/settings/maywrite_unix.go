//go:build unix

package settings

import "golang.org/x/sys/unix"

// mayWrite asks the system whether this process may write to a file or directory, without writing. On a file system
// mounted read-only the answer is no.
func mayWrite(path string) error { return unix.Access(path, unix.W_OK) }
