package orderstore

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"slices"

	"ordertally/order"
	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/codec"
	"ordertally/shared/uuidv7"
)

// indexing gathers the index entries of many orders. Indexes are in random order, so a page that is written for each
// entry costs most of the time. Sorted, a page is written once for all its entries.
type indexing struct {
	customers, references, sources entries
	keys                           []usedKey
}

type usedKey struct {
	key order.KeyHash
	id  uuidv7.ID
}

const (
	// indexingOrders bounds the orders whose entries are gathered, which take about 250 bytes each.
	indexingOrders = 1 << 20
	// indexingStep is how many entries one transaction writes.
	indexingStep = 1 << 16
	// indexingFill leaves room for the entries of later orders, which fall between.
	indexingFill = 0.7
)

// order adds the entries of an order that lists need.
func (x *indexing) order(id uuidv7.ID, customer, source, reference string) {
	if customer != "" {
		x.customers.add(indexKey(customer, id), nil)
	}
	if reference != "" {
		x.references.add(indexKey(reference, id), nil)
	}
	if source != "" {
		x.sources.add(sourceKey(source, reference), id[:])
	}
}

// key adds the idempotency key of an order.
func (x *indexing) key(key order.KeyHash, id uuidv7.ID) { x.keys = append(x.keys, usedKey{key, id}) }

func (x *indexing) full() bool {
	return max(len(x.customers.spans), len(x.references.spans), len(x.keys)) >= indexingOrders
}

// store writes and forgets what was gathered. It returns the number of sources and of keys that were new.
func (x *indexing) store(ctx context.Context, db *boltdb.DB) (sources, keys int, err error) {
	for _, list := range []struct {
		name    []byte
		entries *entries
	}{{customersBucket, &x.customers}, {referencesBucket, &x.references}, {sourcesBucket, &x.sources}} {
		if err := list.entries.store(ctx, db, list.name); err != nil {
			return 0, 0, err
		}
	}
	used, err := storeKeys(ctx, db, x.keys)
	if err == nil {
		err = storeKeyAges(ctx, db, used)
	}
	sources = len(x.sources.spans)
	*x = indexing{}
	return sources, len(used), err
}

// storeKeys stores keys and returns those that are now the key of their order. If two orders had the same key, it
// belongs to the first.
func storeKeys(ctx context.Context, db *boltdb.DB, keys []usedKey) (used []usedKey, err error) {
	slices.SortFunc(keys, func(a, b usedKey) int {
		return cmp.Or(bytes.Compare(a.key[:], b.key[:]), bytes.Compare(a.id[:], b.id[:]))
	})
	keys = slices.CompactFunc(keys, func(a, b usedKey) bool { return a.key == b.key })
	for step := range slices.Chunk(keys, indexingStep) {
		before := len(used)
		err := db.Write(ctx, func(tx *boltdb.Tx) error {
			used = used[:before]
			bucket, ages := tx.Bucket(keysBucket), tx.Bucket(keyAgesBucket)
			bucket.FillPercent = indexingFill
			for i := range step {
				k := &step[i]
				if sealed := bucket.Get(k.key[:]); sealed != nil {
					known, err := decodeID(k.key[:], sealed)
					if err != nil {
						return err
					}
					if bytes.Compare(known[:], k.id[:]) <= 0 {
						continue
					}
					if err := ages.Delete(known[:]); err != nil {
						return err
					}
				}
				if err := bucket.Put(k.key[:], codec.Seal(k.key[:], k.id[:])); err != nil {
					return err
				}
				used = append(used, *k)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return used, nil
}

// storeKeyAges makes keys expire with their orders.
func storeKeyAges(ctx context.Context, db *boltdb.DB, used []usedKey) error {
	slices.SortFunc(used, func(a, b usedKey) int { return bytes.Compare(a.id[:], b.id[:]) })
	for step := range slices.Chunk(used, indexingStep) {
		err := db.Write(ctx, func(tx *boltdb.Tx) error {
			ages := tx.Bucket(keyAgesBucket)
			ages.FillPercent = tailFill
			for i := range step {
				if err := ages.Put(step[i].id[:], codec.Seal(step[i].id[:], step[i].key[:])); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// entries are many small records. They hold no pointers, which would cost the garbage collector more than the sorting.
type entries struct {
	spans []span
	data  []byte
}

// span is a record: where its key and value are, and the first bytes of its key.
type span struct {
	first      uint64
	at         uint32
	key, value uint16
}

func (e *entries) add(key, value []byte) {
	var first [8]byte
	copy(first[:], key)
	//nolint:gosec // the limits of an order and of indexingOrders keep all three small
	e.spans = append(e.spans, span{
		binary.BigEndian.Uint64(first[:]), uint32(len(e.data)), uint16(len(key)), uint16(len(value)),
	})
	e.data = append(append(e.data, key...), value...)
}

func (e *entries) keyOf(s span) []byte { return e.data[s.at:][:s.key:s.key] }

func (e *entries) valueOf(s span) []byte { return e.data[s.at+uint32(s.key):][:s.value] }

// store writes the records to a bucket. Of two with the same key, the one added last counts.
func (e *entries) store(ctx context.Context, db *boltdb.DB, name []byte) error {
	slices.SortFunc(e.spans, func(a, b span) int {
		if c := cmp.Compare(a.first, b.first); c != 0 {
			return c
		}
		return cmp.Or(bytes.Compare(e.keyOf(a), e.keyOf(b)), cmp.Compare(a.at, b.at))
	})
	for step := range slices.Chunk(e.spans, indexingStep) {
		err := db.Write(ctx, func(tx *boltdb.Tx) error {
			bucket := tx.Bucket(name)
			bucket.FillPercent = indexingFill
			for _, s := range step {
				if err := bucket.Put(e.keyOf(s), codec.Seal(e.keyOf(s), e.valueOf(s))); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
