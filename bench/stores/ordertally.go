package stores

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"
	"go.etcd.io/bbolt"

	"ordertally/bench/sample"
	"ordertally/order"
	"ordertally/order/orderstore"
	"ordertally/shared/boltdb"
	"ordertally/shared/clock"
	"ordertally/shared/event"
	"ordertally/shared/outbox"
)

// Ordertally is the product's store, on a file of its own, without a relay.
type Ordertally struct {
	Path string

	db    *boltdb.DB
	store order.Store
}

// File is the name of an order file in a directory.
const File = "order.db"

// OpenOrdertally opens or makes the file in dir.
func OpenOrdertally(ctx context.Context, dir string) (*Ordertally, error) {
	path := filepath.Join(dir, File)
	db, err := boltdb.Open(path, boltdb.Options{Format: orderstore.Format})
	if err != nil {
		return nil, err
	}
	box, err := outbox.Open(ctx, db, outbox.Config{Source: event.Source})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	store, err := orderstore.Open(ctx, db, box, clock.System{}, prometheus.NewRegistry())
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &Ordertally{Path: path, db: db, store: store}, nil
}

// Place implements Store.
func (o *Ordertally) Place(ctx context.Context, n int64) error {
	placed, err := o.store.Place(ctx, sample.Request(n))
	if err == nil && placed.Replayed {
		err = errRepeated
	}
	return stored(err)
}

// Count implements Store.
func (o *Ordertally) Count() (n int64, err error) {
	err = o.db.View(context.Background(), func(tx *bbolt.Tx) error {
		bucket := tx.Bucket([]byte("orders"))
		if bucket == nil {
			return errors.New("the file has no bucket of orders")
		}
		n = int64(bucket.Stats().KeyN)
		return nil
	})
	return n, err
}

// Close implements Store.
func (o *Ordertally) Close() error { return o.db.Close() }
