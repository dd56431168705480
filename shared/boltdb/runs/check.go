package runs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/codec"
)

// Checker checks the records of the indexes below a bucket.
type Checker struct {
	set *Set
	// Entry, if set, checks one entry of the i-th index that a lookup may find. r is the record that has it. rest
	// belongs to the record.
	Entry func(r *boltdb.Record, i int, hash Hash, rest []byte) error
}

// NewChecker returns a Checker of the indexes below root.
func NewChecker(root []byte, specs []Spec) *Checker {
	return &Checker{set: newSet(nil, root, specs, Config{})}
}

// Check is like a boltdb.Checker for the bucket itself and all within it.
func (c *Checker) Check(r *boltdb.Record) error {
	err := c.check(r)
	if err != nil {
		r.Name = nameIn(r)
	}
	return err
}

// nameIn returns how people know a record.
func nameIn(r *boltdb.Record) string {
	switch {
	case len(r.Path) == 1 && isSegment(r.Key):
		return fmt.Sprintf("segment %d", segmentNumber(r.Key))
	case len(r.Path) == 2 && len(r.Key) == 9:
		return fmt.Sprintf("run %d", binary.BigEndian.Uint64(r.Key[1:]))
	case len(r.Path) == 3 && len(r.Key) == 5 && len(r.Path[2]) == 9 && kinds[r.Key[0]] != "":
		return fmt.Sprintf("%s %d of run %d", kinds[r.Key[0]], binary.BigEndian.Uint32(r.Key[1:]),
			binary.BigEndian.Uint64(r.Path[2][1:]))
	}
	return ""
}

func (c *Checker) check(r *boltdb.Record) error {
	switch len(r.Path) {
	case 0:
		return c.checkRoot(r)
	case 1:
		if r.IsBucket && isSegment(r.Key) {
			return c.checkSegment(r)
		}
		if r.IsBucket && c.index(r.Key) != nil {
			return nil
		}
	case 2:
		if isSegment(r.Path[1]) && !r.IsBucket {
			return c.checkLogged(r)
		}
		if bytes.Equal(r.Key, forgottenName) && !r.IsBucket && c.index(r.Path[1]) != nil {
			_, err := decodeForgotten(r.Value)
			return err
		}
		if c.index(r.Path[1]) != nil && len(r.Key) == 9 {
			return c.checkRun(r)
		}
	case 3:
		if !r.IsBucket && len(r.Key) == 5 && len(r.Path[2]) == 9 {
			return c.checkRecord(r)
		}
	}
	return errors.New("nothing belongs there")
}

func (c *Checker) index(name []byte) *Index {
	for _, x := range c.set.indexes {
		if string(name) == x.spec.Name {
			return x
		}
	}
	return nil
}

func (c *Checker) checkRoot(r *boltdb.Record) error {
	if !r.IsBucket {
		return errors.New("it is not the bucket of the indexes")
	}
	if r.Tx == nil {
		return nil
	}
	root := r.Tx.Bucket(c.set.root)
	last := uint64(0)
	_ = eachSegment(root, func(name []byte) error { last = segmentNumber(name); return nil })
	if last == 0 {
		return fmt.Errorf("%w: the log has no segment", boltdb.ErrCorrupt)
	}
	if last > r.Sequence {
		return fmt.Errorf("%w: the last number given is %d, and there is segment %d", boltdb.ErrCorrupt, r.Sequence,
			last)
	}
	for _, x := range c.set.indexes {
		if root.Bucket([]byte(x.spec.Name)) == nil {
			return fmt.Errorf("%w: it has no %s", boltdb.ErrCorrupt, x.spec.Name)
		}
	}
	return nil
}

// checkRun checks a meta record, and whether its run is complete, or the bucket of a run.
func (c *Checker) checkRun(r *boltdb.Record) error {
	number := binary.BigEndian.Uint64(r.Key[1:])
	if r.IsBucket {
		if r.Key[0] != runName || r.Sequence != 0 {
			return errors.New("nothing belongs there")
		}
		return nil
	}
	m, err := decodeMeta(r.Key, r.Value)
	if err != nil || r.Tx == nil {
		return err
	}
	b := r.Tx.Bucket(c.set.root).Bucket(r.Path[1]).Bucket(nameOf(runName, number))
	if b == nil {
		return fmt.Errorf("%w: its blocks are missing", boltdb.ErrCorrupt)
	}
	for kind, count := range map[byte]int{
		blockName: int(m.blocks), filterName: m.filterPieces(), firstName: m.firstsPieces(),
	} {
		if n := countOf(b, kind); n != count {
			return fmt.Errorf("%w: it has records of the kind %q: %d, want %d", boltdb.ErrCorrupt, kinds[kind], n,
				count)
		}
	}
	return nil
}

