package outbox

import (
	"context"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
)

// LinkState says how the relay stands with the publisher.
type LinkState string

// The states of a link.
const (
	LinkIdle       LinkState = "idle"       // no relay runs
	LinkConnecting LinkState = "connecting" // a session is being opened, or what it finds is put right
	LinkUp         LinkState = "up"
	LinkDown       LinkState = "down"   // the last session failed; the next attempt follows
	LinkFenced     LinkState = "fenced" // see ErrFenced
)

// Link is how the relay stands with the publisher.
type Link struct {
	State LinkState `json:"state"`
	Since time.Time `json:"since"`
	Error string    `json:"error,omitempty"` // of the last session, while it is not up
}

func (o *Outbox) setLink(state LinkState, err error) {
	next := Link{State: state, Since: o.config.Clock.Now().UTC()}
	if last := o.link.Load(); last.State == state {
		next.Since = last.Since
	}
	if err != nil {
		next.Error = clip(err.Error())
	}
	o.link.Store(&next)
}

// Report is an account of an outbox, for people.
type Report struct {
	Lineage  string     `json:"lineage"`
	First    uint64     `json:"first_sequence"` // of the lineage; earlier ones belong to another
	Topic    string     `json:"topic_id,omitempty"`
	Position uint64     `json:"published_up_to"` // each slot up to it is published, or waits or is parked under another
	Tail     uint64     `json:"last_sequence"`
	Backlog  int        `json:"backlog"` // waiting ones included
	Waiting  int        `json:"waiting"`
	Parked   int        `json:"parked"`
	Ceded    int        `json:"ceded"`
	Oldest   *time.Time `json:"oldest_unpublished_at,omitempty"`
	Repair   bool       `json:"repair"` // the topic lacks messages that are being published again
	Link     Link       `json:"relay"`
	Findings []Finding  `json:"findings"` // newest first
}

// Report returns an account with the newest findings, at most limit.
func (o *Outbox) Report(ctx context.Context, limit int) (Report, error) {
	id := o.id.Load()
	r := Report{
		Lineage: id.lineage, First: id.base + 1, Position: o.position.Load(), Tail: o.queue.lastSlot(),
		Backlog: o.Backlog(), Parked: o.Parked(), Ceded: o.Ceded(), Link: *o.link.Load(),
	}
	o.mu.Lock()
	r.Waiting = o.waits.waiting
	o.mu.Unlock()
	oldest, err := o.OldestUnpublished(ctx)
	if err != nil {
		return Report{}, fmt.Errorf("report on the outbox: %w", err)
	}
	if !oldest.IsZero() {
		r.Oldest = &oldest
	}
	if err := o.db.View(ctx, func(tx *bbolt.Tx) error {
		root := tx.Bucket(rootBucket)
		place, err := getMeta(root, metaPlace)
		r.Topic, r.Repair = string(place), root.Bucket(metaBucket).Get(metaRepair) != nil
		return err
	}); err != nil {
		return Report{}, fmt.Errorf("report on the outbox: %w", err)
	}
	r.Findings, err = o.Findings(ctx, limit)
	return r, err
}
