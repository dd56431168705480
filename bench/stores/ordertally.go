package stores

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"go.etcd.io/bbolt"

	"ordertally/bench/sample"
	"ordertally/order"
	"ordertally/order/orderstore"
	"ordertally/shared/boltdb"
	"ordertally/shared/clock"
	"ordertally/shared/event"
	"ordertally/shared/outbox"
)

// Ordertally is the product's store, on a file of its own, with all that runs beside it but the relay.
type Ordertally struct {
	Path string

	db    *boltdb.DB
	store order.Store
	close func() error
}

const (
	// File is the name of an order file in a directory.
	File = "order.db"
	// keyRetention is how long idempotency keys are known, by default.
	keyRetention = 720 * time.Hour
)

// OpenOrdertally opens or makes the file in dir.
func OpenOrdertally(ctx context.Context, dir string) (*Ordertally, error) {
	path := filepath.Join(dir, File)
	db, err := boltdb.Open(path, boltdb.Options{Format: orderstore.Format})
	if err != nil {
		return nil, err
	}
	return over(ctx, path, db, db.Close)
}

// BuildOrdertally makes the file in dir without waiting for the disk. It has its name when it is closed.
func BuildOrdertally(ctx context.Context, dir string) (*Ordertally, error) {
	path := filepath.Join(dir, File)
	building, err := boltdb.Build(path, boltdb.Options{Format: orderstore.Format})
	if err != nil {
		return nil, err
	}
	return over(ctx, path, building.DB, building.Finish)
}

func over(ctx context.Context, path string, db *boltdb.DB, end func() error) (*Ordertally, error) {
	box, err := outbox.Open(ctx, db, outbox.Config{Source: event.Source, Content: orderstore.Content})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	store, err := orderstore.Open(ctx, db, box, clock.System{}, prometheus.NewRegistry())
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	store.KeepKeys(keyRetention)
	maintaining, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- store.Maintain(maintaining, zerolog.Nop()) }()
	return &Ordertally{Path: path, db: db, store: store, close: func() error {
		stop()
		return errors.Join(<-ended, end())
	}}, nil
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
func (o *Ordertally) Close() error { return o.close() }
