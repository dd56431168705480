package boltdb

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	bberrors "go.etcd.io/bbolt/errors"

	"ordertally/shared/crashpoint"
	"ordertally/shared/service/lifecycle"
)

type request struct {
	ctx   context.Context //nolint:containedctx // it travels with the request through the queue
	fn    func(*Tx) error
	after []func()   // functions that fn passed to AfterCommit
	done  chan error // buffered, so the committer never waits for a caller
	err   error      // the answer, once the group is durable
	next  *request   // comes right behind it; see WriteAll
	tx    Tx         // what fn gets
}

// in returns what fn gets in a transaction.
func (r *request) in(tx *bbolt.Tx) *Tx {
	r.tx = Tx{Tx: tx, after: &r.after}
	return &r.tx
}

// appendTo appends the request, and those right behind it, to a group.
func (r *request) appendTo(group []*request) []*request {
	for ; r != nil; r = r.next {
		group = append(group, r)
	}
	return group
}

// Write runs fn in a group commit and returns after the fsync. A nil error means that everything fn wrote is on the
// disk.
//
// fn runs in the committer, after earlier requests, and sees what they wrote. It should decide first and write last.
// When it returns an error or panics, its writes are undone by running the group again without it, unless the error
// came from Refuse. So fn may run several times and must not change anything but the transaction.
//
// A request whose context ends before its turn does not run. Once its turn has come, the call waits for the outcome,
// whatever the context says. Besides fn's own, the errors are ErrClosed, ErrFull and ErrOutcomeUnknown.
func (db *DB) Write(ctx context.Context, fn func(*Tx) error) error {
	r := &request{ctx: ctx, fn: fn, done: make(chan error, 1)}
	if err := db.ask(ctx, r); err != nil {
		return err
	}
	err := <-r.done
	if err != nil {
		db.notice(err)
	}
	return err
}

// WriteAll does as Write for each of the functions, and returns the error of each. They run one after the other, in
// one group. Each stands for itself: one that fails does not fail the others.
func (db *DB) WriteAll(ctx context.Context, fns []func(*Tx) error) []error {
	errs := make([]error, len(fns))
	if len(fns) == 0 {
		return errs
	}
	done, all := make(chan error, len(fns)), make([]request, len(fns))
	for i, fn := range fns {
		all[i] = request{ctx: ctx, fn: fn, done: done}
		if i > 0 {
			all[i-1].next = &all[i]
		}
	}
	if err := db.ask(ctx, &all[0]); err != nil {
		for i := range errs {
			errs[i] = err
		}
		return errs
	}
	for range all {
		if err := <-done; err != nil {
			db.notice(err)
		}
	}
	for i := range all {
		errs[i] = all[i].err
	}
	return errs
}

// ask hands a request to the committer.
func (db *DB) ask(ctx context.Context, r *request) error {
	select {
	case db.requests <- r:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-db.failed:
		return fmt.Errorf("write the database: %w", db.unusable())
	case <-db.closing:
		return fmt.Errorf("write the database: %w", ErrClosed)
	}
}

func (db *DB) commitUntilClosed() {
	defer close(db.ended)
	debug.SetPanicOnFault(true) // for this goroutine
	group := make([]*request, 0, db.options.MaxGroup)
	for {
		group = group[:0]
		select {
		case r := <-db.requests:
			group = r.appendTo(group)
		case <-db.closing:
			return
		}
		group = db.gather(group)
		if !db.commit(group) {
			return
		}
	}
}

// maxYields bounds how often the committer yields before it commits. It also commits after a yield that took longer
// than longYield. Many goroutines then wait for the processor, and each yield costs a turn of all of them.
const (
	maxYields = 8
	longYield = time.Millisecond
)

// gather adds the waiting requests. It also yields to goroutines that are about to ask, as long as that brings more. A
// yield to nobody costs less than a microsecond. Under load, yielding halves the number of fsyncs. The callers that the
// last commit answered would otherwise come back just after this one began.
func (db *DB) gather(group []*request) []*request {
	for yields, long := 0, false; yields < maxYields; yields++ {
		before := len(group)
		for waiting := true; waiting && len(group) < db.options.MaxGroup; {
			select {
			case r := <-db.requests:
				group = r.appendTo(group)
			default:
				waiting = false
			}
		}
		if long || len(group) == before || len(group) >= db.options.MaxGroup {
			break
		}
		began := time.Now()
		runtime.Gosched()
		long = time.Since(began) > longYield
	}
	return group
}

// commit runs one group to its end and answers it. It returns false when the database must no longer be used.
func (db *DB) commit(group []*request) bool {
	started := time.Now()
	db.watchdog.Step()
	defer db.watchdog.Rest()
	select {
	case <-db.failed: // a read found damage
		answer(group, fmt.Errorf("write the database: %w", db.unusable()))
		return false
	default:
	}
	for {
		var tx *bbolt.Tx
		err := safely(
			db.path,
			"beginning a transaction",
			func() (err error) { tx, err = db.bolt.Begin(true); return err },
		)
		if errors.Is(err, ErrDamaged) {
			db.stuck.Store(true)
			return db.giveUp(group, err)
		}
		if err != nil {
			answer(group, fmt.Errorf("write the database: %w", err))
			return true
		}
		wrote, culprit := db.run(tx, group)
		if culprit >= 0 {
			rollback(tx, db.path, &db.stuck)
			if err := group[culprit].err; errors.Is(err, ErrDamaged) {
				return db.giveUp(group, err)
			}
			group[culprit].done <- group[culprit].err
			group = slices.Delete(group, culprit, culprit+1)
			continue
		}
		if !wrote {
			rollback(tx, db.path, &db.stuck)
			answer(group, nil)
			return true
		}
		return db.finish(tx, group, started)
	}
}

