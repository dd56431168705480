package outbox

import (
	"context"
	"time"
)

const (
	// lookPause is the minimum time between two looks that retention asks for.
	lookPause = 10 * time.Second
	// lookHolds is for how long after a look messages that were old enough then may be deleted.
	lookHolds = time.Minute
)

// sighting records when a look at the topic confirmed what was published, and up to which slot.
type sighting struct {
	at      time.Time // by the outbox's clock
	elapsed time.Time // by the monotonic one
	slot    uint64    // up to which it was published
}

func (r *Relay) sighting() sighting {
	return sighting{r.outbox.config.Clock.Now(), time.Now(), r.outbox.position.Load()}
}

// untilLook is how long a look can be put off.
func (r *Relay) untilLook() time.Duration {
	every := r.config.CheckEvery
	if r.outbox.wanted.Load() {
		every = min(every, lookPause)
	}
	return every - time.Since(r.checked)
}

// look checks that the publisher still has what was published.
func (r *Relay) look(ctx context.Context, session Session) error {
	began := r.sighting()
	if r.config.Recovery != nil {
		if err := r.config.Recovery.Check(ctx, &Connection{session, r}); err != nil {
			return err
		}
	}
	r.checked = began.elapsed
	r.seen(began)
	return nil
}

// seen records that a look confirmed what was published.
func (r *Relay) seen(began sighting) {
	r.outbox.sight.Store(&began)
	if r.outbox.wanted.Swap(false) {
		r.recorder.nudge()
	}
}

// covered returns which messages may expire after the newest look: those up to slot that were old enough at the time
// until. slot is 0 if that look was too long ago.
func (o *Outbox) covered() (slot uint64, until time.Time) {
	seen := o.sight.Load()
	if seen == nil || time.Since(seen.elapsed) > lookHolds {
		return 0, time.Time{}
	}
	return seen.slot, seen.at
}

// wantLook asks the relay for a look at the topic.
func (o *Outbox) wantLook() {
	if !o.wanted.Swap(true) {
		o.queue.nudge()
	}
}
