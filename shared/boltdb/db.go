package boltdb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"ordertally/shared/service/lifecycle"
)

// DB is an open database file. It is safe for concurrent use.
type DB struct {
	bolt    *bbolt.DB
	path    string
	file    *os.File // for the pages' bytes; bolt closes it
	created bool
	incidents
	unwritable atomic.Pointer[error] // why the last commit was refused; nil if it was not
	options    Options
	pageSize   int64 // read once: bbolt's Info races with a commit that grows the file

	queue   queue
	shared  shared        // only the committer uses it
	closing chan struct{} // closed when Close begins
	ended   chan struct{} // closed when the committer has ended
	failed  chan struct{} // closed when file and memory may differ
	cause   error         // set before failed is closed
	failing sync.Once
	close   sync.Once
	// A transaction on a damaged file could not be undone. bbolt's own Close would wait for it.
	stuck    atomic.Bool
	watchdog lifecycle.Watchdog // of the committer
	syncTime atomic.Int64       // nanoseconds; only the committer writes it

	// durable is the newest transaction known to be on the disk. bbolt shows a transaction to readers before its last
	// fsync returns. View waits for durable instead.
	durable   atomic.Int64
	durableMu sync.Mutex
	advanced  chan struct{} // closed and replaced at each advance; guarded by durableMu
}

// Tx is a write transaction. Besides bbolt's methods it takes functions to call after the commit.
type Tx struct {
	*bbolt.Tx
	after  *[]func()
	shared *shared
}

// Together is what requests that share a commit write once for all of them.
type Together interface {
	// BeforeCommit writes what the requests gathered. It is called after the last of them, in their transaction. An
	// error fails all of them.
	BeforeCommit() error
	// Committed is called once the transaction is durable, behind the functions of AfterCommit and by their rules. If
	// it panics, the outcome of all requests is unknown.
	Committed()
}

// Join adds t to the transaction. It is called once for all requests that share the commit, so join once in each
// transaction. If the writes of a request have to be undone, the others run again in another transaction, and t is
// forgotten.
func (tx *Tx) Join(t Together) { tx.shared.members = append(tx.shared.members, t) }

// AfterCommit adds a function to call once this transaction is durable. Functions run in the order of commits, and
// before the request is answered. f runs in the committer, so it must be quick. It is not called if the transaction is
// rolled back. If it panics, the database fails: see Failed. (bbolt's own OnCommit may run out of order.)
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

// View runs fn in a read transaction over what is durable. Bytes from the transaction must be copied before fn returns.
// A long View keeps the pages of its version from being reused, so bound it.
//
// If fn meets damage, the error is ErrDamaged and the database serves nothing more: see Failed.
func (db *DB) View(ctx context.Context, fn func(*bbolt.Tx) error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if caught(recover(), db.path, "reading", &err); err != nil {
			db.notice(err)
		}
	}()
	tx, err := db.bolt.Begin(false)
	if err != nil {
		return fmt.Errorf("read the database: %w", ErrClosed)
	}
	defer rollback(tx, db.path, &db.stuck)
	if err := db.awaitDurable(ctx, int64(tx.ID())); err != nil {
		return err
	}
	return fn(tx)
}