// giveUp answers a group when the file is damaged. Nothing of the group was written.
func (db *DB) giveUp(group []*request, err error) bool {
	db.fail(err)
	answer(group, err)
	return false
}

// run runs each request against tx. It stops at the first one whose writes must be undone and returns its index,
// otherwise -1.
func (db *DB) run(tx *bbolt.Tx, group []*request) (wrote bool, culprit int) {
	for i, r := range group {
		clear(r.after)
		r.after = r.after[:0]
		if r.err = r.ctx.Err(); r.err != nil {
			continue
		}
		r.err = db.call(r.fn, r.in(tx))
		var refused refusal
		switch {
		case r.err == nil:
			wrote = true
		case errors.As(r.err, &refused):
			r.err = refused.err
		default:
			return wrote, i
		}
	}
	return wrote, -1
}

func (db *DB) call(fn func(*Tx) error, tx *Tx) (err error) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if found, ok := damage(p); ok {
			err = damaged(db.path, "%s, while writing", found)
		} else {
			err = fmt.Errorf("panic in a database write: %v\n%s", p, debug.Stack())
		}
	}()
	return fn(tx)
}

func (db *DB) finish(tx *bbolt.Tx, group []*request, started time.Time) bool {
	id := tx.ID()
	crashpoint.Here("boltdb.before-commit")
	if err := safely(db.path, "committing", tx.Commit); err != nil {
		rollback(tx, db.path, &db.stuck) // bbolt leaves the transaction open after some failures
		if refused := refusedByDisk(err); refused != nil && !db.shows(id) {
			err = errors.Join(refused, err)
			db.unwritable.Store(&err)
			answer(group, err)
			return true
		}
		db.fail(err)
		answer(group, errors.Join(ErrOutcomeUnknown, err))
		return false
	}
	crashpoint.Here("boltdb.after-commit")
	db.setDurable(int64(id))
	if db.unwritable.Load() != nil {
		db.unwritable.Store(nil)
	}
	err := follow(group)
	stats := tx.Stats()
	sync := stats.GetWriteTime()
	if stats.GetPageAlloc() <= smallCommit {
		db.averageSync(sync)
	}
	if err == nil && db.options.OnCommit != nil {
		err = guarded(func() {
			db.options.OnCommit(CommitStats{Requests: len(group), Took: time.Since(started), Sync: sync})
		})
	}
	if err != nil {
		db.fail(err)
	}
	answer(group, nil)
	return err == nil
}

// follow calls the functions that bring memory up to date after a commit. After a panic it calls nothing more: the
// group is on the disk, and memory is behind it. Requests without such a function, and those whose functions succeeded,
// are answered as usual. The outcome of the others counts as unknown. They must not go on as if memory were up to date,
// nor be told that nothing was stored.
func follow(group []*request) (err error) {
	for _, r := range group {
		if len(r.after) == 0 {
			continue
		}
		if err == nil {
			err = guarded(func() {
				for _, f := range r.after {
					f()
				}
			})
		}
		if err != nil {
			r.err = ErrOutcomeUnknown
		}
	}
	return err
}

// guarded runs f and returns a panic as an error.
func guarded(f func()) error {
	return lifecycle.Guard(context.Background(), func(context.Context) error { f(); return nil })
}

// smallCommit is the largest commit, in bytes of pages, that counts for SyncTime. A larger one takes longer just
// because of its size. If it counted, a caller that bounds its work by SyncTime would let in more as its load grows.
const smallCommit = 1 << 20

// averageSync gives the latest commit a weight of one eighth.
func (db *DB) averageSync(latest time.Duration) {
	average := db.syncTime.Load()
	if average == 0 {
		average = int64(latest)
	}
	db.syncTime.Store(average + (int64(latest)-average)/8)
}

// refusedByDisk returns ErrFull or ErrReadOnly if the disk refused the transaction before any of it became visible. It
// returns nil for any other failure.
func refusedByDisk(err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, bberrors.ErrMaxSizeReached):
		return ErrFull
	case errors.Is(err, syscall.EROFS):
		return ErrReadOnly
	}
	return nil
}

// shows reports whether readers would see transaction id: whether its meta page was written, durably or not.
func (db *DB) shows(id int) bool {
	seen := true
	err := safely(db.path, "looking what a transaction left", func() error {
		tx, err := db.bolt.Begin(false)
		if err != nil {
			return err
		}
		seen = tx.ID() >= id
		return tx.Rollback()
	})
	return seen || err != nil
}

// answer gives each request its own error, or err if that is not nil.
func answer(group []*request, err error) {
	for _, r := range group {
		if err != nil {
			r.err = err
		}
		r.done <- r.err
	}
}
