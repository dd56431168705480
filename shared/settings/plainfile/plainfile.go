// Package plainfile reads the small files that settings name: keys, certificates, passwords, the settings themselves.
// Opening one never waits, and reading one ends: what leads to a FIFO, a device or gigabytes is an error instead of a
// program that hangs. Symbolic links are followed; Kubernetes mounts secrets through them.
package plainfile

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// Bound is for files that have no bound of their own, in bytes.
const Bound = 1 << 20

// Read returns what is in the regular file at path. An error says what is there instead, or that there is more than
// most bytes; what to name there is for the caller to say.
func Read(path string, most int64) ([]byte, error) { return read(path, most, Check) }

// ReadOnce is Read for what is read a single time, and so may be a pipe or a terminal: a shell's <(command),
// /dev/stdin. It waits for what a writer has yet to write, never for a writer: a pipe that nobody wrote to is an error.
func ReadOnce(path string, most int64) ([]byte, error) {
	var pipe bool
	text, err := read(path, most, func(_ string, info fs.FileInfo) error {
		pipe = info.Mode()&fs.ModeNamedPipe != 0
		return nil
	})
	if err == nil && pipe && len(text) == 0 {
		return nil, fmt.Errorf("%s is a pipe that nobody wrote to: begin to write before it is read, or name a file",
			path)
	}
	return text, err
}

func read(path string, most int64, check func(string, fs.FileInfo) error) (text []byte, err error) {
	//nolint:gosec // G304: whoever starts the program names the file
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := check(path, info); err != nil {
		return nil, err
	}
	text, err = io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(text)) > most {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, most)
	}
	return text, nil
}

// Check refuses what is no regular file, by what os.Stat says of the path.
func Check(path string, info fs.FileInfo) error {
	what := "something else"
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		what = "a directory"
	case mode&fs.ModeNamedPipe != 0:
		what = "a pipe"
	case mode&fs.ModeDevice != 0:
		what = "a device"
	case mode&fs.ModeSocket != 0:
		what = "a socket"
	}
	return fmt.Errorf("%s is %s, not a regular file", path, what)
}

// OthersCanRead reports whether everybody on the machine may read the file at path, as far as its own mode says; one
// that is not there is nobody's. A group is let be: Kubernetes gives secrets to one.
func OthersCanRead(path string) bool {
	info, err := os.Stat(path)
	const others = 0o004
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&others != 0
}
