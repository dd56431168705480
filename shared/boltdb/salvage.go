package boltdb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb/codec"
)

// Salvaged is the result of CopyReadable.
type Salvaged struct {
	Records int
	// Faults are the pages and records that could not be read, at most 1,000. More is the number of others.
	Faults []string
	More   int
}

// salvageTx is how many bytes one transaction copies.
const salvageTx = 16 << 20

// CopyReadable copies the database file at from into a new file. It passes over damaged pages, and over records that
// check refuses. check gets each record alone, without a transaction. Nobody may write to the file: ErrLocked. If
// nothing at all can be read, the error is ErrDamaged.
func (b *Building) CopyReadable(ctx context.Context, from string, check Checker) (copied Salvaged, err error) {
	//nolint:gosec // the path is the operator's; a pipe would wait
	file, err := os.OpenFile(from, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return copied, fmt.Errorf("copy a database: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	info, err := file.Stat()
	switch {
	case err != nil:
		return copied, fmt.Errorf("copy a database: %w", err)
	case !info.Mode().IsRegular() || info.Size() == 0:
		return copied, fmt.Errorf("copy %s: not a database file", from)
	case !awaitLock(ctx, file):
		return copied, fmt.Errorf("copy %s: %w%s: stop that process first", from, ErrLocked, holder(from))
	}
	c := salvaging{to: b, format: b.options.Format, check: check}
	if err := c.copy(ctx, file); err != nil {
		return copied, fmt.Errorf("copy %s: %w", from, err)
	}
	return Salvaged{c.checked.Records, c.checked.Faults, c.checked.More}, nil
}

// salvaging copies records a few at a time.
type salvaging struct {
	to      *Building
	format  Format
	check   Checker
	checked Checked
	waiting []Record
	bytes   int
}

func (c *salvaging) copy(ctx context.Context, file *os.File) error {
	m := readMetas(file)
	if err := checkMetas(file, m); err != nil {
		c.checked.fault(err.Error())
	}
	newest := m.newest()
	if newest == nil {
		return damaged(file.Name(), "neither of its first two pages can be read")
	}
	if err := checkLength(file, newest); err != nil {
		c.checked.fault(err.Error())
	}
	w := walk{
		pages: pages{file: file, size: int64(newest.pageSize), high: newest.high}, //nolint:gosec // 32 bits
		fault: func(path [][]byte, err error) { c.checked.fault(pathText(path) + err.Error()) },
		visit: func(r *Record) error { return c.take(ctx, r) },
	}
	if err := w.run(newest.root, nil); err != nil {
		return err
	}
	if err := c.flush(ctx); err != nil {
		return err
	}
	if c.checked.Records == 0 {
		return damaged(file.Name(), "no record can be read")
	}
	return nil
}

// take notes a record that is to be copied.
func (c *salvaging) take(ctx context.Context, r *Record) error {
	if r.Within(metaBucket) || len(r.Path) == 0 && string(r.Key) == string(metaBucket) {
		if !r.IsBucket && string(r.Key) == string(formatKey) {
			return c.checkFormat(r)
		}
		return nil // the new file has its own
	}
	if err := c.check(r); err != nil {
		c.checked.fault(r.fault(err))
		return nil
	}
	if !r.IsBucket {
		c.checked.Records++
	}
	path := make([][]byte, len(r.Path))
	for i := range r.Path {
		path[i] = slices.Clone(r.Path[i])
	}
	c.waiting = append(c.waiting, Record{
		Path: path, Key: slices.Clone(r.Key), Value: slices.Clone(r.Value), IsBucket: r.IsBucket, Sequence: r.Sequence,
	})
	if c.bytes += len(r.Key) + len(r.Value) + 64; c.bytes < salvageTx {
		return nil
	}
	return c.flush(ctx)
}

// checkFormat refuses a file of another service or version. A format that cannot be read is damage.
func (c *salvaging) checkFormat(r *Record) error {
	text, err := codec.Unseal(r.Key, r.Value)
	if err != nil {
		c.checked.fault(r.fault(err))
		return nil
	}
	return c.format.is(string(text))
}

// flush writes what was taken.
func (c *salvaging) flush(ctx context.Context) error {
	err := c.to.Write(ctx, func(tx *Tx) error {
		for i := range c.waiting {
			if err := put(tx.Tx, &c.waiting[i]); err != nil {
				return err
			}
		}
		return nil
	})
	c.waiting, c.bytes = c.waiting[:0], 0
	return err
}

// put writes a record or makes a bucket.
func put(tx *bbolt.Tx, r *Record) error {
	within := tx.Cursor().Bucket()
	for _, name := range r.Path {
		below := within.Bucket(name)
		if below == nil { // its own record was damaged, which is a fault by now
			var err error
			if below, err = within.CreateBucket(name); err != nil {
				return fmt.Errorf("bucket %s: %w", printable(name), err)
			}
		}
		within = below
	}
	if r.IsBucket {
		made, err := within.CreateBucketIfNotExists(r.Key)
		if err != nil || r.Sequence == 0 {
			return err
		}
		return made.SetSequence(r.Sequence)
	}
	within.FillPercent = 0.9 // they come in order
	return within.Put(r.Key, r.Value)
}
