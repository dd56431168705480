package orderstore

import (
	"errors"
	"fmt"

	"go.etcd.io/bbolt"

	"ordertally/order"
	"ordertally/shared/boltdb/codec"
	"ordertally/shared/event"
	"ordertally/shared/outbox"
	"ordertally/shared/uuidv7"
)

// errRow says that the row of a message's order or cancellation is damaged.
var errRow = errors.New("its row is damaged")

// Content is the outbox.Content of an order file. The messages of orders and cancellations are in their rows.
func Content(tx *bbolt.Tx, m *outbox.Message) error {
	whole, err := messageAgain(tx, m)
	if err == nil && whole.ID != m.ID {
		err = fmt.Errorf("%w: its row has another message, %s", codec.ErrCorrupt, whole.ID)
	}
	if err != nil {
		return err
	}
	whole.Trace = m.Trace
	*m = whole
	return nil
}

func messageAgain(tx *bbolt.Tx, m *outbox.Message) (outbox.Message, error) {
	id, err := uuidv7.Parse(string(m.Key))
	if err != nil {
		return outbox.Message{}, fmt.Errorf("%w: its key is no id of an order", codec.ErrCorrupt)
	}
	sealed := tx.Bucket(ordersBucket).Get(id[:])
	if sealed == nil {
		return outbox.Message{}, fmt.Errorf("%w: its order %s is missing", codec.ErrCorrupt, id)
	}
	r, err := decodeRow(id[:], sealed)
	if err != nil {
		return outbox.Message{}, fmt.Errorf("order %s: %w: %w", id, errRow, err)
	}
	switch m.Type {
	case event.TypeCreated:
		return r.again(id)
	case event.TypeCancelled:
		c, err := readCancellation(tx, id)
		if err != nil {
			return outbox.Message{}, fmt.Errorf("%w: %w", errRow, err)
		}
		if c != nil {
			return c.again(id, &r)
		}
	}
	return outbox.Message{}, fmt.Errorf("%w: order %s has no message of type %s", codec.ErrCorrupt, id, m.Type)
}

// again returns the message of the placement as it was appended, without its trace.
func (r *row) again(id uuidv7.ID) (outbox.Message, error) {
	payload, err := r.payload(id)
	if err != nil {
		return outbox.Message{}, fmt.Errorf("order %s: %w", id, err)
	}
	subject := id.String()
	return r.created(subject, []byte(subject), payload, headersOf(r.key, r.hash)), nil
}

// again returns the message of the cancellation as it was appended, without its trace. placed is the order's row.
func (c *cancellation) again(id uuidv7.ID, placed *row) (outbox.Message, error) {
	o, err := placed.order(id)
	if err != nil {
		return outbox.Message{}, fmt.Errorf("order %s: %w", id, err)
	}
	return c.cancelled(id, order.CancellationPayload(&o, c.At, c.Reason)), nil
}
