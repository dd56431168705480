package orderstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/order"
	"ordertally/shared/boltdb"
	"ordertally/shared/outbox"
	"ordertally/shared/uuidv7"
)

// A republication reads the orders in pages, so that no read is long and few messages are in memory. These bound a
// page, besides maxScan.
const (
	republishMessages = 400
	republishBytes    = 1 << 20
)

// maxNamed is how many orders an answer names.
const maxNamed = 100

// republication is one call of Republish.
type republication struct {
	store    *Store
	from, to time.Time
	after    uuidv7.ID // orders up to it are done
	last     uuidv7.ID // the last order to look at
	done     order.Republication
	days     map[int64]struct{} // since 1970
}

// again is a message to be published once more, and its order.
type again struct {
	id       uuidv7.ID
	placedAt time.Time
	outbox.Republication
}

// Republish implements order.Store. Orders of a range are found by reading all orders from the range's begin on,
// because they may be placed long after their time.
func (s *Store) Republish(ctx context.Context, from, to time.Time, report func(order.Republication)) (
	order.Republication, error) {
	if !s.republishing.TryLock() {
		return order.Republication{}, order.ErrRepublishing
	}
	defer s.republishing.Unlock()
	r := republication{store: s, from: from, to: to, after: before(from), days: map[int64]struct{}{}}
	r.done.Left = map[order.State]int{}
	err := s.db.View(ctx, func(tx *bbolt.Tx) error {
		key, _ := tx.Bucket(ordersBucket).Cursor().Last()
		copy(r.last[:], key)
		return nil
	})
	for more := true; more && err == nil; {
		var page []again
		if page, more, err = r.page(ctx); err == nil {
			err = r.send(ctx, page)
		}
		report(r.snapshot())
	}
	if err != nil {
		return r.snapshot(), fmt.Errorf("republish orders: %w", readError(err))
	}
	return r.snapshot(), nil
}

// before returns an id before those of the orders that can have been placed at or after the given time. An order is
// placed at most order.MaxAhead after its id. An hour is more than a clock is set back between the two.
func before(placed time.Time) (id uuidv7.ID) {
	milli := max(placed.Add(-time.Hour).UnixMilli(), 0)
	binary.BigEndian.PutUint64(id[:], uint64(milli)<<16)
	return id
}

// snapshot returns what was done so far.
func (r *republication) snapshot() order.Republication {
	done := r.done
	done.Left = map[order.State]int{}
	for state, n := range r.done.Left {
		done.Left[state] = n
	}
	done.Refused, done.Damaged = slices.Clip(done.Refused), slices.Clip(done.Damaged)
	return done
}

// page reads the next messages. more is false after the last page.
func (r *republication) page(ctx context.Context) (page []again, more bool, err error) {
	err = r.store.db.View(ctx, func(tx *bbolt.Tx) error {
		cursor := tx.Bucket(ordersBucket).Cursor()
		key, sealed := cursor.Seek(r.after[:])
		if bytes.Equal(key, r.after[:]) {
			key, sealed = cursor.Next()
		}
		size := 0
		for looked := 0; key != nil && bytes.Compare(key, r.last[:]) <= 0; key, sealed = cursor.Next() {
			if looked == maxScan || len(page) >= republishMessages || size >= republishBytes {
				more = true
				return nil
			}
			looked++
			id := uuidv7.ID(key)
			messages, err := r.messages(tx, id, sealed)
			if errors.Is(err, boltdb.ErrCorrupt) { // the others are sent all the same
				r.store.db.Note(err)
				name(&r.done.Damaged, id)
			} else if err != nil {
				return fmt.Errorf("order %s: %w", id, err)
			}
			for i := range messages {
				size += len(messages[i].Message.Value)
			}
			page, r.after = append(page, messages...), id
			r.done.Looked++
		}
		return nil
	})
	return page, more, err
}

func name(list *[]string, id uuidv7.ID) {
	if text := id.String(); len(*list) < maxNamed && !slices.Contains(*list, text) {
		*list = append(*list, text)
	}
}

// messages returns the messages of an order, or none if it was placed at another time. All that they say is in the rows
// of the order and its cancellation, except the trace: the outbox adds it as long as it has the message.
func (r *republication) messages(tx *bbolt.Tx, id uuidv7.ID, sealed []byte) ([]again, error) {
	placed, err := decodeRow(id[:], sealed)
	if err != nil || placed.placedAt.Before(r.from) || !placed.placedAt.Before(r.to) {
		return nil, err
	}
	m, err := placed.again(id)
	if err != nil {
		return nil, err
	}
	all := []again{{id, placed.placedAt, outbox.Republication{Origin: placed.message.slot, Message: m}}}
	c, err := readCancellation(tx, id)
	if c == nil {
		return all, err
	}
	if m, err = c.again(id, &placed); err != nil {
		return nil, err
	}
	return append(all, again{id, placed.placedAt, outbox.Republication{Origin: c.message.slot, Message: m}}), nil
}

// send publishes a page and adds it to what was done.
func (r *republication) send(ctx context.Context, page []again) error {
	if len(page) == 0 {
		return nil
	}
	messages := make([]outbox.Republication, len(page))
	for i := range page {
		messages[i] = page[i].Republication
	}
	result, err := r.store.outbox.Republish(ctx, messages)
	if err != nil {
		return err
	}
	var counted uuidv7.ID // the last order that was
	for i := range page {
		m := &page[i]
		if state, left := result.Left[m.Origin]; left {
			r.done.Left[states[state]]++
			continue
		}
		if slices.Contains(result.Refused, m.Origin) {
			name(&r.done.Refused, m.id)
			continue
		}
		r.done.Messages++
		if counted != m.id {
			counted = m.id
			r.count(m.placedAt)
		}
	}
	return nil
}

func (r *republication) count(placed time.Time) {
	const day = 24 * time.Hour
	placed = placed.UTC()
	r.done.Orders++
	r.days[placed.Unix()/int64(day.Seconds())] = struct{}{}
	r.done.Days = len(r.days)
	if r.done.First.IsZero() || placed.Before(r.done.First) {
		r.done.First = placed
	}
	if placed.After(r.done.Last) {
		r.done.Last = placed
	}
}
