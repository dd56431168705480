package outbox

import (
	"cmp"
	"context"
	"encoding/binary"
	"slices"
	"sync"
	"time"

	"ordertally/shared/boltdb"
)

// batch is one published transaction: when, per partition the last record in it, and where each of its slots stands.
type batch struct {
	first, last uint64
	count       int
	at          time.Time
	places      []lastPlace
	slots       placeMap
}

// lastPlace is the newest record of a partition.
type lastPlace struct {
	partition int32
	offset    int64
	slot      uint64
}

func lastPlaces(records []Record, places []Place) []lastPlace {
	newest := map[int32]lastPlace{}
	for i, p := range places {
		newest[p.Partition] = lastPlace{p.Partition, p.Offset, records[i].Slot}
	}
	list := make([]lastPlace, 0, len(newest))
	for _, p := range newest {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b lastPlace) int { return cmp.Compare(a.partition, b.partition) })
	return list
}

// Version 1 has no placeMap.
const batchVersion = 2

func (b *batch) encode(key []byte) []byte {
	out := make([]byte, boltdb.SealSize, 64+len(b.places)*20+len(b.slots))
	out = append(out, batchVersion)
	out = binary.BigEndian.AppendUint64(out, b.first)
	out = appendTime(out, b.at)
	out = binary.BigEndian.AppendUint32(out, uint32(b.count))       //nolint:gosec // a batch is small
	out = binary.BigEndian.AppendUint16(out, uint16(len(b.places))) //nolint:gosec // partitions of one topic
	for _, p := range b.places {
		out = binary.BigEndian.AppendUint32(out, uint32(p.partition)) //nolint:gosec // not negative
		out = binary.BigEndian.AppendUint64(out, uint64(p.offset))    //nolint:gosec // not negative
		out = binary.BigEndian.AppendUint64(out, p.slot)
	}
	out = append(out, b.slots...)
	boltdb.SealInPlace(key, out)
	return out
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
		bucket := tx.Bucket(rootBucket).Bucket(batchesBucket)
		bucket.FillPercent = tailFill
		for i := range batches {
			key := slotKey(batches[i].last)
			if err := bucket.Put(key, batches[i].encode(key)); err != nil {
				return err
			}
		}
		return nil
	})
}
