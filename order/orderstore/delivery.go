package orderstore

import (
	"context"
	"fmt"

	"go.etcd.io/bbolt"

	"ordertally/order"
	"ordertally/shared/outbox"
	"ordertally/shared/uuidv7"
)

// states maps the outbox's states to those of the domain.
var states = map[outbox.State]order.State{
	outbox.Pending: order.Pending, outbox.Waiting: order.Waiting, outbox.Published: order.Published,
	outbox.Parked: order.Parked, outbox.Discarded: order.Discarded,
}

// attempts returns nil when the number is no longer known.
func attempts(s outbox.Status) *int {
	if s.Attempts == 0 && (s.State == outbox.Published || s.State == outbox.Discarded) {
		return nil
	}
	return &s.Attempts
}

// Delivery implements order.Store. The caller adds the topic.
func (s *Store) Delivery(ctx context.Context, id uuidv7.ID) (order.Delivery, error) {
	var d order.Delivery
	err := s.db.View(ctx, func(tx *bbolt.Tx) error {
		messages, err := messagesOf(tx, id)
		if err != nil {
			return err
		}
		for _, m := range messages {
			known, err := s.outbox.Delivery(tx, m.slot)
			if err != nil {
				return fmt.Errorf("message %s of order %s: %w", m.kind, id, err)
			}
			d.Messages = append(d.Messages, deliveryOf(m, &known))
		}
		return nil
	})
	if err != nil {
		return order.Delivery{}, readError(err)
	}
	return d, nil
}

// messagesOf returns the messages of an order, oldest first.
func messagesOf(tx *bbolt.Tx, id uuidv7.ID) ([]message, error) {
	r, err := readRow(tx, id)
	if err != nil {
		return nil, err
	}
	messages := []message{r.message}
	c, err := readCancellation(tx, id)
	if c != nil {
		messages = append(messages, c.message)
	}
	return messages, err
}

func deliveryOf(m message, known *outbox.Delivery) order.MessageDelivery {
	d := order.MessageDelivery{
		Type: m.kind, State: states[known.State], MessageID: m.id, Sequence: known.Slot,
		Lineage: known.Lineage, Attempts: attempts(known.Status), CommittedAt: known.Committed,
		Class: string(known.Refusal.Class), Reason: known.Refusal.Reason, NextTry: known.Refusal.Next,
	}
	if known.State == outbox.Published {
		d.PublishedAt = known.At
	}
	if known.Located {
		d.Partition, d.Offset = &known.Position.Partition, &known.Position.Offset
	}
	return d
}
