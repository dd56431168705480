package orderstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"

	"ordertally/order"
	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/codec"
	"ordertally/shared/event"
	"ordertally/shared/uuidv7"
)

// maxScan is the number of orders that one page looks at in search of matches. That takes about 20 ms. A page that
// reaches it may have fewer orders than requested, and says where the next page begins.
const maxScan = 10_000

// maxPageBytes bounds the size of a page in the same way. It has room for the largest page of orders of ordinary size.
const maxPageBytes = 1 << 20

// List implements order.Store.
func (s *Store) List(ctx context.Context, q order.Query) (order.Page, error) {
	var page order.Page
	if s.none(q.Publication) {
		return page, nil
	}
	err := s.db.View(ctx, func(tx *bbolt.Tx) error {
		next, err := s.newestFirst(tx, q)
		if err != nil {
			return err
		}
		var last uuidv7.ID
		bytes := 0
		for range maxScan {
			id, more, err := next()
			if !more {
				return err
			}
			if len(page.Orders)+len(page.Corrupt) == q.Limit || bytes > maxPageBytes {
				page.Next = last
				return nil
			}
			last = id
			if q.CustomerID != "" && q.Reference != "" &&
				tx.Bucket(customersBucket).Get(indexKey(q.CustomerID, id)) == nil {
				continue
			}
			stored, matches, err := s.listed(tx, id, err, &q)
			if errors.Is(err, boltdb.ErrCorrupt) { // the other orders are still listed
				s.db.Note(err)
				page.Corrupt = append(page.Corrupt, id)
				continue
			}
			if err != nil {
				return err
			}
			if !matches {
				continue
			}
			page.Orders = append(page.Orders, stored)
			bytes += len(stored.Payload)
		}
		page.Next = last
		return nil
	})
	if err != nil {
		return order.Page{}, readError(err)
	}
	return page, nil
}

// listed reads an order and reports whether it matches. err is what is wrong with its index entry, or nil.
func (s *Store) listed(
	tx *bbolt.Tx,
	id uuidv7.ID,
	err error,
	q *order.Query,
) (stored order.Stored, matches bool, _ error) {
	var r row
	if err == nil {
		r, err = decodeRow(id[:], tx.Bucket(ordersBucket).Get(id[:]))
	}
	if err == nil {
		matches, err = s.matches(tx, id, &r, q)
	}
	if err == nil && matches {
		stored, err = s.stored(tx, id, r)
	}
	if err != nil {
		return order.Stored{}, false, fmt.Errorf("order %s: %w", id, err)
	}
	return stored, matches, nil
}

// matches applies the filters that have no index, the cheapest first. It copies nothing.
func (s *Store) matches(tx *bbolt.Tx, id uuidv7.ID, r *row, q *order.Query) (bool, error) {
	if !q.PlacedFrom.IsZero() && r.placedAt.Before(q.PlacedFrom) ||
		!q.PlacedTo.IsZero() && !r.placedAt.Before(q.PlacedTo) {
		return false, nil
	}
	if q.Currency != "" && event.CurrencyOf(r.payload) != q.Currency {
		return false, nil
	}
	if q.Status != "" && (q.Status == order.StatusCancelled) != (tx.Bucket(cancellationsBucket).Get(id[:]) != nil) {
		return false, nil
	}
	if q.Publication == "" {
		return true, nil
	}
	known, err := s.outbox.State(tx, r.message.slot)
	state := states[known]
	return state == q.Publication || state == order.Waiting && q.Publication == order.Pending, err
}

// none reports whether no order's message can be in the state that is asked for. It saves a walk over all orders.
func (s *Store) none(state order.State) bool {
	switch state {
	case order.Pending:
		return s.outbox.Backlog() == 0
	case order.Waiting:
		return s.outbox.Waiting() == 0
	case order.Parked:
		return s.outbox.Parked() == 0
	}
	return false
}

// newestFirst walks down the ids below q.Before: those of one reference, else of one customer, else of cancelled
// orders, else all. For a source and a reference there is at most one.
func (s *Store) newestFirst(tx *bbolt.Tx, q order.Query) (func() (id uuidv7.ID, more bool, err error), error) {
	bucket, prefix := tx.Bucket(ordersBucket), []byte(nil)
	switch {
	case q.Source != "":
		return theOne(tx, q)
	case q.Reference != "":
		bucket, prefix = tx.Bucket(referencesBucket), append([]byte(q.Reference), 0)
	case q.CustomerID != "":
		bucket, prefix = tx.Bucket(customersBucket), append([]byte(q.CustomerID), 0)
	case q.Status == order.StatusCancelled:
		bucket = tx.Bucket(cancellationsBucket)
	}
	cursor := bucket.Cursor()
	before := q.Before
	if before == (uuidv7.ID{}) {
		before = uuidv7.ID(bytes.Repeat([]byte{0xff}, len(before)))
	}
	key, _ := cursor.Seek(append(bytes.Clone(prefix), before[:]...))
	var sealed []byte
	if key == nil {
		key, sealed = cursor.Last()
		if key != nil && bytes.Compare(key, append(bytes.Clone(prefix), before[:]...)) < 0 {
			return walk(cursor, key, sealed, prefix), nil
		}
	}
	key, sealed = cursor.Prev()
	return walk(cursor, key, sealed, prefix), nil
}

// theOne walks the one order with a source's reference.
func theOne(tx *bbolt.Tx, q order.Query) (func() (uuidv7.ID, bool, error), error) {
	key := sourceKey(q.Source, q.Reference)
	sealed := tx.Bucket(sourcesBucket).Get(key)
	var found uuidv7.ID
	more := sealed != nil
	if more {
		var err error
		if found, err = decodeID(key, sealed); err != nil {
			return nil, fmt.Errorf("reference %q of source %q: %w", q.Reference, q.Source, err)
		}
		more = q.Before == (uuidv7.ID{}) || bytes.Compare(found[:], q.Before[:]) < 0
	}
	return func() (uuidv7.ID, bool, error) {
		first := more
		more = false
		return found, first, nil
	}, nil
}

// walk returns the ids of keys that begin with prefix. Index entries, which have a prefix, are checked here. Records
// are checked by their reader.
func walk(cursor *bbolt.Cursor, key, sealed, prefix []byte) func() (uuidv7.ID, bool, error) {
	return func() (id uuidv7.ID, more bool, err error) {
		if key == nil || !bytes.HasPrefix(key, prefix) {
			return id, false, nil
		}
		if copy(id[:], key[len(prefix):]) != len(id) || len(key) != len(prefix)+len(id) {
			err = fmt.Errorf("%w (key %x)", boltdb.ErrCorrupt, key)
		} else if len(prefix) > 0 {
			_, err = codec.Unseal(key, sealed)
		}
		key, sealed = cursor.Prev()
		return id, true, err
	}
}
