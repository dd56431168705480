//go:build unix

// Package plainfiletest makes paths that a setting may name by mistake, for tests. A program that simply reads them
// hangs or never reaches the end.
package plainfiletest

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ordertally/shared/settings/plainfile"
)

// patience is how long a step that must not wait may take on a busy machine.
const patience = 10 * time.Second

// FIFO makes a FIFO without a reader or a writer.
func FIFO(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Link makes a symbolic link to target.
func Link(t testing.TB, target string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// Large makes a file of zeros of that size.
func Large(t testing.TB, bytes int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, bytes); err != nil {
		t.Fatal(err)
	}
	return path
}

// Refused returns paths that are refused for files that are read repeatedly, each with the text of its error.
func Refused(t testing.TB) map[string]string {
	t.Helper()
	fifo := FIFO(t)
	return map[string]string{
		fifo:                          fifo + " is a pipe, not a regular file",
		Link(t, fifo):                 " is a pipe, not a regular file",
		"/dev/zero":                   "/dev/zero is a device, not a regular file",
		t.TempDir():                   " is a directory, not a regular file",
		Large(t, plainfile.Bound+1):   " is larger than 1048576 bytes",
		filepath.Join(fifo, "nobody"): "not a directory",
	}
}

// Within returns what f returns. It ends the test if f does not return in time.
func Within(t testing.TB, f func() error) error {
	t.Helper()
	returned := make(chan error, 1)
	go func() { returned <- f() }()
	select {
	case err := <-returned:
		return err
	case <-time.After(patience):
		t.Fatal("it hangs")
		return nil
	}
}
