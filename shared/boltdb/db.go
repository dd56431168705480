package boltdb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/shared/lifecycle"
)

// DB is an open database file. It is safe for concurrent use.
type DB struct {
	bolt     *bbolt.DB
	options  Options
	pageSize int64 // asked for once: bbolt's Info races with a commit that grows the file

	requests chan *request
	closing  chan struct{} // closed when Close begins
	ended    chan struct{} // closed when the committer has ended
	failed   chan struct{} // closed when the file or memory may not be what the other says
	cause    error         // set before failed is closed
	close    sync.Once
	watchdog lifecycle.Watchdog // of the committer
	syncTime atomic.Int64       // nanoseconds; written by the committer alone

	// durable is the newest transaction that is known to be on the disk. bbolt shows a transaction to readers before its
	// last fsync returns; View waits for this one instead.
	durable   atomic.Int64
	durableMu sync.Mutex
	advanced  chan struct{} // closed and replaced at each advance; guarded by durableMu
}

// Tx is a transaction that is being written. Beside bbolt's methods it takes work for after the commit.
type Tx struct {
	*bbolt.Tx
	after *[]func()
}

// AfterCommit has f called once this transaction is durable, in the order of commits and before the request that asked
// for it is answered. It runs in the committer: it must be quick. It is not called when the transaction is rolled back.
// (bbolt's own OnCommit can be called out of order.) When it panics the database fails: see Failed.
func (tx *Tx) AfterCommit(f func()) { *tx.after = append(*tx.after, f) }

func (db *DB) learnDurable() error {
	tx, err := db.bolt.Begin(false)
	if err != nil {
		return err
	}
	db.durable.Store(int64(tx.ID()))
	db.advanced = make(chan struct{})
	return tx.Rollback()
}

// View runs fn in a read transaction over what is durable. Bytes that fn got from the transaction must be copied before
// they leave it. A long View keeps the pages of its version from being reused: bound it.
func (db *DB) View(ctx context.Context, fn func(*bbolt.Tx) error) error {
	tx, err := db.bolt.Begin(false)
	if err != nil {
		return fmt.Errorf("read the database: %w", ErrClosed)
	}
	defer func() { _ = tx.Rollback() }()
	if err := db.awaitDurable(ctx, int64(tx.ID())); err != nil {
		return err
	}
	return fn(tx)
}

// awaitDurable waits until transaction id is on the disk. It can only be the one being committed, past its last page,
// so the wait is one fdatasync at most, and the committer never waits for the reader.
func (db *DB) awaitDurable(ctx context.Context, id int64) error {
	for {
		select {
		case <-db.failed:
			return fmt.Errorf("read the database: %w", ErrOutcomeUnknown)
		default:
		}
		if db.durable.Load() >= id {
			return nil
		}
		db.durableMu.Lock()
		advanced := db.advanced
		db.durableMu.Unlock()
		if db.durable.Load() >= id {
			return nil
		}
		select {
		case <-advanced:
		case <-db.failed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (db *DB) setDurable(id int64) {
	db.durable.Store(id)
	db.durableMu.Lock()
	close(db.advanced)
	db.advanced = make(chan struct{})
	db.durableMu.Unlock()
}

// Version is that of the newest transaction that View shows. It goes up with each commit, before anybody is told of it.
func (db *DB) Version() int64 { return db.durable.Load() }

// Failed is closed when a commit's outcome is unknown, or when the commit is on the disk and a panic kept memory from following it. The
// database then answers every call with ErrOutcomeUnknown, and the process should end.
func (db *DB) Failed() <-chan struct{} { return db.failed }

// Check is ErrOutcomeUnknown once Failed is closed: only a restart reads what is on the disk. It also fails while one commit has
// taken longer than lifecycle.StallAfter.
func (db *DB) Check(ctx context.Context) error {
	select {
	case <-db.failed:
		return ErrOutcomeUnknown
	default:
		return db.watchdog.Check("committer", lifecycle.StallAfter)(ctx)
	}
}

// Committing is for how long the commit under way has been, 0 when there is none.
func (db *DB) Committing() time.Duration { return db.watchdog.Busy() }

// SyncTime is how long the disk takes for a commit of up to 1 MiB: writing its pages and both fdatasync calls, averaged over the last few. 0 before the first.
func (db *DB) SyncTime() time.Duration { return time.Duration(db.syncTime.Load()) }

// Watch returns ErrOutcomeUnknown, with the cause, when Failed is closed, or nil when ctx ends.
func (db *DB) Watch(ctx context.Context) error {
	select {
	case <-db.failed:
		return errors.Join(ErrOutcomeUnknown, db.cause)
	case <-ctx.Done():
		return nil
	}
}

// Path returns the file's name.
func (db *DB) Path() string { return db.bolt.Path() }

// Size describes the file.
type Size struct {
	Bytes     int64 // length of the file
	FreeBytes int64 // pages that later writes will reuse
}

// Size returns the file's size now.
func (db *DB) Size() (Size, error) {
	info, err := os.Stat(db.bolt.Path())
	if err != nil {
		return Size{}, fmt.Errorf("read the size of the database: %w", err)
	}
	stats := db.bolt.Stats()
	free := int64(stats.FreePageN+stats.PendingPageN) * db.pageSize
	return Size{Bytes: info.Size(), FreeBytes: free}, nil
}

// Close refuses new writes, waits for the group that is being committed and closes the file, which waits for open
// reads. Calling it again does nothing.
func (db *DB) Close() error {
	var err error
	db.close.Do(func() {
		close(db.closing)
		<-db.ended
		if err = db.bolt.Close(); err != nil {
			err = fmt.Errorf("close database: %w", err)
		}
	})
	return err
}

// fail makes the failure known.
func (db *DB) fail(cause error) {
	db.cause = cause
	close(db.failed)
}
