package backup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// partial is in the names of files that are not complete yet.
const partial = ".partial-"

// create makes the file at path with what fill writes. approve, if not nil, decides about the file before it gets its
// name. Whatever happens, the file is complete and on the disk, or absent. An existing file is left as it is:
// os.ErrExist.
func create(path string, fill func(*os.File) error, approve func(name string) error) (err error) {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%s: %w: it is left as it is", path, os.ErrExist)
	} else if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	dir := filepath.Dir(path)
	file, err := os.CreateTemp(dir, "."+filepath.Base(path)+partial+"*") // 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name()) // the error that matters is already set
		}
	}()
	err = fill(file)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	if approve != nil {
		if err := approve(file.Name()); err != nil {
			return err
		}
	}
	if err := os.Link(file.Name(), path); errors.Is(err, os.ErrExist) { // never over another file
		return fmt.Errorf("%s: %w: it is left as it is", path, os.ErrExist)
	} else if err != nil { // a file system without links
		err = os.Rename(file.Name(), path)
		return errors.Join(err, syncDir(dir))
	}
	return errors.Join(os.Remove(file.Name()), syncDir(dir))
}

// syncDir makes a new name durable.
func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the path is the operator's
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
