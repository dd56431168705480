package activitystore

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/activity"
	"ordertally/shared/boltdb"
)

// binKey is where the totals of one quarter hour and partition are.
type binKey struct {
	quarter   activity.Quarter
	partition int32
}

const binKeySize = 12

func (k binKey) bytes() []byte {
	//nolint:gosec // events are of 1970 or later
	b := binary.BigEndian.AppendUint64(make([]byte, 0, binKeySize), uint64(k.quarter))
	//nolint:gosec // partitions are not negative
	return binary.BigEndian.AppendUint32(b, uint32(k.partition))
}

// bins are the bins that a transaction changes, as they will be stored.
type bins struct {
	root   *bbolt.Bucket // of the activity
	bucket *bbolt.Bucket
	def    *activity.Definition
	now    time.Time
	totals map[binKey]*activity.Totals
	// changes is told what changes. It is nil in a rebuild.
	changes *changes
	// last is the bin of the last event, and current its totals.
	last    binKey
	current *activity.Totals
}

func (b *bins) add(m *activity.Message) error {
	key := binKey{activity.QuarterOf(m.Event.At), m.Partition}
	if key == b.last && b.current != nil { // most events follow one of their bin
		b.count(m, b.current)
		return nil
	}
	totals, known := b.totals[key]
	if !known {
		totals = new(activity.Totals)
		if stored := b.bucket.Get(key.bytes()); stored != nil {
			var err error
			if *totals, err = decodeTotals(key.bytes(), m.Partition, stored); err != nil {
				return err
			}
		}
		totals.Begin(b.def)
		b.totals[key] = totals
	}
	b.last, b.current = key, totals
	b.count(m, totals)
	return nil
}

func (b *bins) count(m *activity.Message, totals *activity.Totals) {
	totals.Add(b.def, &m.Event)
	totals.Changed.By(b.now, m.Partition, m.Offset+1)
}

// parseBinKey reads what binKey.bytes returned.
func parseBinKey(key []byte) (binKey, error) {
	if len(key) != binKeySize {
		return binKey{}, fmt.Errorf("%w: bin %x has not the form of one", boltdb.ErrCorrupt, key)
	}
	return binKey{
		activity.Quarter(binary.BigEndian.Uint64(key)), //nolint:gosec // as written
		int32(binary.BigEndian.Uint32(key[8:])),        //nolint:gosec // as written
	}, nil
}

func (b *bins) flush() error {
	keys := slices.SortedFunc(maps.Keys(b.totals), func(a, b binKey) int {
		return cmp.Or(cmp.Compare(a.quarter, b.quarter), cmp.Compare(a.partition, b.partition))
	})
	changed := make([]activity.Quarter, len(keys))
	for i, k := range keys {
		changed[i] = k.quarter
	}
	b.changes.note(b.root.Tx().ID(), changed)
	if err := dropMerged(b.root, changed); err != nil {
		return err
	}
	for _, k := range keys {
		key := k.bytes()
		record, err := encodeTotals(key, k.partition, b.totals[k])
		if err == nil {
			err = b.bucket.Put(key, record)
		}
		if err != nil {
			return fmt.Errorf("store the statistics of %s: %w", k.quarter.Start(), err)
		}
	}
	return nil
}
