package orderstore

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"

	"ordertally/order"
	"ordertally/shared/boltdb"
	"ordertally/shared/outbox"
	"ordertally/shared/uuidv7"
)

// Offered is an order of a file that is handed over.
type Offered struct {
	order.Offer // without its placement
	// State is how far the message of the placement got, as far as the file knows.
	State order.State
	// Err says what is damaged. The order cannot be offered then.
	Err error
}

// Offers reads an order file that is not served any more.
type Offers struct {
	tx     *bbolt.Tx
	outbox *outbox.Reader
}

// ReadOffers opens the file of a stopped service, calls read, and changes nothing in the file. Errors are those of
// boltdb.ViewFile and of read.
func ReadOffers(ctx context.Context, path string, read func(*Offers) error) error {
	return boltdb.ViewFile(ctx, path, Format, func(tx *bbolt.Tx) error {
		if tx.Bucket(ordersBucket) == nil || tx.Bucket(outbox.Root()) == nil {
			return fmt.Errorf("%s has no orders: the service never started on it", path)
		}
		reader, err := outbox.Read(tx)
		if err != nil {
			return err
		}
		return read(&Offers{tx, reader})
	})
}

// Each calls visit with every order by ascending id, and then with every id that was superseded. It ends with visit's
// first error, or with that of ctx.
func (o *Offers) Each(ctx context.Context, visit func(Offered) error) error {
	cursor := o.tx.Bucket(ordersBucket).Cursor()
	for key, sealed := cursor.First(); key != nil; key, sealed = cursor.Next() {
		if err := errors.Join(ctx.Err(), visit(o.offered(key, sealed))); err != nil {
			return err
		}
	}
	bucket := o.tx.Bucket(supersededBucket)
	if bucket == nil {
		return nil
	}
	return bucket.ForEach(func(key, sealed []byte) error {
		f := Offered{Offer: order.Offer{ID: idText(key)}, State: order.Published} // there is nothing to publish
		by, err := decodeID(key, sealed)
		f.SupersededBy, f.Err = by.String(), err
		return errors.Join(ctx.Err(), visit(f))
	})
}

// idText returns the id that is a record's key.
func idText(key []byte) string {
	var id uuidv7.ID
	copy(id[:], key)
	return id.String()
}

func (o *Offers) offered(key, sealed []byte) (f Offered) {
	f.ID = idText(key)
	r, err := decodeRow(key, sealed)
	if err != nil {
		f.Err = err
		return f
	}
	status, err := o.outbox.Status(o.tx, r.message.slot)
	if err != nil {
		f.Err = err
		return f
	}
	f.State = states[status.State]
	c, err := readCancellation(o.tx, uuidv7.ID(key))
	if c == nil {
		f.Err = err
		return f
	}
	if status, err = o.outbox.Status(o.tx, c.message.slot); err != nil {
		f.Err = err
		return f
	}
	if unpublished(states[status.State]) {
		f.Cancellation = &order.OfferedCancellation{
			MessageID: c.message.id.String(), Key: hashOf(c.key), At: c.At, By: c.By, Reason: c.Reason,
		}
	}
	return f
}

// Placement returns what an offer says of an order.
func (o *Offers) Placement(id string) (*order.OfferedPlacement, error) {
	key, err := uuidv7.Parse(id)
	if err != nil {
		return nil, err
	}
	r, err := readRow(o.tx, key)
	if err != nil {
		return nil, err
	}
	payload, err := r.payload(key)
	if err != nil {
		return nil, err
	}
	return &order.OfferedPlacement{
		MessageID: r.message.id.String(), Payload: payload, Key: hashOf(r.key),
		Hash:     r.hash[:],
		PlacedBy: r.placedBy,
	}, nil
}

func hashOf(key order.KeyHash) []byte {
	if key.IsZero() {
		return nil
	}
	return key[:]
}

// unpublished reports whether a message is still to be published, as far as its file knows.
func unpublished(state order.State) bool { return state != order.Published && state != order.Discarded }

// MayOffer reports whether an order that the other service lacks can be handed over. An order that was published was
// counted, perhaps so long ago that it would be counted again.
func (f *Offered) MayOffer() bool { return unpublished(f.State) }
