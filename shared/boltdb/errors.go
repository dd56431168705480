package boltdb

import (
	"errors"

	"ordertally/shared/boltdb/codec"
)

var (
	// ErrClosed says that the database is closed or closing; nothing was written.
	ErrClosed = errors.New("the database is closed")
	// ErrFull says that the disk, or the limit set for the file, is full. Nothing was written; reads go on, and writes
	// work again once there is space.
	ErrFull = errors.New("no space left for the database file: free disk space or raise its limit")
	// ErrOutcomeUnknown says that nobody knows whether a transaction is durable, because a write to the disk failed, or
	// that a panic after a commit left memory behind the file. The database serves nothing more. Only opening the file
	// again reads the truth.
	ErrOutcomeUnknown = errors.New("the outcome of a write to the database file is unknown: restart the service to " +
		"read what is on disk")
	// ErrLocked says that another process has the file open.
	ErrLocked = errors.New("the database file is in use")
	// ErrTruncated says that the file is shorter than its own metadata require.
	ErrTruncated = errors.New("the database file is truncated: restore it from a backup")
	// ErrDamaged says that a page of the file is damaged. The database serves nothing more. The error names the file
	// and the damage.
	ErrDamaged = errors.New("the database file is damaged: restore it from a backup")
	// ErrReadOnly says that the file system is read-only. Nothing was written; reads go on, and writes work again once
	// the file system is writable. After an error of its own, ext4 stays read-only until it is unmounted, for which the
	// service must stop.
	ErrReadOnly = errors.New(
		"the file system of the database file is read-only: see the kernel's log and mount it for writing; if that " +
			"is refused, stop the service, " +
			"unmount and repair it, mount it and start the service again",
	)
	// ErrForeign says that the file is another service's, or another program's.
	ErrForeign = errors.New("the file does not belong to this service: name another one with --data")
	// ErrCorrupt says that a record is not what was written. Package codec finds it.
	ErrCorrupt = codec.ErrCorrupt
)

// refusal is the error of a closure that decided before it wrote.
type refusal struct{ err error }

func (r refusal) Error() string {
	if r.err == nil {
		return "nothing to write"
	}
	return r.err.Error()
}

func (r refusal) Unwrap() error { return r.err }

// Refuse marks err as decided before anything was written. That spares the other requests of the group a second run.
// Write returns err itself. A nil err is a success that wrote nothing.
func Refuse(err error) error { return refusal{err} }
