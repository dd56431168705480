package orderstore

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"ordertally/order"
	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/runs"
	"ordertally/shared/uuidv7"
)

// WarmForBenchmark reads the filters of the indexes.
func (s *Store) WarmForBenchmark(ctx context.Context) error { return s.indexes.Warm(ctx) }

// FillForBenchmark makes a file with that many keys and customers. Their orders are missing.
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
	random := rand.New(rand.NewPCG(1, 2))
	for n := range keys {
		var key order.KeyHash
		var customer runs.Hash
		var id uuidv7.ID
		for i := range key {
			key[i], customer[i], id[i] = byte(random.Uint32()), byte(random.Uint32()), byte(random.Uint32())
		}
		x.key(key, use{id, time.Now().Add(-time.Duration(keys-n) * time.Millisecond)})
		x.batches[customersIndex].Add(customer, id[:])
		if x.full() {
			if _, _, err := x.store(ctx); err != nil {
				return err
			}
		}
	}
	if _, _, err := x.store(ctx); err != nil {
		return err
	}
	return b.Finish()
}
