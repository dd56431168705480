package orderstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"ordertally/order"
	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/runs"
	"ordertally/shared/event"
	"ordertally/shared/uuidv7"
)

// WarmForBenchmark reads the filters of the indexes.
func (s *Store) WarmForBenchmark(ctx context.Context) error { return s.indexes.Warm(ctx) }

// FillForBenchmark makes a file with that many orders, each with a key and a customer, as it stands when the indexes
// have been merged. Their messages have expired.
func FillForBenchmark(ctx context.Context, path string, keys int) (err error) {
	b, err := boltdb.Build(path, boltdb.Options{Format: Format})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Discard()) }()
	err = b.Write(ctx, func(tx *boltdb.Tx) error {
		for _, name := range buckets() {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		return runs.Create(tx, indexesBucket, indexSpecs())
	})
	if err != nil {
		return err
	}
	set, err := runs.Open(ctx, b.DB, indexesBucket, indexSpecs(), runs.Config{})
	if err != nil {
		return err
	}
	x := newIndexing(set)
	next := keys * 4 / 5 // each run is a fifth as large as the one before
	for n := 0; n < keys; {
		from := n
		err := b.Write(ctx, func(tx *boltdb.Tx) error {
			orders := tx.Bucket(ordersBucket)
			orders.FillPercent = tailFill
			for n = from; n < keys && n < from+20_000; n++ {
				at := time.Now().Add(-time.Duration(keys-n) * time.Millisecond)
				o := filled(n, at)
				r := row{
					message: message{kind: event.TypeCreated, slot: 1}, key: order.HashKey("fill", fmt.Sprint(n)),
					hash: order.RequestHash{1}, placedAt: at, content: contentOf(event.Encode(o), o),
				}
				id := idAt(at, n)
				if err := orders.Put(id[:], encodeRow(nil, id[:], &r)); err != nil {
					return err
				}
				x.key(r.key, use{id, at})
				x.order(id, &identity{CustomerID: o.CustomerID})
			}
			return nil
		})
		if err == nil && n >= next {
			next = n + (keys-n)*4/5
			_, _, err = x.store(ctx)
		}
		if err != nil {
			return err
		}
	}
	return b.Finish()
}

// idAt returns an id of that time.
func idAt(at time.Time, n int) (id uuidv7.ID) {
	binary.BigEndian.PutUint64(id[:], uint64(at.UnixMilli())<<16|0x7000)
	binary.BigEndian.PutUint64(id[8:], 1<<63|uint64(n))
	return id
}

// filled is an order of some 400 bytes.
func filled(n int, at time.Time) *event.Order {
	o := &event.Order{PlacedAt: at, Currency: "EUR", CustomerID: fmt.Sprint("customer-", n)}
	for i := range 3 {
		o.Lines = append(o.Lines, event.Line{
			SKU: fmt.Sprintf("SKU-%08d", n*7%1_000_003), Description: "Something that many people order",
			Quantity:  int64(i + 1),
			UnitPrice: int64(n%997 + 100),
		})
		o.Total += o.Lines[i].Quantity * o.Lines[i].UnitPrice
	}
	return o
}
