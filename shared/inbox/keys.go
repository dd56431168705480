package inbox

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
)

// keys is the set of processed ids, a bucket for each day of arrival.
type keys struct {
	root    *bbolt.Bucket
	days    []day // oldest first; the last one takes what arrives now
	keep    int   // newest days that outlive a flush
	now     stamp
	pending map[string]stamp
	sizes   *bbolt.Bucket // day -> number of its keys, and the newest day that was dropped
	dropped string        // the newest day that was dropped; "" when none was
}

// stamp is when a message was first seen, in microseconds since 1970; 0 when that is not known.
type stamp int64

// bytes is how a stamp is stored: nothing when it is not known, as it was not before stamps were kept.
func (s stamp) bytes() []byte {
	if s <= 0 {
		return nil
	}
	return binary.BigEndian.AppendUint64(nil, uint64(s))
}

func stampOf(key, sealed []byte) (stamp, error) {
	value, err := boltdb.Unseal(key, sealed)
	switch {
	case err != nil:
		return 0, err
	case len(value) == 0:
		return 0, nil
	case len(value) != 8:
		return 0, fmt.Errorf("%w: processed key %x has not the form of one", boltdb.ErrCorrupt, key)
	}
	return stamp(binary.BigEndian.Uint64(value)), nil //nolint:gosec // as written
}

func (s stamp) time() time.Time {
	if s <= 0 {
		return time.Time{}
	}
	return time.UnixMicro(int64(s)).UTC()
}

// day is the bucket of one day of arrival. first and last bound its keys: growing ids sort behind all of an older day,
// and need no look-up there.
type day struct {
	name        string
	bucket      *bbolt.Bucket
	first, last []byte // nil when the bucket is empty
}

// fillPercent is high because keys mostly grow: pages that are appended to need little room for later.
const fillPercent = 0.9

// openKeys lists the days. One more day than the retention is kept, because the first is not a whole one. Days on
// which nothing arrived do not count, and a clock that goes back does not begin an older day: so a clock that leaps
// a month and returns drops one day at most, instead of all.
func openKeys(root, sizes *bbolt.Bucket, now time.Time, retentionDays int) (keys, error) {
	k := keys{root: root, sizes: sizes, keep: retentionDays + 1, now: stamp(now.UnixMicro()), pending: make(map[string]stamp)}
	if sealed := sizes.Get(keyDropped); sealed != nil {
		day, err := boltdb.Unseal(keyDropped, sealed)
		if err != nil {
			return keys{}, fmt.Errorf("read which inbox days were dropped: %w", err)
		}
		k.dropped = string(day)
	}
	today := now.UTC().Format(time.DateOnly)
	if newest, _ := root.Cursor().Last(); string(newest) < today {
		if _, err := root.CreateBucket([]byte(today)); err != nil {
			return keys{}, fmt.Errorf("begin the inbox day %s: %w", today, err)
		}
	}
	err := root.ForEachBucket(func(name []byte) error {
		d := day{name: string(name), bucket: root.Bucket(name)}
		d.bucket.FillPercent = fillPercent
		cursor := d.bucket.Cursor()
		d.first, _ = cursor.First()
		d.last, _ = cursor.Last()
		k.days = append(k.days, d)
		return nil
	})
	return k, err
}

// seen reports whether key was seen before, and marks it for the newest day.
func (k *keys) seen(key []byte) (bool, error) {
	if _, ok := k.pending[string(key)]; ok {
		return true, nil
	}
	newest := len(k.days) - 1
	for i := newest; i >= 0; i-- {
		first, known, err := k.days[i].find(key)
		if err != nil {
			return false, err
		}
		if !known {
			continue
		}
		if i < newest { // it arrived again: its retention begins anew
			k.pending[string(key)] = first
		}
		return true, nil
	}
	k.pending[string(key)] = k.now
	return false, nil
}

// forgetTime says that key, which seen marked, was first seen at a time that is not known.
func (k *keys) forgetTime(key []byte) { k.pending[string(key)] = 0 }

// known reports whether key was seen before, and marks nothing.
func (k *keys) known(key []byte) (bool, error) {
	if _, ok := k.pending[string(key)]; ok {
		return true, nil
	}
	for i := range k.days {
		if _, known, err := k.days[i].find(key); known || err != nil {
			return known, err
		}
	}
	return false, nil
}

// horizon is when the newest day ends that was dropped; the zero time when none was.
func (k *keys) horizon() time.Time {
	day, err := time.Parse(time.DateOnly, k.dropped)
	if err != nil {
		return time.Time{}
	}
	return day.AddDate(0, 0, 1)
}

func (d *day) find(key []byte) (first stamp, known bool, err error) {
	if d.first == nil || bytes.Compare(key, d.first) < 0 || bytes.Compare(key, d.last) > 0 {
		return 0, false, nil
	}
	value := d.bucket.Get(key)
	if value == nil {
		return 0, false, nil
	}
	first, err = stampOf(key, value)
	return first, true, err
}

func (k *keys) flush() error {
	newest := k.days[len(k.days)-1].bucket
	for _, text := range slices.Sorted(maps.Keys(k.pending)) {
		key := []byte(text)
		if err := newest.Put(key, boltdb.Seal(key, k.pending[text].bytes())); err != nil {
			return err
		}
	}
	if err := k.grow(k.days[len(k.days)-1], len(k.pending)); err != nil {
		return err
	}
	clear(k.pending)
	for ; len(k.days) > k.keep; k.days = k.days[1:] {
		if err := k.drop(k.days[0].name); err != nil {
			return fmt.Errorf("drop the inbox day %s: %w", k.days[0].name, err)
		}
	}
	return nil
}
