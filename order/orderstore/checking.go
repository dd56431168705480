package orderstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"time"
	"unsafe"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/codec"
	"ordertally/shared/boltdb/runs"
	"ordertally/shared/event"
	"ordertally/shared/uuidv7"
)

// checking is what a check of an order file keeps from record to record.
//
// Entries of the indexes and orders belong to each other. To look each up from the other would take most of the time of
// a check. So the check of a whole file adds up a hash of each entry, and takes away that of each entry that an order
// should have. The sums are by index and by the first bits of the entry's own hash. Where one is not 0 in the end, both
// sides are looked at again, for that part alone.
type checking struct {
	whole     bool // one transaction sees all records
	seed      maphash.Seed
	forgotten int64 // keys used before that second may be missing
	sums      [indexCount][parts]uint64
	entries   [indexCount]int

	order   event.Order // used again, and so are these
	id      [uuidv7.TextLen]byte
	payload []byte
}

const (
	partBits = 12
	parts    = 1 << partBits
	// searched bounds the entries that are in memory when both sides are looked at again. Each takes about 100 bytes.
	searched = 1 << 20
)

// checkingOf returns what the check of a record keeps.
func checkingOf(r *boltdb.Record) *checking {
	if r.State == nil {
		return new(checking)
	}
	c, known := (*r.State).(*checking)
	if !known {
		c = &checking{seed: maphash.MakeSeed()}
		*r.State = c
	}
	return c
}

// begin begins the check of a whole file.
func (c *checking) begin(tx *bbolt.Tx) error {
	forgotten, err := indexChecker.Forgotten(tx, keysIndex)
	c.whole, c.forgotten = true, max(forgotten.Unix(), 0)
	return err
}

// indexed is an entry of any index: its hash, and its rest.
type indexed struct {
	index int
	bytes [len(runs.Hash{}) + len(uuidv7.ID{}) + 4]byte
}

func (f *indexed) set(i int, hash *runs.Hash, rest []byte) {
	f.index = i
	copy(f.bytes[copy(f.bytes[:], hash[:]):], rest)
}

// part is the part of its index that an entry is in.
func (f *indexed) part() int { return int(binary.BigEndian.Uint16(f.bytes[:]) >> (16 - partBits)) }

func (c *checking) sum(f *indexed) (at *uint64, sum uint64) {
	return &c.sums[f.index][f.part()], maphash.Bytes(c.seed, f.bytes[:])
}

// told reports whether an order of its own tells of an entry, as far as the entry itself shows. A key that was answered
// with the order of another key has a later time, as a rule, and its order does not tell of it.
func (c *checking) told(i int, rest []byte) bool {
	if i != keysIndex {
		return true
	}
	u := keyUse(rest)
	own := use{u.id, madeAt(u.id)}
	return own.seconds() == uint32(u.at.Unix()) && u.at.Unix() >= c.forgotten //nolint:gosec // until 2106
}

// checkEntry checks an entry of an index that a record has.
func checkEntry(r *boltdb.Record, i int, hash runs.Hash, rest []byte) error {
	if c := checkingOf(r); c.whole && c.told(i, rest) {
		var f indexed
		f.set(i, &hash, rest)
		at, sum := c.sum(&f)
		*at += sum
		c.entries[i]++
		return nil
	}
	return leadsToOrder(r, i, rest)
}

func leadsToOrder(r *boltdb.Record, i int, rest []byte) error {
	if id := orderOf(i, rest); r.Get(id[:], ordersBucket) == nil {
		return fmt.Errorf("%w: its order %s is missing", boltdb.ErrCorrupt, id)
	}
	return nil
}

// checkContent checks whether the order of a row can be read, and takes away what the indexes should have of it.
func (c *checking) checkContent(id uuidv7.ID, r *row) error {
	if err := c.read(id, r); err != nil {
		return err
	}
	if c.whole {
		wanted, n := c.wanted(id, r)
		for i := range wanted[:n] {
			at, sum := c.sum(&wanted[i])
			*at -= sum
		}
	}
	return nil
}

// read reads the order of a row into c.order. Its texts share the row's memory.
func (c *checking) read(id uuidv7.ID, r *row) error {
	if !r.content.packed {
		o, err := r.order(id)
		c.order = o
		return err
	}
	id.PutText(c.id[:])
	text := unsafe.String(&c.id[0], len(c.id)) //nolint:gosec // nothing keeps c.order beyond the next record
	return r.content.share(&c.order, text, r.placedAt)
}

