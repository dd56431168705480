package orderstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"

	"ordertally/order"
	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/runs"
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
	err := s.indexes.View(ctx, func(tx *bbolt.Tx, at *runs.Snapshot) error {
		page = order.Page{}
		next, err := s.newestFirst(tx, at, q)
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
	if q.Currency != "" {
		o, err := r.order(id)
		if err != nil || o.Currency != q.Currency {
			return false, err
		}
	}
	if q.Status != "" && (q.Status == order.StatusCancelled) != (tx.Bucket(cancellationsBucket).Get(id[:]) != nil) {
		return false, nil
	}
	if q.CustomerID != "" || q.Reference != "" { // an index finds other texts of the same hash too
		o, err := r.identity(id)
		if err != nil || q.CustomerID != "" && o.CustomerID != q.CustomerID ||
			q.Reference != "" && o.Reference != q.Reference || q.Source != "" && o.Source != q.Source {
			return false, err
		}
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
func (s *Store) newestFirst(tx *bbolt.Tx, at *runs.Snapshot, q order.Query) (
	func() (id uuidv7.ID, more bool, err error), error) {
	bucket := tx.Bucket(ordersBucket)
	switch {
	case q.Source != "":
		return s.theOne(tx, at, q)
	case q.Reference != "":
		return s.walkIndex(tx, at, referencesIndex, q.Reference, q.Before)
	case q.CustomerID != "":
		return s.walkIndex(tx, at, customersIndex, q.CustomerID, q.Before)
	case q.Status == order.StatusCancelled:
		bucket = tx.Bucket(cancellationsBucket)
	}
	cursor := bucket.Cursor()
	var key []byte
	if q.Before == (uuidv7.ID{}) {
		key, _ = cursor.Last()
	} else if key, _ = cursor.Seek(q.Before[:]); key == nil {
		key, _ = cursor.Last()
	} else {
		key, _ = cursor.Prev()
	}
	return walk(cursor, key), nil
}

// theOne walks the one order with a source's reference.
func (s *Store) theOne(tx *bbolt.Tx, at *runs.Snapshot, q order.Query) (func() (uuidv7.ID, bool, error), error) {
	find := func(visit func(rest []byte) bool) error {
		return at.Find(tx, s.indexes.Index(sourcesIndex), sourceHash(q.Source, q.Reference), visit)
	}
	found, err := sourced(tx, find, q.Source, q.Reference)
	if err != nil {
		return nil, fmt.Errorf("reference %q of source %q: %w", q.Reference, q.Source, err)
	}
	more := found != (uuidv7.ID{}) && (q.Before == (uuidv7.ID{}) || bytes.Compare(found[:], q.Before[:]) < 0)
	return func() (uuidv7.ID, bool, error) {
		first := more
		more = false
		return found, first, nil
	}, nil
}

// walk returns the ids that are keys of a bucket, downwards. Records are checked by their reader.
func walk(cursor *bbolt.Cursor, key []byte) func() (uuidv7.ID, bool, error) {
	return func() (id uuidv7.ID, more bool, err error) {
		if key == nil {
			return id, false, nil
		}
		if copy(id[:], key) != len(id) || len(key) != len(id) {
			err = fmt.Errorf("%w (key %x)", boltdb.ErrCorrupt, key)
		}
		key, _ = cursor.Prev()
		return id, true, err
	}
}
