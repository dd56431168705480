package boltdb_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/codec"
)

// TestScrub_FindsNothingInASoundFileThatIsWrittenTo puts, grows and deletes records while the file is scrubbed again
// and again.
func TestScrub_FindsNothingInASoundFileThatIsWrittenTo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	_ = filled(t, path)
	db, err := boltdb.Open(path, boltdb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	ctx, cancel := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			random := rand.New(rand.NewPCG(14, uint64(w)))
			for ctx.Err() == nil {
				err := db.Write(context.WithoutCancel(ctx), func(tx *boltdb.Tx) error {
					within, err := tx.Bucket(bucket).CreateBucketIfNotExists(fmt.Append(nil, "within", random.IntN(5)))
					if err != nil {
						return err
					}
					for range 20 {
						key := fmt.Append(nil, "key", 10_000+random.IntN(2500))
						b := tx.Bucket(bucket)
						if random.IntN(2) == 0 {
							b = within
						}
						if random.IntN(3) == 0 {
							err = b.Delete(key)
						} else {
							err = b.Put(key, codec.Seal(key, make([]byte, random.IntN(9000))))
						}
						if err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	sealed := func(r *boltdb.Record) error {
		if r.IsBucket || r.Key == nil {
			return nil
		}
		_, err := codec.Unseal(r.Key, r.Value)
		return err
	}
	scrub := boltdb.NewScrub(db, sealed, 0, nil)
	for began := time.Now(); time.Since(began) < time.Second; {
		if done, err := scrub.Once(t.Context()); err != nil || done.Faults > 0 {
			t.Errorf("%+v %v %.500q", done, err, db.Incidents())
			break
		}
	}
	cancel()
	writers.Wait()
}
