package stores

import (
	"context"
	"path/filepath"

	"go.etcd.io/bbolt"
)

// naive is the plainest way to store as much in bbolt: one Update an order.
type naive struct{ db *bbolt.DB }

var (
	naiveOrders    = []byte("orders")
	naiveMessages  = []byte("messages")
	naiveKeys      = []byte("keys")
	naiveCustomers = []byte("customers")
)

// OpenNaive makes a bbolt file in dir.
func OpenNaive(_ context.Context, dir string) (Store, error) {
	db, err := bbolt.Open(filepath.Join(dir, "naive.db"), 0o600, nil)
	if err != nil {
		return nil, err
	}
	return naive{db}, db.Update(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{naiveOrders, naiveMessages, naiveKeys, naiveCustomers} {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s naive) Place(_ context.Context, n int64) error {
	r := recordsOf(n)
	return stored(s.db.Update(func(tx *bbolt.Tx) error {
		keys := tx.Bucket(naiveKeys)
		if keys.Get(r.key) != nil {
			return errRepeated
		}
		if err := tx.Bucket(naiveOrders).Put(r.id, r.payload); err != nil {
			return err
		}
		if err := tx.Bucket(naiveMessages).Put(r.number, r.message); err != nil {
			return err
		}
		if err := keys.Put(r.key, r.keyValue); err != nil {
			return err
		}
		return tx.Bucket(naiveCustomers).Put(r.customer, nil)
	}))
}

func (s naive) Count() (n int64, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		n = int64(tx.Bucket(naiveOrders).Stats().KeyN)
		return nil
	})
	return n, err
}

func (s naive) Close() error { return s.db.Close() }