// awaitDurable waits until transaction id is on the disk. Only the transaction being committed can be missing, and its
// pages are written. So the wait is one fdatasync at most. The committer never waits for the reader.
func (db *DB) awaitDurable(ctx context.Context, id int64) error {
	for {
		select {
		case <-db.failed:
			return fmt.Errorf("read the database: %w", db.unusable())
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

// Version is the number of the newest transaction that View shows. It grows with each commit, before anyone learns of
// the commit.
func (db *DB) Version() int64 { return db.durable.Load() }

// notice reports damage that a failed read or write met.
func (db *DB) notice(err error) {
	if errors.Is(err, ErrDamaged) {
		db.fail(err)
	}
	if errors.Is(err, ErrCorrupt) || errors.Is(err, ErrDamaged) {
		db.Note(err)
	}
}

// Failed is closed when a commit's outcome is unknown, when a panic kept memory from following a commit, or when a
// damaged page was met. The database then answers every call with ErrOutcomeUnknown or ErrDamaged, and the process
// should end.
func (db *DB) Failed() <-chan struct{} { return db.failed }

// Check returns ErrOutcomeUnknown or ErrDamaged once Failed is closed. Only a restart reads what is on the disk. Check
// also fails while one commit takes longer than lifecycle.StallAfter.
func (db *DB) Check(ctx context.Context) error {
	select {
	case <-db.failed:
		return db.unusable()
	default:
		return db.watchdog.Check("committer", lifecycle.StallAfter)(ctx)
	}
}

// Committing returns how long the running commit has taken so far, or 0.
func (db *DB) Committing() time.Duration { return db.watchdog.Busy() }

// SyncTime returns how long the disk takes for a commit of up to 1 MiB: writing its pages and both fdatasync calls. It
// is averaged over the last few commits, and 0 before the first.
func (db *DB) SyncTime() time.Duration { return time.Duration(db.syncTime.Load()) }

// probeEvery is the interval at which an unwritable file is tried again.
const probeEvery = time.Second

// probeRoom is how many bytes must be free on a full disk before it is tried again. The empty transaction that tries it
// needs none itself.
const probeRoom = 1 << 20

// CheckWritable fails while writes fail: the last commit was ErrFull or ErrReadOnly and Probe has not succeeded since,
// or the file system is mounted read-only.
func (db *DB) CheckWritable(context.Context) error {
	if err := db.unwritable.Load(); err != nil {
		return *err
	}
	var stat unix.Statfs_t
	if err := unix.Statfs(db.path, &stat); err == nil && stat.Flags&unix.ST_RDONLY != 0 {
		return ErrReadOnly
	}
	return nil
}

// Probe commits an empty transaction every second while CheckWritable fails, so the database recovers even if nobody
// writes. It runs until ctx ends.
func (db *DB) Probe(ctx context.Context) error {
	for pause(ctx, probeEvery) {
		refused := db.unwritable.Load()
		if refused == nil {
			continue
		}
		if free, err := db.DiskFree(); errors.Is(*refused, ErrFull) && err == nil && free < probeRoom {
			continue
		}
		_ = db.Write(ctx, func(*Tx) error { return nil }) // CheckWritable reports the outcome
	}
	return nil
}

// Watch returns ErrOutcomeUnknown with the cause, or ErrDamaged, when Failed is closed. It returns nil when ctx ends.
func (db *DB) Watch(ctx context.Context) error {
	select {
	case <-db.failed:
		if errors.Is(db.cause, ErrDamaged) {
			return db.cause
		}
		return errors.Join(ErrOutcomeUnknown, db.cause)
	case <-ctx.Done():
		return nil
	}
}

// Path returns the file's name.
func (db *DB) Path() string { return db.path }

// Created reports whether the file was missing or empty when it was opened.
func (db *DB) Created() bool { return db.created }

// Size describes the file.
type Size struct {
	Bytes     int64 // length of the file
	FreeBytes int64 // pages that later writes will reuse
}

// Size returns the file's size now.
func (db *DB) Size() (Size, error) {
	info, err := os.Stat(db.path)
	if err != nil {
		return Size{}, fmt.Errorf("read the size of the database: %w", err)
	}
	return Size{Bytes: info.Size(), FreeBytes: int64(db.FreePages()) * db.pageSize}, nil
}

// MaxFreePages is how many pages of a file may be free before those who free many at once wait. bbolt writes the list
// of free pages in every commit. Up to this length it costs nothing that can be measured. With 65,536 pages a lone
// writer made a third of its commits, with 600,000 a hundredth.
const MaxFreePages = 8192

// FreePages returns how many pages of the file later writes will reuse.
func (db *DB) FreePages() int {
	stats := db.bolt.Stats()
	return stats.FreePageN + stats.PendingPageN
}

// Close refuses new writes, waits for the running commit and for open reads, and closes the file. Calling it again does
// nothing.
func (db *DB) Close() error {
	var err error
	db.close.Do(func() {
		db.queue.mu.Lock()
		db.queue.over = true
		db.queue.mu.Unlock()
		close(db.closing)
		<-db.ended
		if db.stuck.Load() {
			return // closed when the process ends
		}
		if err = db.bolt.Close(); err != nil {
			err = fmt.Errorf("close database: %w", err)
		}
	})
	return err
}

// fail makes the first failure known.
func (db *DB) fail(cause error) {
	db.failing.Do(func() {
		db.cause = cause
		close(db.failed)
	})
}

// unusable is the error of calls once failed is closed.
func (db *DB) unusable() error {
	if errors.Is(db.cause, ErrDamaged) {
		return db.cause
	}
	return ErrOutcomeUnknown
}
