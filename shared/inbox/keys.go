package inbox

import (
	"bytes"
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
	pending map[string]struct{}
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
func openKeys(root *bbolt.Bucket, now time.Time, retentionDays int) (keys, error) {
	k := keys{root: root, keep: retentionDays + 1, pending: make(map[string]struct{})}
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
		known, err := k.days[i].has(key)
		if err != nil {
			return false, err
		}
		if !known {
			continue
		}
		if i < newest { // it arrived again: its retention begins anew
			k.pending[string(key)] = struct{}{}
		}
		return true, nil
	}
	k.pending[string(key)] = struct{}{}
	return false, nil
}

func (d *day) has(key []byte) (bool, error) {
	if d.first == nil || bytes.Compare(key, d.first) < 0 || bytes.Compare(key, d.last) > 0 {
		return false, nil
	}
	value := d.bucket.Get(key)
	if value == nil {
		return false, nil
	}
	_, err := boltdb.Unseal(key, value)
	return true, err
}

func (k *keys) flush() error {
	newest := k.days[len(k.days)-1].bucket
	for _, text := range slices.Sorted(maps.Keys(k.pending)) {
		key := []byte(text)
		if err := newest.Put(key, boltdb.Seal(key, nil)); err != nil {
			return err
		}
	}
	clear(k.pending)
	for ; len(k.days) > k.keep; k.days = k.days[1:] {
		if err := k.root.DeleteBucket([]byte(k.days[0].name)); err != nil {
			return fmt.Errorf("drop the inbox day %s: %w", k.days[0].name, err)
		}
	}
	return nil
}