// countOf returns how many records of a kind a run's bucket has, by the last one.
func countOf(b *bbolt.Bucket, kind byte) int {
	cursor := b.Cursor()
	key, _ := cursor.Seek([]byte{kind + 1})
	if key == nil {
		key, _ = cursor.Last()
	} else {
		key, _ = cursor.Prev()
	}
	if len(key) != 5 || key[0] != kind {
		return 0
	}
	return int(binary.BigEndian.Uint32(key[1:])) + 1
}

// checkSegment looks whether a segment has its last record.
func (c *Checker) checkSegment(r *boltdb.Record) error {
	if r.Tx == nil || r.Sequence == 0 {
		return nil
	}
	b := r.Tx.Bucket(c.set.root).Bucket(r.Key)
	if b.Get(binary.BigEndian.AppendUint64(nil, r.Sequence)) == nil {
		return fmt.Errorf("%w: its last record is missing", boltdb.ErrCorrupt)
	}
	return nil
}

func (c *Checker) checkLogged(r *boltdb.Record) error {
	if len(r.Key) != 8 {
		return errors.New("nothing belongs there")
	}
	if n := binary.BigEndian.Uint64(r.Key); r.Tx != nil && n > 1 {
		var before [8]byte
		binary.BigEndian.PutUint64(before[:], n-1)
		if r.Get(before[:], c.set.root, r.Path[1]) == nil {
			return fmt.Errorf("%w: the record before it is missing", boltdb.ErrCorrupt)
		}
	}
	return c.set.readRecord(segmentNumber(r.Path[1]), r.Key, r.Value, func(x *Index, entry []byte) error {
		return c.entry(r, x, entry)
	})
}

func (c *Checker) entry(r *boltdb.Record, x *Index, entry []byte) error {
	if c.Entry == nil || r.Tx == nil {
		return nil
	}
	return c.Entry(r, int(x.number), Hash(entry[:hashSize]), entry[hashSize:x.size])
}

// checkRecord checks a block of a run or a piece of its filter or first hashes.
func (c *Checker) checkRecord(r *boltdb.Record) error {
	x := c.index(r.Path[1])
	kind, known := kinds[r.Key[0]]
	if x == nil || !known || r.Path[2][0] != runName {
		return errors.New("nothing belongs there")
	}
	run, number := binary.BigEndian.Uint64(r.Path[2][1:]), binary.BigEndian.Uint32(r.Key[1:])
	value, err := codec.Unseal(sealKey(run, r.Key), r.Value)
	if err != nil {
		return err
	}
	exists := false
	if r.Tx != nil {
		exists = r.Get(nameOf(metaName, run), c.set.root, r.Path[1]) != nil
		before := recordKey(r.Key[0], number-1)
		if exists && number > 0 && r.Get(before[:], c.set.root, r.Path[1], r.Path[2]) == nil {
			return fmt.Errorf("%w: the %s before it is missing", boltdb.ErrCorrupt, kind)
		}
	}
	if r.Key[0] != blockName {
		return nil
	}
	if len(value) == 0 || len(value)%x.size != 0 {
		return fmt.Errorf("%w: it has %d bytes", boltdb.ErrCorrupt, len(value))
	}
	for at := 0; at < len(value); at += x.size {
		if at > 0 && bytes.Compare(value[at-x.size:at], value[at:at+x.size]) >= 0 {
			return fmt.Errorf("%w: its entries are not in order", boltdb.ErrCorrupt)
		}
		if !exists {
			continue // nobody looks it up
		}
		if err := c.entry(r, x, value[at:]); err != nil {
			return err
		}
	}
	return nil
}

