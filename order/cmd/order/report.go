package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// report is a file that appears whole or not at all: it is written beside its place and renamed at the end. The zero
// report is written nowhere.
type report struct {
	file *os.File
	path string // "" when the file is written in place: a device or a pipe cannot be replaced
}

// createReport makes sure that path can be written, and changes nothing there yet. No path ("") is the zero report.
func createReport(path string) (*report, error) {
	if path == "" {
		return &report{}, nil
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return nil, fmt.Errorf("%s is a directory", path)
	case err == nil && !info.Mode().IsRegular():
		f, err := os.OpenFile(path, os.O_WRONLY, 0) //nolint:gosec // the caller's choice
		return &report{file: f}, err
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // the file is replaced, not the link to it
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return nil, err
	}
	return &report{file: f, path: path}, nil
}

// publish writes the report and puts it into its place.
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
	if err := r.file.Chmod(0o644); err != nil { // as a shell's redirection would make it
		return err
	}
	if err := r.file.Sync(); err != nil {
		return err
	}
	if err := r.file.Close(); err != nil {
		return err
	}
	return os.Rename(r.file.Name(), r.path)
}

// discard removes what was not published. After publish it does nothing.
func (r *report) discard() {
	if r.file == nil {
		return
	}
	_ = r.file.Close()
	if r.path != "" {
		_ = os.Remove(r.file.Name())
	}
}
