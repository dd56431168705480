package inbox

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb/codec"
)

// keys is the set of processed ids. It has a bucket for each day of arrival.
type keys struct {
	root    *bbolt.Bucket
	days    []day // oldest first; the last one takes what arrives now
	keep    int   // how many of the newest days a flush keeps
	now     stamp
	pending map[string]entry
	sizes   *bbolt.Bucket // day -> number of its keys, and the newest day that was dropped
	dropped string        // the newest day that was dropped, or ""
	// oldUntil is the time before which a message may have been seen and forgotten; zero if no day was dropped.
	oldUntil time.Time
	room     []Content // for contents
}

// stamp is when a message was first seen, in microseconds since 1970. It is 0 if that is not known.
type stamp int64

// entry is what is known about an id: when it was first seen, and the content. There are several contents if an
// operator accepted another one.
type entry struct {
	first    stamp
	contents []Content
	day      string // the day of its newest record; "" if it is not stored
}

func (e *entry) has(c Content) bool { return slices.Contains(e.contents, c) }

// seal returns the record of an entry: when it was first seen, and its contents.
func (e *entry) seal(key []byte) []byte {
	record := codec.NewEntry((1 + len(e.contents)) * len(Content{}))
	record.Uint64(uint64(max(e.first, 0)))
	for _, c := range e.contents {
		record.Raw(c[:])
	}
	return record.Seal(key)
}

func entryOf(key, sealed []byte) (entry, error) {
	record, err := codec.OpenEntry(key, sealed)
	if err != nil {
		return entry{}, err
	}
	e := entry{first: stamp(record.Uint64())} //nolint:gosec // as written
	for ok := true; ok; ok = record.More() {  // there is at least one
		var c Content
		record.Array(c[:])
		e.contents = append(e.contents, c)
	}
	if err := record.End(); err != nil {
		return entry{}, fmt.Errorf("processed key %x: %w", key, err)
	}
	return e, nil
}

func (s stamp) time() time.Time {
	if s <= 0 {
		return time.Time{}
	}
	return time.UnixMicro(int64(s)).UTC()
}

// day is the bucket of one day of arrival. first and last bound its keys. Growing ids sort behind all keys of an older
// day, so they need no look-up there.
type day struct {
	name        string
	bucket      *bbolt.Bucket
	cursor      *bbolt.Cursor // used again, because each cursor allocates as it descends
	first, last []byte        // nil when the bucket is empty
}

// fillPercent is high because keys mostly grow: pages that are appended to need little room for later.
const fillPercent = 0.9

// openKeys lists the days. One day more than the retention is kept, because the first is not a whole one. Days on which
// nothing arrived do not count, and a clock that goes back does not begin an older day. So a clock that leaps a month
// and returns drops one day at most.
func openKeys(root, sizes *bbolt.Bucket, now time.Time, retentionDays int) (keys, error) {
	k := keys{
		root:    root,
		sizes:   sizes,
		keep:    retentionDays + 1,
		now:     stamp(now.UnixMicro()),
		pending: make(map[string]entry),
	}
	if sealed := sizes.Get(keyDropped); sealed != nil {
		day, err := codec.Unseal(keyDropped, sealed)
		if err != nil {
			return keys{}, fmt.Errorf("read which inbox days were dropped: %w", err)
		}
		k.dropped = string(day)
		if day, err := time.Parse(time.DateOnly, k.dropped); err == nil {
			k.oldUntil = day.AddDate(0, 0, 2)
		}
	}
	today := now.UTC().Format(time.DateOnly)
	if newest, _ := root.Cursor().Last(); string(newest) < today {
		_, err := root.CreateBucket([]byte(today))
		if err == nil {
			err = putNumber(sizes, []byte(today), 0)
		}
		if err != nil {
			return keys{}, fmt.Errorf("begin the inbox day %s: %w", today, err)
		}
	}
	err := root.ForEachBucket(func(name []byte) error {
		d := day{name: string(name), bucket: root.Bucket(name)}
		d.bucket.FillPercent = fillPercent
		d.cursor = d.bucket.Cursor()
		d.first, _ = d.cursor.First()
		d.last, _ = d.cursor.Last()
		k.days = append(k.days, d)
		return nil
	})
	return k, err
}

// find returns what is known about an id.
func (k *keys) find(key []byte) (e entry, known bool, err error) {
	if e, ok := k.pending[string(key)]; ok {
		return e, true, nil
	}
	for i := len(k.days) - 1; i >= 0; i-- {
		if e, known, err = k.days[i].find(key); known || err != nil {
			return e, known, err
		}
	}
	return entry{}, false, nil
}

// one returns a list with one content. It makes room for many at once.
func (k *keys) one(c Content) []Content {
	const many = 512
	if len(k.room) == 0 {
		k.room = make([]Content, many)
	}
	list := k.room[:1:1]
	k.room, list[0] = k.room[1:], c
	return list
}

// remember stores what is known about an id, for a retention that begins now.
func (k *keys) remember(key []byte, e entry) { k.pending[string(key)] = e }

// renew begins the retention of an id anew. It does nothing if the id is stored under today.
func (k *keys) renew(key []byte, e entry) {
	if e.day != k.days[len(k.days)-1].name {
		k.remember(key, e)
	}
}

// old reports whether a message that was written then may have been seen and forgotten. It may if it was written before
// the end of the newest dropped day and one day more, since clocks differ. So may one from more than a day ahead: its
// day of arrival may be dropped while it still looks new.
func (k *keys) old(written time.Time) bool {
	if written.After(k.now.time().Add(maxAhead)) {
		return true
	}
	return written.Before(k.oldUntil)
}

func (d *day) find(key []byte) (e entry, known bool, err error) {
	if d.first == nil || bytes.Compare(key, d.first) < 0 || bytes.Compare(key, d.last) > 0 {
		return entry{}, false, nil
	}
	found, value := d.cursor.Seek(key)
	if !bytes.Equal(found, key) {
		return entry{}, false, nil
	}
	e, err = entryOf(key, value)
	e.day = d.name
	return e, true, err
}

func (k *keys) flush() error {
	newest, added := &k.days[len(k.days)-1], 0
	texts := slices.AppendSeq(make([]string, 0, len(k.pending)), maps.Keys(k.pending))
	slices.Sort(texts)
	var key []byte // bbolt copies it
	for _, text := range texts {
		key = append(key[:0], text...)
		known := k.pending[text]
		if known.day != newest.name {
			added++
		}
		if err := newest.bucket.Put(key, known.seal(key)); err != nil {
			return err
		}
	}
	if added > 0 {
		if err := grow(k.sizes, []byte(newest.name), added); err != nil {
			return err
		}
	}
	clear(k.pending)
	for ; len(k.days) > k.keep; k.days = k.days[1:] {
		if err := k.drop(k.days[0].name); err != nil {
			return fmt.Errorf("drop the inbox day %s: %w", k.days[0].name, err)
		}
	}
	return nil
}