// Count returns how many entries the i-th index has. An entry that was added twice may count twice.
func (c *Checker) Count(tx *bbolt.Tx, i int) (n uint64, err error) {
	runs, _, err := c.set.indexes[i].list(tx)
	if err != nil {
		return 0, err
	}
	for j := range runs {
		n += runs[j].entries
	}
	err = c.eachLogged(tx, func(x *Index, _ []byte) error {
		if int(x.number) == i {
			n++
		}
		return nil
	})
	return n, err
}

// eachLogged visits the entries of the log. It ends with the first record that is damaged.
func (c *Checker) eachLogged(tx *bbolt.Tx, visit func(x *Index, entry []byte) error) error {
	root := tx.Bucket(c.set.root)
	if root == nil {
		return nil
	}
	return eachSegment(root, func(name []byte) error {
		b := root.Bucket(name)
		if b == nil {
			return fmt.Errorf("%w: a segment of the log is no bucket", boltdb.ErrCorrupt)
		}
		return b.ForEach(func(key, sealed []byte) error {
			return c.set.readRecord(segmentNumber(name), key, sealed, visit)
		})
	})
}

// Forgotten returns the time from which on the i-th index has all entries: see Set.Forget.
func (c *Checker) Forgotten(tx *bbolt.Tx, i int) (time.Time, error) {
	root := tx.Bucket(c.set.root)
	if root == nil || root.Bucket([]byte(c.set.indexes[i].spec.Name)) == nil {
		return time.Time{}, nil
	}
	return c.set.indexes[i].forgotten(tx)
}

// Name returns the name of the i-th index.
func (c *Checker) Name(i int) string { return c.set.indexes[i].spec.Name }

// Each visits the entries of the i-th index that a lookup may find, in any order. An entry that was added twice may
// come twice. It ends with visit's first error, or at the first record that is damaged. rest belongs to the
// transaction.
func (c *Checker) Each(tx *bbolt.Tx, i int, visit func(hash Hash, rest []byte) error) error {
	x := c.set.indexes[i]
	one := func(entry []byte) error { return visit(Hash(entry[:hashSize]), entry[hashSize:x.size]) }
	err := c.eachLogged(tx, func(of *Index, entry []byte) error {
		if of != x {
			return nil
		}
		return one(entry)
	})
	if err != nil {
		return err
	}
	metas, _, err := x.list(tx)
	for j := 0; j < len(metas) && err == nil; j++ {
		r := newRun(x, &metas[j])
		var b *bbolt.Bucket
		if b, err = r.bucket(tx); err != nil {
			return err
		}
		for number := uint32(0); number < r.blocks && err == nil; number++ {
			var entries []byte
			entries, err = r.block(b, number)
			for ; len(entries) > 0 && err == nil; entries = entries[x.size:] {
				err = one(entries)
			}
		}
	}
	return err
}

// Readable visits all entries of the i-th index that can be read, in any order, whatever else is missing or damaged. An
// entry may come more than once. It ends with visit's first error.
func (c *Checker) Readable(tx *bbolt.Tx, i int, visit func(hash Hash, rest []byte) error) error {
	x := c.set.indexes[i]
	var stop error
	one := func(entry []byte) error {
		stop = visit(Hash(entry[:hashSize]), entry[hashSize:x.size])
		return stop
	}
	root := tx.Bucket(c.set.root)
	if root == nil {
		return nil
	}
	_ = eachSegment(root, func(name []byte) error {
		b := root.Bucket(name)
		if b == nil {
			return nil
		}
		return b.ForEach(func(key, sealed []byte) error {
			_ = c.set.readRecord(segmentNumber(name), key, sealed, func(of *Index, entry []byte) error {
				if of != x {
					return nil
				}
				return one(entry)
			})
			return stop
		})
	})
	index := root.Bucket([]byte(x.spec.Name))
	if index == nil || stop != nil {
		return stop
	}
	_ = index.ForEachBucket(func(name []byte) error {
		return index.Bucket(name).ForEach(func(key, sealed []byte) error {
			if len(name) != 9 || key[0] != blockName {
				return nil
			}
			value, err := codec.Unseal(sealKey(binary.BigEndian.Uint64(name[1:]), key), sealed)
			if err != nil {
				return nil //nolint:nilerr // it cannot be read
			}
			for ; len(value) >= x.size && stop == nil; value = value[x.size:] {
				_ = one(value)
			}
			return stop
		})
	})
	return stop
}
