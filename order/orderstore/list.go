package orderstore

import (
	"bytes"
	"context"
	"fmt"

	"go.etcd.io/bbolt"

	"ordertally/order"
	"ordertally/shared/uuidv7"
)

// maxScan is how many orders one page looks at in search of matches: about 20 ms. A page that reaches it may hold fewer
// orders than asked for and names where the next one goes on.
const maxScan = 10_000

// maxPageBytes is about how large one page may grow, likewise: as many orders as anybody asks for, of an ordinary size.
const maxPageBytes = 1 << 20

// List implements order.Store.
func (s *Store) List(ctx context.Context, q order.Query) (order.Page, error) {
	var page order.Page
	err := s.db.View(ctx, func(tx *bbolt.Tx) error {
		next := s.newestFirst(tx, q)
		var last uuidv7.ID
		bytes := 0
		for range maxScan {
			id, more, err := next()
			if err != nil || !more {
				return err
			}
			if len(page.Orders) == q.Limit || bytes > maxPageBytes {
				page.Next = last
				return nil
			}
			last = id
			r, err := decodeRow(id[:], tx.Bucket(ordersBucket).Get(id[:]))
			if err != nil {
				return fmt.Errorf("order %s: %w", id, err)
			}
			if !q.PlacedFrom.IsZero() && r.placedAt.Before(q.PlacedFrom) || !q.PlacedTo.IsZero() && !r.placedAt.Before(q.PlacedTo) {
				continue
			}
			stored, err := s.stored(tx, id, r)
			if err != nil {
				return err
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

// newestFirst walks the ids below q.Before downwards, of one customer or of all.
func (s *Store) newestFirst(tx *bbolt.Tx, q order.Query) func() (id uuidv7.ID, more bool, err error) {
	bucket, prefix := tx.Bucket(ordersBucket), []byte(nil)
	if q.CustomerID != "" {
		bucket, prefix = tx.Bucket(customersBucket), append([]byte(q.CustomerID), 0)
	}
	cursor := bucket.Cursor()
	before := q.Before
	if before == (uuidv7.ID{}) {
		before = uuidv7.ID(bytes.Repeat([]byte{0xff}, len(before)))
	}
	key, _ := cursor.Seek(append(bytes.Clone(prefix), before[:]...))
	if key == nil {
		key, _ = cursor.Last()
		if key != nil && bytes.Compare(key, append(bytes.Clone(prefix), before[:]...)) < 0 {
			return walk(cursor, key, prefix)
		}
	}
	key, _ = cursor.Prev()
	return walk(cursor, key, prefix)
}

func walk(cursor *bbolt.Cursor, key, prefix []byte) func() (uuidv7.ID, bool, error) {
	return func() (id uuidv7.ID, more bool, err error) {
		if key == nil || !bytes.HasPrefix(key, prefix) {
			return id, false, nil
		}
		if copy(id[:], key[len(prefix):]) != len(id) || len(key) != len(prefix)+len(id) {
			return id, false, fmt.Errorf("an index entry of %d bytes: restore the file from a backup", len(key))
		}
		key, _ = cursor.Prev()
		return id, true, nil
	}
}
