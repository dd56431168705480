package boltdb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/shared/crashpoint"
)

// compactSuffix is the suffix of the copy that Compact makes beside a file.
const compactSuffix = ".compact"

// compactTx bounds the memory that copying takes, in bytes.
const compactTx = 16 << 20

// Compacted tells what Compact did.
type Compacted struct {
	Before, After int64 // length of the file in bytes
	Records       int   // records that were copied and compared
}

// Compact rewrites the file at path without its free pages. Nobody may have it open (ErrLocked) or open it meanwhile:
// the file stays locked until it is replaced.
//
// The copy is made beside the file, written to the disk, read back and compared record by record. Only then is it
// renamed over the file. It gets the file's owner and permissions. Any earlier failure or crash leaves the file as it
// was. The next call replaces a leftover copy. The copy needs as much room as there are bytes in use.
//
// A file with a damaged page, or a record that check finds damaged, is not touched: ErrDamaged. A copy would hide the
// damage.
func Compact(ctx context.Context, path string, check Checker) (Compacted, error) {
	done, err := compact(ctx, path, check)
	if err != nil {
		return Compacted{}, fmt.Errorf("compact database %s: %w", path, err)
	}
	return done, nil
}

func compact(ctx context.Context, path string, check Checker) (done Compacted, err error) {
	path, err = filepath.EvalSymlinks(path) // the file is replaced, not the link
	if err != nil {
		return done, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return done, err
	}
	if !info.Mode().IsRegular() || info.Size() == 0 {
		return done, errors.New("not a database file")
	}
	source, file, err := openBolt(path, Options{LockTimeout: defaultLockTimeout})
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	var checked Checked
	if err := checked.look(ctx, file.File, check, nil, func() (*bbolt.DB, error) { return source, nil }); err != nil {
		return done, err
	}
	if err := checked.damage(path); err != nil {
		return done, err
	}
	temp := path + compactSuffix
	if err := os.Remove(temp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return done, err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(temp) // the error that matters is already set
		}
	}()
	if err := copyTo(temp, source, info); err != nil {
		return done, fmt.Errorf("make a copy: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return done, err
	}
	crashpoint.Here("compact.before-verify")
	if done.Records, err = verifyCopy(ctx, temp, source); err != nil {
		return done, fmt.Errorf("verify the copy: %w", err)
	}
	if err := claimPlace(temp); err != nil {
		return done, fmt.Errorf("note where the copy is: %w", err)
	}
	after, err := os.Stat(temp)
	if err != nil {
		return done, err
	}
	done.Before, done.After = info.Size(), after.Size()
	crashpoint.Here("compact.before-rename")
	if err := os.Rename(temp, path); err != nil {
		return done, err
	}
	crashpoint.Here("compact.after-rename")
	return done, syncDir(filepath.Dir(path))
}

// copyTo writes what source holds to a new file and syncs it.
func copyTo(path string, source *bbolt.DB, like os.FileInfo) (err error) {
	target, err := bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout: defaultLockTimeout, NoSync: true, NoGrowSync: true, PageSize: source.Info().PageSize,
	})
	if err != nil {
		return err
	}
	err = bbolt.Compact(target, source, compactTx)
	if err == nil {
		err = target.Sync()
	}
	if err = errors.Join(err, target.Close()); err != nil {
		return err
	}
	return errors.Join(keepOwner(path, like), os.Chmod(path, like.Mode().Perm()))
}

// verifyCopy reads the copy from the disk, has bbolt check its pages, and compares all records and sequences with
// source.
func verifyCopy(ctx context.Context, path string, source *bbolt.DB) (records int, err error) {
	copied, _, err := openBolt(path, Options{LockTimeout: defaultLockTimeout})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, copied.Close()) }()
	err = source.View(func(want *bbolt.Tx) error {
		return copied.View(func(got *bbolt.Tx) error {
			var faults []error
			for fault := range got.Check() {
				faults = append(faults, fault)
			}
			if len(faults) > 0 {
				return errors.Join(faults...)
			}
			records, err = compare(ctx, want.Cursor(), got.Cursor())
			return err
		})
	})
	return records, err
}

// compare walks two buckets and their nested buckets side by side. It returns the number of records.
func compare(ctx context.Context, want, got *bbolt.Cursor) (records int, err error) {
	if want.Bucket().Sequence() != got.Bucket().Sequence() {
		return 0, fmt.Errorf("a bucket's sequence is %d, was %d", got.Bucket().Sequence(), want.Bucket().Sequence())
	}
	wantKey, wantValue := want.First()
	gotKey, gotValue := got.First()
	for wantKey != nil || gotKey != nil {
		if !bytes.Equal(wantKey, gotKey) || !bytes.Equal(wantValue, gotValue) ||
			(wantValue == nil) != (gotValue == nil) {
			return 0, fmt.Errorf("there is key %x instead of %x, or it has another value", gotKey, wantKey)
		}
		if records++; records%10_000 == 0 && ctx.Err() != nil {
			return 0, ctx.Err()
		}
		if wantValue == nil {
			n, err := compare(ctx, want.Bucket().Bucket(wantKey).Cursor(), got.Bucket().Bucket(gotKey).Cursor())
			if err != nil {
				return 0, fmt.Errorf("bucket %s: %w", wantKey, err)
			}
			records += n - 1 // a bucket is not a record
		}
		wantKey, wantValue = want.Next()
		gotKey, gotValue = got.Next()
	}
	return records, nil
}

// defaultLockTimeout is how long to wait for another process to release a file.
const defaultLockTimeout = 200 * time.Millisecond
