package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// report is a file that appears whole or not at all: it is written beside its place and renamed at the end.
type report struct {
	*os.File
	path string // "" when the file is written in place: a device or a pipe cannot be replaced
}

// createReport makes sure that path can be written, and changes nothing there yet.
func createReport(path string) (*report, error) {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return nil, fmt.Errorf("%s is a directory", path)
	case err == nil && !info.Mode().IsRegular():
		f, err := os.OpenFile(path, os.O_WRONLY, 0) //nolint:gosec // the caller's choice
		return &report{File: f}, err
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // the file is replaced, not the link to it
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return nil, err
	}
	return &report{File: f, path: path}, nil
}

// publish puts what was written into its place.
func (r *report) publish() error {
	if r.path == "" {
		return r.Close()
	}
	if err := r.Chmod(0o644); err != nil { // as a shell's redirection would make it
		return err
	}
	if err := r.Sync(); err != nil {
		return err
	}
	if err := r.Close(); err != nil {
		return err
	}
	return os.Rename(r.Name(), r.path)
}

// discard removes what was written and not published. After publish it does nothing.
func (r *report) discard() {
	_ = r.Close()
	if r.path != "" {
		_ = os.Remove(r.Name())
	}
}
