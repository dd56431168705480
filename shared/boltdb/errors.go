package boltdb

import (
	"errors"

	"ordertally/shared/boltdb/codec"
)

var (
	// ErrClosed says that the database is closed or closing. Nothing was written.
	ErrClosed = errors.New("the database is closed")
	// ErrFull says that the disk is full, or the file has reached its limit. Nothing was written. Reads go on, and
	// writes work again once there is space.
	ErrFull = errors.New("no space left for the database file: free disk space or raise its limit")
	// ErrOutcomeUnknown has two causes. A write to the disk failed, so nobody knows whether a transaction is durable.
	// Or a panic after a commit left memory behind the file. The database serves nothing more. Only opening the file
	// again shows the truth.
	ErrOutcomeUnknown = errors.New("the outcome of a write to the database file is unknown: restart the service to " +
		"read what is on disk")
	// ErrLocked says that another process has the file open.
	ErrLocked = errors.New("the database file is in use")
	// ErrTruncated says that the file is shorter than its own metadata require.
	ErrTruncated = errors.New("the database file is truncated: restore it from a backup")
	// ErrDamaged says that a page of the file is damaged. The database serves nothing more. The error names the file
	// and the damage.
	ErrDamaged = errors.New("the database file is damaged: restore it from a backup")
	// ErrReadOnly says that the file system is read-only. Nothing was written. Reads go on, and writes work again once
	// the file system is writable. After an error of its own, ext4 stays read-only until it is unmounted. The service
	// must stop for that.
	ErrReadOnly = errors.New(
		"the file system of the database file is read-only: see the kernel's log and mount it for writing; if that " +
			"is refused, stop the service, " +
			"unmount and repair it, mount it and start the service again",
	)
	// ErrForeign says that the file belongs to another service or program.
	ErrForeign = errors.New("the file does not belong to this service: name another one with --data")
	// ErrCorrupt says that a record is not what was written. Package codec detects it.
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
// Write returns err itself. A nil err means success without a write.
func Refuse(err error) error { return refusal{err} }
