package boltdb

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	bberrors "go.etcd.io/bbolt/errors"

	"ordertally/shared/crashpoint"
	"ordertally/shared/service/lifecycle"
)

// request is a write that waits for its commit.
type request struct {
	ctx   context.Context //nolint:containedctx // it travels with the request through the queue
	fn    func(*Tx) error
	after []func() // functions that fn passed to AfterCommit
	err   error    // the answer, once the group is done
	tx    Tx       // what fn gets
}

// spareRequests holds requests that have been answered.
var spareRequests = sync.Pool{New: func() any { return new(request) }}

// group is requests that share a commit.
type group struct {
	requests []*request
	done     chan struct{} // closed when each of them has its answer
	taken    bool          // by the committer: no request joins or leaves any more; guarded by queue
}

// queue is the groups that wait for the committer.
type queue struct {
	mu     sync.Mutex
	groups []*group // oldest first; requests join the last one
	over   bool     // the committer has ended
	// spare is the requests of a group that was answered, for the next one.
	spare []*request
	wake  chan struct{} // has a token when a group began
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
	r := spareRequests.Get().(*request) //nolint:forcetypeassert // it holds nothing else
	r.ctx, r.fn = ctx, fn
	if err := db.ask(ctx, r); err != nil {
		return err // the request may still be in the queue
	}
	err := r.err
	clear(r.after)
	*r = request{after: r.after[:0]}
	spareRequests.Put(r)
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
	all, queued := make([]request, len(fns)), make([]*request, len(fns))
	for i, fn := range fns {
		all[i] = request{ctx: ctx, fn: fn}
		queued[i] = &all[i]
	}
	err := db.ask(ctx, queued...)
	for i := range all {
		if errs[i] = err; err == nil {
			errs[i] = all[i].err
		}
		if errs[i] != nil && err == nil {
			db.notice(errs[i])
		}
	}
	return errs
}

// ask waits until the requests have their answers. With an error they have none, and are not run.
func (db *DB) ask(ctx context.Context, requests ...*request) error {
	g, err := db.join(ctx, requests)
	if err != nil {
		return err
	}
	select {
	case <-g.done:
		return nil
	case <-ctx.Done():
	}
	db.queue.mu.Lock()
	taken := g.taken
	db.queue.mu.Unlock()
	if !taken {
		return ctx.Err()
	}
	<-g.done
	return nil
}

// join adds requests to the last group, or begins one.
func (db *DB) join(ctx context.Context, requests []*request) (*group, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	q := &db.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.over {
		return nil, db.tooLate()
	}
	last := len(q.groups) - 1
	if last < 0 || len(q.groups[last].requests) >= db.options.MaxGroup {
		q.groups = append(q.groups, &group{requests: q.spare, done: make(chan struct{})})
		q.spare = nil
		last++
		select {
		case q.wake <- struct{}{}:
		default:
		}
	}
	g := q.groups[last]
	g.requests = append(g.requests, requests...)
	return g, nil
}

func (db *DB) commitUntilClosed() {
	defer close(db.ended)
	debug.SetPanicOnFault(true) // for this goroutine
	db.commitAll()
	db.queue.mu.Lock()
	db.queue.over = true
	left := db.queue.groups
	db.queue.groups = nil
	db.queue.mu.Unlock()
	for _, g := range left {
		g.answer(db.tooLate())
	}
}

// tooLate is the error of requests that the committer does not take any more.
func (db *DB) tooLate() error {
	select {
	case <-db.failed:
		return fmt.Errorf("write the database: %w", db.unusable())
	default:
		return fmt.Errorf("write the database: %w", ErrClosed)
	}
}

// commitAll commits the groups that come, until the database is closed or must no longer be used.
func (db *DB) commitAll() {
	for {
		select {
		case <-db.queue.wake:
		case <-db.closing:
			return
		}
		for g := db.take(); g != nil; g = db.take() {
			if !db.commit(g) {
				return
			}
			db.queue.reuse(g.requests)
		}
	}
}

// reuse keeps the memory of a group that was answered.
func (q *queue) reuse(requests []*request) {
	clear(requests)
	q.mu.Lock()
	q.spare = requests[:0]
	q.mu.Unlock()
}

// maxYields bounds how often the committer yields before it commits. It also commits after a yield that took longer
// than longYield. Many goroutines then wait for the processor, and each yield costs a turn of all of them.
const (
	maxYields = 8
	longYield = time.Millisecond
)

// take takes the oldest group, or returns nil. It yields to goroutines that are about to ask, as long as that brings
// more requests. A yield to nobody costs less than a microsecond. Under load, yielding halves the number of fsyncs. The
// callers that the last commit answered would otherwise come back just after this one began.
func (db *DB) take() *group {
	q := &db.queue
	before, long := 0, false
	for yields := 0; ; yields++ {
		q.mu.Lock()
		if len(q.groups) == 0 {
			q.mu.Unlock()
			return nil
		}
		g := q.groups[0]
		n := len(g.requests)
		if long || n == before || n >= db.options.MaxGroup || yields == maxYields {
			g.taken = true
			q.groups = slices.Delete(q.groups, 0, 1)
			q.mu.Unlock()
			return g
		}
		q.mu.Unlock()
		before = n
		began := time.Now()
		runtime.Gosched()
		long = time.Since(began) > longYield
	}
}

