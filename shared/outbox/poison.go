package outbox

import (
	"context"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"ordertally/shared/crashpoint"
)

// retries decides which messages wait, and when they are tried again.
type retries struct {
	outbox      *Outbox
	logger      zerolog.Logger
	metrics     *Metrics
	maxAttempts int
	retry       Backoff

	nextDue time.Time // when the next waiting message is due
	recheck bool      // waiting messages have changed since nextDue was computed
}

// hold takes those messages out of rows that must wait for an earlier one of their key (rule P3). One that is held in
// this very batch counts as earlier too. Their skips are on the disk before any transaction carries the watermark past
// them (rule P2).
func (r *retries) hold(ctx context.Context, rows []row) ([]row, error) {
	var waiting []entry
	r.outbox.mu.Lock()
	free := slices.DeleteFunc(rows, func(row row) bool {
		follows := r.outbox.waits.blocks(&row) || slices.ContainsFunc(waiting, func(e entry) bool {
			return e.key == string(row.message.Key) && e.origin < row.origin
		})
		if follows {
			waiting = append(waiting, row.entry(held))
		}
		return follows
	})
	r.outbox.mu.Unlock()
	if waiting == nil {
		return free, nil
	}
	return free, r.outbox.skip(ctx, waiting)
}

// charge charges a failed attempt to each message. The message waits for its next attempt, or is parked.
func (r *retries) charge(ctx context.Context, guilty []row, cause *RejectedError) error {
	now := r.outbox.config.Clock.Now()
	entries := make([]entry, len(guilty))
	for i := range guilty {
		r.metrics.failed(cause.Class)
		e := guilty[i].entry(retrying)
		e.attempts++
		e.failed = now
		e.class = cause.Class
		e.reason = clip(cause.Err.Error())
		e.due = now.Add(r.retry.wait(int(e.attempts)))
		if int(e.attempts) >= r.maxAttempts {
			e.state = setAside
		}
		entries[i] = e
	}
	if err := r.outbox.skip(ctx, entries); err != nil {
		return &fatalError{err}
	}
	for i := range entries {
		e := &entries[i]
		if e.state != setAside {
			r.logger.Warn().
				Stringer("message", guilty[i].message.ID).
				Str("subject", guilty[i].message.Subject).
				Uint64("slot", e.slot).
				Uint32("attempts", e.attempts).
				Str("class", string(e.class)).
				Str("reason", e.reason).
				Time("next_attempt_at", e.due.UTC()).
				Msg("message refused; it will be retried, and the others go on")
		} else {
			r.logger.Error().Stringer("message", e.id).Uint64("slot", e.slot).Uint32("attempts", e.attempts).
				Str("class", string(e.class)).Str("reason",
				e.reason).Msg("message parked: mend its cause, then retry or discard it")
		}
	}
	crashpoint.Here("outbox.after-skip")
	r.recheck = true
	return nil
}

// release gives messages that are due a new slot at the tail.
func (r *retries) release(ctx context.Context) error {
	now := r.outbox.config.Clock.Now()
	if !r.recheck && (r.nextDue.IsZero() || now.Before(r.nextDue)) {
		return nil
	}
	r.outbox.mu.Lock()
	ready, next := r.outbox.waits.due(now)
	r.outbox.mu.Unlock()
	r.nextDue, r.recheck = next, false
	if len(ready) == 0 {
		return nil
	}
	if err := r.outbox.requeue(ctx, ready); err != nil {
		return err
	}
	crashpoint.Here("outbox.after-requeue")
	return nil
}
