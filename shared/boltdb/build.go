package boltdb

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"ordertally/shared/crashpoint"
)

// buildSuffix is the suffix of a file that is not complete yet.
const buildSuffix = ".building"

// Building is a database file that is being made. It stands beside its final name, and commits do not wait for the
// disk. Finish gives it that name. So a file with that name is complete.
type Building struct {
	*DB
	path string
}

// Build begins a file that is to be at path, where nothing may be yet: os.ErrExist. What an earlier Build left behind
// is deleted. The caller must call Finish or Discard.
func Build(path string, options Options) (*Building, error) {
	if err := vacant(path); err != nil {
		return nil, err
	}
	if err := removeUnlocked(path + buildSuffix); err != nil {
		return nil, err
	}
	options.noSync = true
	db, err := Open(path+buildSuffix, options)
	if err != nil {
		return nil, err
	}
	return &Building{DB: db, path: path}, nil
}

// vacant returns os.ErrExist if there is something at path.
func vacant(path string) error {
	_, err := os.Lstat(path)
	switch {
	case err == nil:
		return fmt.Errorf("make %s: %w: give another file, or move that one away", path, os.ErrExist)
	case !errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("make %s: %w", path, err)
	}
	return nil
}

// removeUnlocked removes a file that nobody has open.
func removeUnlocked(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0) //nolint:gosec // the path is the operator's
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !lock(file, true) {
		return errors.Join(fmt.Errorf("%s: %w%s: it is being made", path, ErrLocked, holder(path)), file.Close())
	}
	return errors.Join(os.Remove(path), file.Close())
}

// Finish writes the file to the disk and gives it its name. After an error the name is not taken.
func (b *Building) Finish() error {
	err := b.bolt.Sync()
	if err = errors.Join(err, b.Close()); err != nil {
		return fmt.Errorf("complete %s: %w", b.path, err)
	}
	crashpoint.Here("boltdb.built")
	if err := vacant(b.path); err != nil {
		return err
	}
	if err := os.Rename(b.path+buildSuffix, b.path); err != nil {
		return fmt.Errorf("complete %s: %w", b.path, err)
	}
	return syncDir(filepath.Dir(b.path))
}

// Discard deletes what was made so far. After Finish it does nothing.
func (b *Building) Discard() error {
	err := b.Close()
	if gone := os.Remove(b.path + buildSuffix); gone != nil && !errors.Is(gone, os.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	return err
}
