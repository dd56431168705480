package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// report is a file that appears whole or not at all. It is written under another name and renamed at the end. Renaming
// replaces a file and follows no link. Only its owner can read it. The zero report is written nowhere.
type report struct {
	file *os.File
	path string // "" when the file is written in place: a device or a pipe cannot be replaced
}

// createReport makes sure that path can be written, but does not change anything there yet. "" is the zero report, "-"
// is standard output. A link is refused, because whoever made it could choose which file is overwritten. A file that is
// being imported is refused too.
func createReport(path string, read []string) (*report, error) {
	switch path {
	case "":
		return &report{}, nil
	case "-":
		return &report{file: os.Stdout}, nil
	}
	info, err := os.Lstat(path)
	switch {
	case err == nil && info.IsDir():
		return nil, fmt.Errorf("%s is a directory", path)
	case err == nil && info.Mode()&os.ModeSymlink != 0:
		return nil, fmt.Errorf("%s is a symbolic link: name the file itself, or - for standard output", path)
	case err == nil && !info.Mode().IsRegular():
		// Without O_NONBLOCK, opening a named pipe that nobody reads would block the command. Not even a signal would
		// end it.
		//nolint:gosec // the caller's choice
		f, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
		if errors.Is(err, syscall.ENXIO) {
			return nil, fmt.Errorf("nobody reads the pipe %s: start its reader first, or name a file", path)
		}
		return &report{file: f}, err
	}
	for _, input := range read {
		if is, errInput := os.Stat(input); err == nil && errInput == nil && os.SameFile(is, info) {
			return nil, fmt.Errorf("%s is one of the files to import: name another", path)
		}
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // O_EXCL, and readable by the owner only
	if err != nil {
		return nil, err
	}
	return &report{file: f, path: path}, nil
}

// publish writes the report and gives it its final name.
func (r *report) publish(write func(io.Writer) error) error {
	if r.file == nil {
		return nil
	}
	if err := write(r.file); err != nil {
		return err
	}
	if r.path == "" {
		return r.file.Close()
	}
	if err := r.file.Sync(); err != nil {
		return err
	}
	if err := r.file.Close(); err != nil {
		return err
	}
	return os.Rename(r.file.Name(), r.path)
}

// discard removes a report that was not published. It does nothing after publish.
func (r *report) discard() {
	if r.file == nil {
		return
	}
	_ = r.file.Close()
	if r.path != "" {
		_ = os.Remove(r.file.Name())
	}
}