// encode returns the payload of the order of a row. It is valid until the next call.
func (c *checking) encode(id uuidv7.ID, r *row) ([]byte, error) {
	if !r.content.packed {
		return r.content.bytes, nil
	}
	err := c.read(id, r)
	if err == nil {
		c.payload = event.Append(c.payload[:0], &c.order)
	}
	return c.payload, err
}

// wanted returns the entries that the indexes should have of the order in c.order, and how many there are.
func (c *checking) wanted(id uuidv7.ID, r *row) (all [indexCount]indexed, n int) {
	o := identity{c.order.Source, c.order.Reference, c.order.CustomerID}
	hashes, n := o.hashes()
	for i := range hashes[:n] {
		in := idIn(hashes[i].index, id)
		all[i].set(hashes[i].index, &hashes[i].hash, in[:])
	}
	own := use{id, madeAt(id)}
	if !r.key.IsZero() && int64(own.seconds()) >= c.forgotten {
		hash, rest := runs.Hash(r.key), own.rest()
		all[n].set(keysIndex, &hash, rest[:])
		n++
	}
	return all, n
}

// end compares both sides where they differ.
func (c *checking) end(r *boltdb.Record) error {
	var faults boltdb.Faults
	for i := range c.sums {
		size := max(c.entries[i]/parts, 1)
		for from := 0; from < parts && len(faults) < maxFaults; {
			var wanted [parts]bool
			n := 0
			for ; from < parts && n*size < searched; from++ {
				if wanted[from] = c.sums[i][from] != 0; wanted[from] {
					n++
				}
			}
			if n == 0 {
				continue
			}
			found, err := c.search(r, i, &wanted)
			if err != nil && !errors.Is(err, boltdb.ErrCorrupt) { // the check of that record says so
				return err
			}
			faults = append(faults, found...)
		}
	}
	if len(faults) > 0 {
		return faults
	}
	return nil
}

// maxFaults bounds the faults that are looked for.
const maxFaults = 1000

// search looks for entries whose orders are missing, and orders whose entries are missing, in some parts of an index.
// What a fault that was found already has taken from an index is not told order by order.
func (c *checking) search(r *boltdb.Record, i int, wanted *[parts]bool) (faults boltdb.Faults, err error) {
	known := map[indexed]bool{}
	looked := 0
	err = indexChecker.Each(r.Tx, i, func(hash runs.Hash, rest []byte) error {
		if looked++; looked%4096 == 0 {
			r.Pace()
		}
		var f indexed
		if f.set(i, &hash, rest); !wanted[f.part()] || !c.told(i, rest) {
			return nil
		}
		known[f] = true
		if err := leadsToOrder(r, i, rest); err != nil {
			faults = append(faults, fmt.Sprintf("index %s: an entry: %s", indexChecker.Name(i), err))
		}
		return nil
	})
	if err != nil || r.Damaged {
		return faults, err
	}
	cursor := r.Tx.Bucket(ordersBucket).Cursor()
	for key, sealed := cursor.First(); key != nil; key, sealed = cursor.Next() {
		if looked++; looked%256 == 0 {
			r.Pace()
		}
		id := uuidv7.ID(key)
		row, err := decodeRow(key, sealed)
		if err == nil {
			err = c.read(id, &row)
		}
		if err != nil {
			return faults, err
		}
		all, n := c.wanted(id, &row)
		for j := range all[:n] {
			if f := &all[j]; f.index == i && wanted[f.part()] && !known[*f] {
				faults = append(faults, fmt.Sprintf("order %s: it is missing in the index %s", id,
					indexChecker.Name(i)))
			}
		}
	}
	return faults, nil
}

// share is order for a content that is packed. It uses o's memory, and the texts share that of the row.
func (c content) share(o *event.Order, id string, placedAt time.Time) error {
	lines, metadata := o.Lines[:0], o.Metadata
	clear(metadata)
	*o = event.Order{ID: id, PlacedAt: placedAt, Lines: lines, Metadata: metadata}
	whole := unsafe.String(unsafe.SliceData(c.bytes), len(c.bytes)) //nolint:gosec // as long as the row's memory is
	u := unpacker{codec.NewDecoder(c.bytes), whole}
	unpackObject(&u, packedOrder, o)
	return u.End()
}
