package orderstore

import (
	"context"
	"fmt"

	"go.etcd.io/bbolt"

	"ordertally/order"
	"ordertally/shared/outbox"
	"ordertally/shared/uuidv7"
)

// states names the outbox's states in the domain's terms.
var states = map[outbox.State]order.State{
	outbox.Pending: order.Pending, outbox.Waiting: order.Waiting, outbox.Published: order.Published,
	outbox.Parked: order.Parked, outbox.Discarded: order.Discarded, outbox.HandedOver: order.HandedOver,
}

// attempts is nil when they are not known any more.
func attempts(s outbox.Status) *int {
	if s.Attempts == 0 && (s.State == outbox.Published || s.State == outbox.Discarded) {
		return nil
	}
	return &s.Attempts
}

// Delivery implements order.Store. The topic is the caller's to add.
func (s *Store) Delivery(ctx context.Context, id uuidv7.ID) (order.Delivery, error) {
	var m message
	var known outbox.Delivery
	err := s.db.View(ctx, func(tx *bbolt.Tx) error {
		r, err := readRow(tx, id)
		if err != nil {
			return err
		}
		m = r.message
		if known, err = s.outbox.Delivery(tx, m.slot); err != nil {
			return fmt.Errorf("message of order %s: %w", id, err)
		}
		return nil
	})
	if err != nil {
		return order.Delivery{}, readError(err)
	}
	d := order.Delivery{
		State: states[known.State], MessageID: m.id.String(), Sequence: known.Slot, Lineage: known.Lineage,
		Attempts: attempts(known.Status), CommittedAt: known.Committed,
	}
	d.Class, d.Reason, d.NextTry = string(known.Refusal.Class), known.Refusal.Reason, known.Refusal.Next
	if known.State == outbox.Published {
		d.PublishedAt = known.At
	}
	if known.Located {
		d.Partition, d.Offset = &known.Position.Partition, &known.Position.Offset
	}
	return d, nil
}
