package boltdb

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"go.etcd.io/bbolt"
)

// ViewFile opens the file of a stopped service and calls read in a read transaction. It changes nothing in the file.
// Errors to tell apart: ErrLocked, ErrTruncated, ErrDamaged, and those of Format.Check.
func ViewFile(ctx context.Context, path string, format Format, read func(*bbolt.Tx) error) error {
	if err := viewFile(ctx, path, format, read); err != nil {
		return fmt.Errorf("read database %s: %w", path, err)
	}
	return nil
}

func viewFile(ctx context.Context, path string, format Format, read func(*bbolt.Tx) error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	file, err := openToRead(ctx, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := (&openedFile{File: file}).check(); err != nil { // bbolt must not map a damaged file
		return err
	}
	return safely(path, "reading", func() error {
		bolt, err := bbolt.Open(path, 0, &bbolt.Options{ReadOnly: true, Timeout: defaultLockTimeout})
		if err != nil {
			return err
		}
		return errors.Join(bolt.View(func(tx *bbolt.Tx) error {
			if err := format.Check(tx); err != nil {
				return err
			}
			return read(tx)
		}), bolt.Close())
	})
}
