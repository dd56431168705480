package outbox

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb/codec"
)

// Report describes an outbox, for people. Package recovery fills in LogID and Repair.
type Report struct {
	// The history that the file's messages belong to, their ce_lineage.
	Lineage string `json:"lineage"`
	// The first slot of the lineage; earlier ones belong to another.
	// Example: 1
	First uint64 `json:"first_sequence"`
	// The id of the log that was published to; it is another one after the log was deleted and made again. Left out
	// before.
	LogID string `json:"log_id,omitempty"`
	// How many partitions new messages are spread over. Left out before the publisher was reached.
	// Example: 6
	Partitions int `json:"partitions,omitzero"`
	// Each slot up to it is published, or its message waits or is parked under another.
	// Example: 7
	Position uint64 `json:"published_up_to"`
	// The last slot that was given.
	// Example: 7
	Tail uint64 `json:"last_sequence"`
	// Messages to be published, those that wait included.
	// Example: 0
	Backlog int `json:"backlog"`
	// Messages that were refused and will be retried, or wait behind one that was.
	// Example: 0
	Waiting int `json:"waiting"`
	// Messages that were refused too often and need a decision.
	// Example: 0
	Parked int `json:"parked"`
	// When the oldest message of the backlog was stored. Left out when there is none.
	Oldest *time.Time `json:"oldest_unpublished_at,omitempty"`
	// The log lacks messages that are being published again.
	Repair bool `json:"repair"`
	// The state of the relay's connection to the publisher.
	Link Link `json:"relay"`
	// Other programs' transactions that must end before the relay publishes. Left out when it waits for none.
	HeldBack *HeldBack `json:"held_back,omitempty"`
	// The newest incidents, the newest first, 20 at most.
	Incidents []Incident `json:"incidents"`
}

// Report returns a report with the newest incidents, at most limit.
func (o *Outbox) Report(ctx context.Context, limit int) (Report, error) {
	id := o.id.Load()
	r := Report{
		Lineage:    id.lineage,
		First:      id.base + 1,
		Position:   o.position.Load(),
		Tail:       o.queue.lastSlot(),
		Partitions: o.Partitions(),
		Backlog:    o.Backlog(),
		Parked:     o.Parked(),
		Waiting:    o.Waiting(),
		Link:       *o.link.Load(),
		HeldBack:   o.held.Load(),
	}
	oldest, err := o.OldestUnpublished(ctx)
	if err != nil {
		return Report{}, fmt.Errorf("report on the outbox: %w", err)
	}
	if !oldest.IsZero() {
		r.Oldest = &oldest
	}
	r.Incidents, err = o.Incidents(ctx, limit)
	return r, err
}

// Incidents returns the newest incidents, at most limit, newest first.
func (o *Outbox) Incidents(ctx context.Context, limit int) (incidents []Incident, err error) {
	err = o.db.View(ctx, func(tx *bbolt.Tx) error {
		cursor := tx.Bucket(rootBucket).Bucket(incidentsBucket).Cursor()
		for key, sealed := cursor.Last(); key != nil && len(incidents) < limit; key, sealed = cursor.Prev() {
			text, err := codec.Unseal(key, sealed)
			if err != nil {
				return fmt.Errorf("read incident %d: %w", slotOf(key), err)
			}
			var f Incident
			if err := json.Unmarshal(text, &f); err != nil {
				return fmt.Errorf("read incident %d: %w", slotOf(key), err)
			}
			incidents = append(incidents, f)
		}
		return nil
	})
	return incidents, err
}

// Backlog returns the number of messages that are neither published nor parked.
func (o *Outbox) Backlog() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	ahead := int(o.queue.lastSlot() - o.position.Load()) //nolint:gosec // position never passes the tail
	return ahead - o.waits.skippedAfter(o.position.Load()) + o.waits.waiting
}

// Waiting returns the number of messages that were refused and will be tried again, or that wait behind one.
func (o *Outbox) Waiting() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.waits.waiting
}

// Parked returns the number of parked messages.
func (o *Outbox) Parked() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.waits.parked
}

// OldestUnpublished returns when the oldest message was committed that is neither published nor parked, or the zero
// time. It reads at most one row.
func (o *Outbox) OldestUnpublished(ctx context.Context) (time.Time, error) {
	o.mu.Lock()
	oldest := o.waits.oldest()
	o.mu.Unlock()
	rows, _, err := o.read(ctx, o.position.Load(), 0, 1, 0)
	if err != nil {
		return time.Time{}, err
	}
	if len(rows) == 1 && (oldest.IsZero() || rows[0].committed.Before(oldest)) {
		oldest = rows[0].committed
	}
	return oldest, nil
}
