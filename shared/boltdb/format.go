package boltdb

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb/codec"
)

// Format tells which service owns a file, and in which form it is. A release that changes the form of anything in the
// file changes the number. Earlier forms cannot be read.
type Format struct {
	Service string // such as order
	Number  int    // from 1 on
}

// ErrOldFormat and ErrNewFormat say that another release wrote the file. The file is left as it is.
var (
	ErrOldFormat = errors.New("it was written by an older version of Ordertally, whose format this one does not " +
		"read; " +
		"move it away and start with a new file")
	ErrNewFormat = errors.New("it was written by a newer version of Ordertally, whose format this one does not read; " +
		"use that version, or another file")
)

// The format has its own bucket. No Checker sees it.
var (
	metaBucket = []byte("meta")
	formatKey  = []byte("format")
)

const formatPrefix = "ordertally-"

// String returns the format as it is written in the file.
func (f Format) String() string { return fmt.Sprintf("%s%s/%d", formatPrefix, f.Service, f.Number) }

// Check checks whether a file has that format. If not, it returns ErrForeign, ErrOldFormat or ErrNewFormat.
func (f Format) Check(tx *bbolt.Tx) error {
	meta := tx.Bucket(metaBucket)
	if meta == nil || meta.Get(formatKey) == nil { // order wrote such files before formats had numbers
		return fmt.Errorf("it names no format; if it is not damaged, %w", ErrOldFormat)
	}
	text, err := codec.Unseal(formatKey, meta.Get(formatKey))
	if err != nil {
		return fmt.Errorf("read the format: %w", err)
	}
	return f.is(string(text))
}

// is checks whether text is that format.
func (f Format) is(text string) error {
	service, number, _ := strings.Cut(strings.TrimPrefix(text, formatPrefix), "/")
	found, err := strconv.Atoi(number)
	switch {
	case err != nil || service != f.Service:
		return fmt.Errorf("%w: its format is %.40q", ErrForeign, text)
	case found < f.Number:
		return fmt.Errorf("its format is %s, this program's %s: %w", text, f, ErrOldFormat)
	case found > f.Number:
		return fmt.Errorf("its format is %s, this program's %s: %w", text, f, ErrNewFormat)
	}
	return nil
}

// isFormat reports whether a file was refused for its format, which is not damage.
func isFormat(err error) bool {
	return errors.Is(err, ErrForeign) || errors.Is(err, ErrOldFormat) || errors.Is(err, ErrNewFormat)
}

// claim checks the format of a file. An empty file is given the format. The zero Format checks nothing.
func (f Format) claim(bolt *bbolt.DB, file *os.File) error {
	if f == (Format{}) {
		return nil
	}
	empty := false
	err := bolt.View(func(tx *bbolt.Tx) error {
		if first, _ := tx.Cursor().First(); first == nil {
			empty = true
			return nil
		}
		return f.Check(tx)
	})
	if err != nil || !empty {
		return err
	}
	at, err := place(file)
	if err != nil {
		return err
	}
	return bolt.Update(func(tx *bbolt.Tx) error {
		meta, err := tx.CreateBucket(metaBucket)
		if err != nil {
			return err
		}
		return errors.Join(meta.Put(formatKey, codec.Seal(formatKey, []byte(f.String()))), putPlace(tx, at))
	})
}

// all checks what a store does not know about, and leaves the rest to the store's own check.
func (check Checker) all(r *Record) error {
	switch {
	case len(r.Path) == 0 && string(r.Key) == string(metaBucket) && r.IsBucket && r.Sequence == 0:
		return nil
	case !r.Within(metaBucket):
		return check(r)
	case r.IsBucket || !r.In(metaBucket) || string(r.Key) != string(formatKey) && string(r.Key) != string(placeKey):
		return errors.New("nothing of that name belongs there")
	}
	_, err := codec.Unseal(r.Key, r.Value)
	return err
}
