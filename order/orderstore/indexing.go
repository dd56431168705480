package orderstore

import (
	"context"

	"ordertally/order"
	"ordertally/shared/boltdb/runs"
	"ordertally/shared/uuidv7"
)

// indexing gathers the index entries of many orders, which are written as runs.
type indexing struct {
	set     *runs.Set
	batches []*runs.Batch // by index
}

// indexingOrders bounds the entries of an index that are gathered, which take about 70 bytes each.
const indexingOrders = 1 << 20

func newIndexing(set *runs.Set) *indexing {
	x := &indexing{set: set}
	for i := range indexSpecs() {
		x.batches = append(x.batches, set.Index(i).NewBatch())
	}
	return x
}

// order adds the entries of an order that lists need.
func (x *indexing) order(id uuidv7.ID, o *identity) {
	hashes, n := o.hashes()
	for i := range hashes[:n] {
		in := idIn(hashes[i].index, id)
		x.batches[hashes[i].index].Add(hashes[i].hash, in[:])
	}
}

// key adds the first use of an idempotency key.
func (x *indexing) key(key order.KeyHash, u use) {
	rest := u.rest()
	x.batches[keysIndex].Add(runs.Hash(key), rest[:])
}

func (x *indexing) full() bool {
	for _, b := range x.batches {
		if b.Len() >= indexingOrders {
			return true
		}
	}
	return false
}

// store writes and forgets what was gathered. It returns the number of sources and of keys.
func (x *indexing) store(ctx context.Context) (sources, keys int, err error) {
	for i, b := range x.batches {
		if err := x.set.Import(ctx, b); err != nil {
			return 0, 0, err
		}
		switch i {
		case sourcesIndex:
			sources = b.Len()
		case keysIndex:
			keys = b.Len()
		}
		x.batches[i] = x.set.Index(i).NewBatch()
	}
	return sources, keys, nil
}
