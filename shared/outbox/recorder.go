package outbox

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
)

// batch is one published transaction: when, and where each of its slots stands.
type batch struct {
	first, last uint64
	at          time.Time
	slots       placeMap
	tails       tails // that it moved; stored beside it
}

// Version 1 had, after the time, the last place in each partition and no placeMap.
const batchVersion = 2

func (b *batch) encode(key []byte) []byte {
	out := make([]byte, boltdb.SealSize, boltdb.SealSize+1+8+8+len(b.slots))
	out = append(out, batchVersion)
	out = binary.BigEndian.AppendUint64(out, b.first)
	out = appendTime(out, b.at)
	out = append(out, b.slots...)
	boltdb.SealInPlace(key, out)
	return out
}

func decodeBatch(key, sealed []byte) (batch, error) {
	value, err := boltdb.Unseal(key, sealed)
	if err != nil {
		return batch{}, fmt.Errorf("read the batch that ends at slot %d: %w", slotOf(key), err)
	}
	d := decoder{b: value}
	version := d.byte()
	b := batch{first: d.uint64(), last: slotOf(key), at: d.time()}
	if d.short {
		return batch{}, fmt.Errorf("read the batch that ends at slot %d: %w", slotOf(key), errRow)
	}
	if version == batchVersion {
		b.slots = append(placeMap{}, d.b...)
	}
	return b, nil
}

// store writes b and the tails that it moved.
func (b *batch) store(root *bbolt.Bucket) error {
	bucket := root.Bucket(batchesBucket)
	bucket.FillPercent = tailFill
	key := slotKey(b.last)
	return errors.Join(bucket.Put(key, b.encode(key)), b.tails.store(root))
}

// recorder stores what was published, behind the relay's back: the publisher's own watermark is what counts, so a record
// that a crash takes away is only missed as a hint and as the time an order shows.
type recorder struct {
	outbox *Outbox
	wake   chan struct{}

	mu      sync.Mutex
	pending []batch
}

func newRecorder(o *Outbox) *recorder { return &recorder{outbox: o, wake: make(chan struct{}, 1)} }

func (r *recorder) record(b batch) {
	r.mu.Lock()
	r.pending = append(r.pending, b)
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// start begins recording; the function it returns stores what is left and stops.
func (r *recorder) start(ctx context.Context) (stop func()) {
	// The last batches are stored after ctx has ended; a database that fails says so to the relay itself.
	ctx = context.WithoutCancel(ctx)
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-r.wake:
				r.store(ctx)
			case <-quit:
				r.store(ctx)
				return
			}
		}
	}()
	return func() {
		close(quit)
		<-ended
	}
}

func (r *recorder) store(ctx context.Context) {
	r.mu.Lock()
	batches := r.pending
	r.pending = nil
	r.mu.Unlock()
	if len(batches) == 0 {
		return
	}
	_ = r.outbox.db.Write(ctx, func(tx *boltdb.Tx) error {
		for i := range batches {
			if err := batches[i].store(tx.Bucket(rootBucket)); err != nil {
				return err
			}
		}
		return nil
	})
}