// commit runs one group to its end and answers it. It returns false when the database must no longer be used.
func (db *DB) commit(g *group) bool {
	started := time.Now()
	db.watchdog.Step()
	defer db.watchdog.Rest()
	select {
	case <-db.failed: // a read found damage
		g.answer(db.tooLate())
		return false
	default:
	}
	for {
		var tx *bbolt.Tx
		err := safely(
			db.path,
			"beginning a transaction",
			func() (err error) {
				if tx, err = db.bolt.Begin(true); err == nil {
					db.bolt.AllocSize = growth(tx.Size())
				}
				return err
			},
		)
		if errors.Is(err, ErrDamaged) {
			db.stuck.Store(true)
			return db.giveUp(g, err)
		}
		if err != nil {
			g.answer(fmt.Errorf("write the database: %w", err))
			return true
		}
		wrote, culprit := db.run(tx, g)
		if culprit >= 0 {
			rollback(tx, db.path, &db.stuck)
			if err := g.requests[culprit].err; errors.Is(err, ErrDamaged) {
				return db.giveUp(g, err)
			}
			g.requests = slices.Delete(g.requests, culprit, culprit+1) // it has its answer
			continue
		}
		if wrote {
			err = db.call(func(*Tx) error { return db.shared.write() }, nil)
		}
		if !wrote || err != nil {
			rollback(tx, db.path, &db.stuck)
			if errors.Is(err, ErrDamaged) {
				return db.giveUp(g, err)
			}
			g.answer(err)
			return true
		}
		return db.finish(tx, g, started)
	}
}

// giveUp answers a group when the file is damaged. Nothing of the group was written.
func (db *DB) giveUp(g *group, err error) bool {
	db.fail(err)
	g.answer(err)
	return false
}

// run runs each request against tx. It stops at the first one whose writes must be undone and returns its index,
// otherwise -1.
func (db *DB) run(tx *bbolt.Tx, g *group) (wrote bool, culprit int) {
	db.shared.reset()
	for i, r := range g.requests {
		clear(r.after)
		r.after = r.after[:0]
		if r.err = r.ctx.Err(); r.err != nil {
			continue
		}
		r.tx = Tx{Tx: tx, after: &r.after, shared: &db.shared}
		if r.err = db.call(r.fn, &r.tx); r.err == nil {
			wrote = true
			continue
		}
		refused, ok := errors.AsType[refusal](r.err)
		if !ok {
			return wrote, i
		}
		r.err = refused.err
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

func (db *DB) finish(tx *bbolt.Tx, g *group, started time.Time) bool {
	id := tx.ID()
	crashpoint.Here("boltdb.before-commit")
	if err := safely(db.path, "committing", tx.Commit); err != nil {
		rollback(tx, db.path, &db.stuck) // bbolt leaves the transaction open after some failures
		if refused := refusedByDisk(err); refused != nil && !db.shows(id) {
			err = errors.Join(refused, err)
			db.unwritable.Store(&err)
			g.answer(err)
			return true
		}
		db.fail(err)
		g.answer(errors.Join(ErrOutcomeUnknown, err))
		return false
	}
	crashpoint.Here("boltdb.after-commit")
	db.setDurable(int64(id))
	if db.unwritable.Load() != nil {
		db.unwritable.Store(nil)
	}
	err := g.follow(&db.shared)
	stats := tx.Stats()
	took := stats.GetWriteTime()
	if stats.GetPageAlloc() <= smallCommit {
		db.averageSync(took)
	}
	if err == nil && db.options.OnCommit != nil {
		err = guarded(func() {
			db.options.OnCommit(CommitStats{Requests: len(g.requests), Took: time.Since(started), Sync: took})
		})
	}
	if err != nil {
		db.fail(err)
	}
	g.answer(nil)
	return err == nil
}

// follow calls the functions that bring memory up to date after a commit. After a panic it calls nothing more: the
// group is on the disk, and memory is behind it. Requests without such a function, and those whose functions succeeded,
// are answered as usual. The outcome of the others counts as unknown, and of all if they wrote something together. They
// must not go on as if memory were up to date, nor be told that nothing was stored.
func (g *group) follow(together *shared) (err error) {
	for _, r := range g.requests {
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
	if len(together.members) == 0 {
		return err
	}
	if err == nil {
		err = guarded(together.committed)
	}
	if err != nil {
		for _, r := range g.requests {
			r.err = ErrOutcomeUnknown
		}
	}
	return err
}

// shared is what the requests of the running group write together: see Tx.Join.
type shared struct {
	members []Together
}

func (s *shared) reset() {
	clear(s.members)
	s.members = s.members[:0]
}

func (s *shared) write() error {
	for _, m := range s.members {
		if err := m.BeforeCommit(); err != nil {
			return err
		}
	}
	return nil
}

func (s *shared) committed() {
	for _, m := range s.members {
		m.Committed()
	}
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

// answer gives each request its own error, or err if that is not nil. After it the committer must not look at the
// requests.
func (g *group) answer(err error) {
	if err != nil {
		for _, r := range g.requests {
			r.err = err
		}
	}
	close(g.done)
}
