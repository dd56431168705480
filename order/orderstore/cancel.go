package orderstore

import (
	"context"
	"fmt"

	"go.etcd.io/bbolt"

	"ordertally/order"
	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/codec"
	"ordertally/shared/event"
	"ordertally/shared/outbox"
	"ordertally/shared/uuidv7"
)

// cancellation is the row of a cancelled order. The order has its own row.
type cancellation struct {
	message message
	key     order.KeyHash // of the cancelling request
	order.Cancellation
}

const cancellationVersion = 2

func encodeCancellation(key []byte, c *cancellation) []byte {
	record := codec.NewRecord(cancellationVersion, 80+len(c.By)+len(c.Reason))
	encodeMessage(&record, &c.message)
	record.Raw(c.key[:])
	record.Time(c.At)
	record.Text(c.By)
	record.Text(c.Reason)
	return record.Seal(key)
}

func decodeCancellation(key, sealed []byte) (*cancellation, error) {
	record, err := codec.OpenRecord(key, sealed, cancellationVersion)
	if err != nil {
		return nil, err
	}
	c := &cancellation{message: decodeMessage(&record, event.TypeCancelled)}
	record.Array(c.key[:])
	c.At, c.By, c.Reason = record.Time(), record.Text(), record.Text()
	return c, record.End()
}

// readCancellation returns the cancellation of an order, or nil.
func readCancellation(tx *bbolt.Tx, id uuidv7.ID) (*cancellation, error) {
	sealed := tx.Bucket(cancellationsBucket).Get(id[:])
	if sealed == nil {
		return nil, nil
	}
	c, err := decodeCancellation(id[:], sealed)
	if err != nil {
		return nil, fmt.Errorf("cancellation of order %s: %w", id, err)
	}
	return c, nil
}

// Cancel implements order.Store.
func (s *Store) Cancel(ctx context.Context, r *order.CancelRequest) (order.Cancelled, error) {
	var cancelled order.Cancelled
	err := s.db.Write(ctx, func(tx *boltdb.Tx) (err error) {
		cancelled.Replayed, err = s.cancelledBefore(tx, r)
		if err != nil {
			return boltdb.Refuse(err)
		}
		if !cancelled.Replayed {
			if err := s.insertCancellation(tx, s.ids.Next(), r); err != nil {
				return err
			}
		}
		if cancelled.Stored, err = s.get(tx.Tx, r.ID); err == nil {
			cancelled.Message, cancelled.MessageSlot, err = s.cancellationStatus(tx.Tx, r.ID)
		}
		if cancelled.Replayed {
			return boltdb.Refuse(err)
		}
		return err
	})
	if err != nil {
		return order.Cancelled{}, writeError("cancel order", err)
	}
	if !cancelled.Replayed {
		s.cancelled.Inc()
	}
	return cancelled, nil
}

// cancellationStatus returns how far the message of a cancelled order's cancellation got, and its slot.
func (s *Store) cancellationStatus(tx *bbolt.Tx, id uuidv7.ID) (order.State, uint64, error) {
	c, err := readCancellation(tx, id)
	if err != nil {
		return "", 0, err
	}
	status, err := s.outbox.Status(tx, c.message.slot)
	return states[status.State], status.Slot, err
}

// cancelledBefore reports whether the request cancelled the order earlier, possibly in the same group (rule G1).
func (s *Store) cancelledBefore(tx *boltdb.Tx, r *order.CancelRequest) (bool, error) {
	if tx.Bucket(ordersBucket).Get(r.ID[:]) == nil {
		return false, order.ErrNotFound
	}
	c, err := readCancellation(tx.Tx, r.ID)
	switch {
	case c == nil:
		return false, err
	case r.Key.IsZero() || r.Key != c.key:
		return false, order.ErrAlreadyCancelled
	}
	return true, nil
}

// insertCancellation stores a cancellation, and appends its message with the id messageID.
func (s *Store) insertCancellation(tx *boltdb.Tx, messageID uuidv7.ID, r *order.CancelRequest) error {
	c := cancellation{
		message: message{kind: event.TypeCancelled, id: messageID}, key: r.Key, Cancellation: r.Cancellation,
	}
	m := c.cancelled(r.ID, r.Payload)
	m.Trace, m.Stored = r.Trace, true
	slot, err := s.outbox.Append(tx, m)
	if err != nil {
		return err
	}
	c.message.slot = slot
	return tx.Bucket(cancellationsBucket).Put(r.ID[:], encodeCancellation(r.ID[:], &c))
}

// cancelled returns the message of the cancellation of the order id.
func (c *cancellation) cancelled(id uuidv7.ID, payload []byte) outbox.Message {
	subject := id.String()
	return outbox.Message{
		ID: c.message.id, Key: []byte(subject), Type: c.message.kind, Subject: subject, Schema: event.SchemaCancelled,
		ContentType: event.ContentType, Time: c.At, Headers: headersOf(c.key, order.HashCancellation(c.Reason)),
		Value: payload,
	}
}
