package orderstore

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/order"
	"ordertally/shared/event"
	"ordertally/shared/event/setdigest"
	"ordertally/shared/outbox"
	"ordertally/shared/uuidv7"
)

// Digests implements order.Store. One page covers up to 10,000 orders.
func (s *Store) Digests(ctx context.Context, after uuidv7.ID) (order.DigestPage, error) {
	page := order.DigestPage{Unpublished: map[order.State]int{}}
	placed, cancelled := digests{}, digests{}
	err := s.db.View(ctx, func(tx *bbolt.Tx) error {
		cursor := tx.Bucket(ordersBucket).Cursor()
		key, sealed := cursor.Seek(after[:])
		if bytes.Equal(key, after[:]) {
			key, sealed = cursor.Next()
		}
		for read := 0; key != nil; key, sealed = cursor.Next() {
			if read == maxScan {
				return nil // page.Next is set
			}
			read++
			if err := s.digest(tx, uuidv7.ID(key), sealed, placed, cancelled, page.Unpublished); err != nil {
				return fmt.Errorf("order %s: %w", uuidv7.ID(key), err)
			}
			page.Next = uuidv7.ID(key)
		}
		page.Next = uuidv7.ID{}
		return nil
	})
	if err != nil {
		return order.DigestPage{}, readError(err)
	}
	page.Quarters, page.Cancelled = placed.list(), cancelled.list()
	return page, nil
}

// digests are the sums of quarter hours, by their beginning.
type digests map[int64]*order.DigestQuarter

func (d digests) list() (all []order.DigestQuarter) {
	for _, at := range slices.Sorted(maps.Keys(d)) {
		all = append(all, *d[at])
	}
	return all
}

// digest adds one order, and its cancellation.
func (s *Store) digest(tx *bbolt.Tx, id uuidv7.ID, sealed []byte, placed, cancelled digests,
	unpublished map[order.State]int) error {
	r, err := decodeRow(id[:], sealed)
	if err != nil {
		return err
	}
	stored, err := s.stored(tx, id, r)
	if err != nil {
		return err
	}
	o, err := r.order(id)
	if err != nil {
		return err
	}
	if stored.Cancellation != nil {
		if err := s.digestCancellation(tx, id, &o, cancelled); err != nil {
			return err
		}
	}
	if state := stored.Publication.State; state != order.Published {
		unpublished[state]++
		return nil
	}
	placed.add(r.placedAt, id, &o)
	return nil
}

func (s *Store) digestCancellation(tx *bbolt.Tx, id uuidv7.ID, o *event.Order, cancelled digests) error {
	c, err := readCancellation(tx, id)
	if err != nil {
		return err
	}
	status, err := s.outbox.Status(tx, c.message.slot)
	if err != nil || status.State != outbox.Published {
		return err
	}
	cancelled.add(c.At, id, o)
	return nil
}

// add adds an order to the quarter hour of a time.
func (d digests) add(at time.Time, id uuidv7.ID, o *event.Order) {
	const quarter = 15 * time.Minute
	at = at.UTC().Truncate(quarter)
	q := d[at.Unix()]
	if q == nil {
		q = &order.DigestQuarter{Starts: at, Revenue: map[string]*big.Int{}}
		d[at.Unix()] = q
	}
	if q.Revenue[o.Currency] == nil {
		q.Revenue[o.Currency] = new(big.Int)
	}
	q.Count++
	q.Revenue[o.Currency].Add(q.Revenue[o.Currency], big.NewInt(o.Total))
	q.Digest = q.Digest.Plus(setdigest.Of(id.String()))
}
