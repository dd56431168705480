// Package plainfile reads the small files that settings name: keys, certificates, passwords, the settings themselves.
// Opening never waits, and reading always ends. A FIFO, a device or gigabytes are an error instead of a program that
// hangs. Symbolic links are followed, because Kubernetes mounts secrets through them.
package plainfile

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// Bound is the limit for files without a bound of their own, in bytes.
const Bound = 1 << 20

// Read returns the content of the regular file at path. The error tells what is there instead, or that there are more
// than most bytes. The caller adds which file is expected.
func Read(path string, most int64) ([]byte, error) { return read(path, most, Check) }

// ReadOnce is Read for a file that is read only once. So it may be a pipe or a terminal: a shell's <(command),
// /dev/stdin. It waits for more from a writer, but never for a writer to appear. A pipe without a writer is an error.
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
	defer func() { _ = f.Close() }() // opened only for reading
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

// Check refuses anything but a regular file, based on what os.Stat says about the path.
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

// OthersCanRead reports whether everybody on the machine may read the file at path, according to its own mode. It is
// false for a missing file. Groups are not checked, because Kubernetes gives secrets to one.
func OthersCanRead(path string) bool {
	info, err := os.Stat(path)
	const others = 0o004
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&others != 0
}
