package outbox

import (
	"context"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"ordertally/shared/boltdb"
	"ordertally/shared/service/lifecycle"
)

// recorder stores what was published, in the background. The publisher's watermark is what counts. If a crash takes a
// record away, only a hint and the time that an order shows are missing.
type recorder struct {
	outbox   *Outbox
	logger   zerolog.Logger
	wake     chan struct{}
	flushes  chan chan struct{}
	expiry   expiry
	watchdog lifecycle.Watchdog

	mu      sync.Mutex
	pending []batch
}

func newRecorder(o *Outbox, logger zerolog.Logger) *recorder {
	return &recorder{outbox: o, logger: logger, wake: make(chan struct{}, 1), flushes: make(chan chan struct{}),
		expiry: expiry{outbox: o}}
}

func (r *recorder) record(b batch) {
	r.mu.Lock()
	r.pending = append(r.pending, b)
	r.mu.Unlock()
	r.nudge()
}

// nudge makes the recorder check whether there is something to do.
func (r *recorder) nudge() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// flush waits until everything recorded so far is in the file.
func (r *recorder) flush(ctx context.Context) error {
	flushed := make(chan struct{})
	select {
	case r.flushes <- flushed:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-flushed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// start begins recording. The returned function stores what is left and stops. A panic goes to broken, and nothing more
// is recorded.
func (r *recorder) start(ctx context.Context, broken context.CancelCauseFunc) (stop func()) {
	// The last batches are stored after ctx has ended. If the database fails, the relay finds out by itself.
	ctx = context.WithoutCancel(ctx)
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		if err := lifecycle.Guard(ctx, func(ctx context.Context) error { r.run(ctx, quit); return nil }); err != nil {
			broken(err)
		}
	}()
	return func() {
		close(quit)
		<-ended
	}
}

func (r *recorder) run(ctx context.Context, quit <-chan struct{}) {
	tick := time.NewTimer(expirePause)
	defer tick.Stop()
	defer r.watchdog.Rest() // after a panic
	if r.outbox.config.Retention <= 0 {
		tick.Stop()
	}
	for {
		select {
		case <-r.wake:
		case <-tick.C:
		case flushed := <-r.flushes:
			r.store(ctx, r.take(), nil)
			close(flushed)
			continue
		case <-quit:
			r.store(ctx, r.take(), nil)
			return
		}
		r.watchdog.Step()
		r.store(ctx, r.take(), r.expire(ctx))
		r.watchdog.Rest()
		if r.outbox.config.Retention > 0 {
			tick.Reset(r.expiry.wait())
		}
	}
}

func (r *recorder) take() []batch {
	r.mu.Lock()
	defer r.mu.Unlock()
	batches := r.pending
	r.pending = nil
	return batches
}

// expire returns what retention is to delete now, or nil. A row that cannot be read stops retention, but nothing else.
func (r *recorder) expire(ctx context.Context) *expiryStep {
	s, err := r.expiry.plan(ctx)
	if err != nil {
		r.expiry.due = r.outbox.config.Clock.Now().Add(time.Hour)
		r.logger.Error().Err(err).Msg("published messages do not expire: the file grows; tried again in an hour")
	}
	return s
}

// store writes batches and deletes what has expired, in one transaction.
func (r *recorder) store(ctx context.Context, batches []batch, old *expiryStep) {
	if len(batches) == 0 && old == nil {
		return
	}
	err := r.outbox.db.Write(ctx, func(tx *boltdb.Tx) error {
		root := tx.Bucket(rootBucket)
		for i := range batches {
			if err := batches[i].store(root); err != nil {
				return err
			}
		}
		if old == nil {
			return nil
		}
		return old.apply(root)
	})
	if err == nil && old != nil {
		r.expiry.done(old)
		r.outbox.retained.Add(-int64(old.gone()))
		r.outbox.expired.Add(int64(old.gone()))
	}
}
