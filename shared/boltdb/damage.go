package boltdb

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"

	"go.etcd.io/bbolt"
)

// bbolt panics when a page is not what it must be. A page that points outside the file causes a memory fault. Both
// become ErrDamaged here. Any other panic is a bug in the program and stays a panic.

// damageError is ErrDamaged with the file's name and what found it.
type damageError struct{ path, found string }

func (e *damageError) Error() string {
	return fmt.Sprintf(
		"the database file %s is damaged: %s: stop the service, run `check --data %[1]s`, and restore the file from "+
			"a backup",
		e.path,
		e.found,
	)
}

func (e *damageError) Is(target error) bool { return target == ErrDamaged }

func damaged(path, format string, args ...any) error {
	return &damageError{path, fmt.Sprintf(format, args...)}
}

// safely calls f and returns damage that f met as an error. The goroutine must have debug.SetPanicOnFault on, or a
// fault ends the process.
func safely(path, doing string, f func() error) (err error) {
	defer func() { caught(recover(), path, doing, &err) }()
	return f()
}

// caught is for deferred calls. p is a recovered panic. If damage caused it, caught sets err, otherwise it panics
// again.
func caught(p any, path, doing string, err *error) {
	if p == nil {
		return
	}
	found, ok := damage(p)
	if !ok {
		panic(p)
	}
	*err = damaged(path, "%s, while %s", found, doing)
}

// damage tells whether the file caused a panic, and what was found. It must be called by the deferred function that
// recovers, or below it.
func damage(p any) (found string, ok bool) {
	if fault, isFault := p.(interface{ Addr() uintptr }); isFault {
		return fmt.Sprintf("a page names a place outside the file (memory fault at %#x)", fault.Addr()), true
	}
	if !panickedInBbolt() {
		return "", false
	}
	text := strings.TrimPrefix(fmt.Sprint(p), "assertion failed: ")
	if e, isRuntime := p.(runtime.Error); isRuntime {
		text = "a bucket is missing or a page names a place outside the file (" + strings.TrimPrefix(
			e.Error(),
			"runtime error: ",
		) + ")"
	}
	return "bbolt's own check says: " + text, true
}

// panickedInBbolt reports whether the function that panicked is one of bbolt's.
func panickedInBbolt() bool {
	var pcs [64]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	panicking := false
	for {
		frame, more := frames.Next()
		switch {
		case frame.Function == "runtime.gopanic":
			panicking = true
		case panicking && !strings.HasPrefix(frame.Function, "runtime."):
			return strings.HasPrefix(frame.Function, "go.etcd.io/bbolt")
		}
		if !more {
			return false
		}
	}
}

// rollback ends a transaction. That can fail for a write transaction on a damaged file. Then bbolt's lock stays taken,
// and rollback sets stuck.
func rollback(tx *bbolt.Tx, path string, stuck *atomic.Bool) {
	if err := safely(path, "undoing a transaction", tx.Rollback); errors.Is(err, ErrDamaged) {
		stuck.Store(true)
	}
}
