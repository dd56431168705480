package orderstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/order"
	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/runs"
	"ordertally/shared/event"
	"ordertally/shared/uuidv7"
)

// The indexes of orders. An entry is a hash and an order's id. Texts may share a hash, so whoever looks one up confirms
// it with the order's row. An idempotency key is a hash itself.

var indexesBucket = []byte("indexes")

// The numbers of the indexes. They stand in the file.
const (
	keysIndex       = iota // idempotency key -> order id, time of the key's first use
	sourcesIndex           // source and reference -> order id
	referencesIndex        // reference -> order id, inverted: the newest order first
	customersIndex         // customer id -> order id, inverted
	indexCount      = iota
)

// indexSpecs describes the indexes, by number.
func indexSpecs() []runs.Spec {
	const id = len(uuidv7.ID{})
	return []runs.Spec{
		{Name: "keys", Rest: id + 4, Filter: true, Time: func(rest []byte) time.Time { return keyUse(rest).at }},
		{Name: "sources", Rest: id, Filter: true},
		{Name: "references", Rest: id},
		{Name: "customers", Rest: id},
	}
}

// identity is what the indexes find an order by.
type identity struct{ Source, Reference, CustomerID string }

func identityOf(o *event.Order) *identity { return &identity{o.Source, o.Reference, o.CustomerID} }

// identity reads what the order can be found by, beside its key.
func (r *row) identity(id uuidv7.ID) (*identity, error) {
	o, err := r.order(id)
	if err != nil {
		return nil, err
	}
	return identityOf(&o), nil
}

// hashed is what an order is found by in one index.
type hashed struct {
	index int
	hash  runs.Hash
}

// hashes returns what an order is found by, beside its key, and how many there are.
func (o *identity) hashes() (all [3]hashed, n int) {
	if o.CustomerID != "" {
		all[n] = hashed{customersIndex, runs.Sum(o.CustomerID)}
		n++
	}
	if o.Reference != "" {
		all[n] = hashed{referencesIndex, runs.Sum(o.Reference)}
		n++
	}
	if o.Source != "" {
		all[n] = hashed{sourcesIndex, sourceHash(o.Source, o.Reference)}
		n++
	}
	return all, n
}

// idIn returns an order's id as it stands in an index, and back.
func idIn(index int, id uuidv7.ID) uuidv7.ID {
	if index == referencesIndex || index == customersIndex {
		return invert(id)
	}
	return id
}

// invert makes later ids sort first, and back.
func invert(id uuidv7.ID) uuidv7.ID {
	for i := range id {
		id[i] = ^id[i]
	}
	return id
}

func sourceHash(source, reference string) runs.Hash { return runs.Sum(source + "\x00" + reference) }

// use is the first use of an idempotency key.
type use struct {
	id uuidv7.ID // of the order that the key belongs to
	at time.Time
}

// useRest is a use as it stands in an entry.
type useRest [len(uuidv7.ID{}) + 4]byte

// rest returns the use as it stands in an entry.
func (u *use) rest() (rest useRest) {
	binary.BigEndian.PutUint32(rest[copy(rest[:], u.id[:]):], u.seconds())
	return rest
}

// seconds returns the time of the use, rounded up to a second.
func (u *use) seconds() uint32 {
	return uint32(u.at.Add(time.Second - time.Nanosecond).Unix()) //nolint:gosec // until 2106
}

func keyUse(rest []byte) use {
	var u use
	u.at = time.Unix(int64(binary.BigEndian.Uint32(rest[copy(u.id[:], rest):])), 0)
	return u
}

// index adds a new order to the indexes.
func (s *Store) index(tx *boltdb.Tx, id uuidv7.ID, r *order.Request, rest *prepared) error {
	var entries [indexCount]runs.Entry
	var ids [len(rest.hashes)]uuidv7.ID
	n := rest.found
	for i := range rest.hashes[:n] {
		h := &rest.hashes[i]
		ids[i] = idIn(h.index, id)
		entries[i] = runs.Entry{Index: s.indexes.Index(h.index), Hash: h.hash, Rest: ids[i][:]}
	}
	first := use{id, madeAt(id)}
	used := first.rest()
	if !r.Key.IsZero() {
		entries[n] = runs.Entry{Index: s.indexes.Index(keysIndex), Hash: runs.Hash(r.Key), Rest: used[:]}
		n++
	}
	if n == 0 {
		return nil
	}
	return s.indexes.Append(tx, entries[:n]...)
}

// putKey stores the first use of a key for an order. The id used holds the time of the use.
func (s *Store) putKey(tx *boltdb.Tx, key order.KeyHash, used, id uuidv7.ID) error {
	first := use{id, madeAt(used)}
	rest := first.rest()
	return s.indexes.Append(tx, runs.Entry{Index: s.indexes.Index(keysIndex), Hash: runs.Hash(key), Rest: rest[:]})
}

// keyed returns the id of the order that an idempotency key belongs to, or zero. A key that is past its retention
// belongs to none, whether it is still there or not. Of several uses the first counts.
func (s *Store) keyed(tx *boltdb.Tx, key *runs.Lookup) (uuidv7.ID, error) {
	var first use
	err := key.Find(tx, func(rest []byte) bool {
		u := keyUse(rest)
		if retention := s.keyRetention(); retention > 0 && s.clock.Now().Sub(u.at) > retention {
			return true
		}
		if first.at.IsZero() || u.at.Before(first.at) || u.at.Equal(first.at) &&
			bytes.Compare(u.id[:], first.id[:]) < 0 {
			first = u
		}
		return true
	})
	return first.id, err
}

// sourced returns the id of the order that has a source's reference, or zero. find finds the entries of their hash,
// and the orders' rows confirm it.
func sourced(tx *bbolt.Tx, find func(visit func(rest []byte) bool) error, source, reference string) (
	found uuidv7.ID, err error) {
	looked := find(func(rest []byte) bool {
		id := uuidv7.ID(rest)
		var r row
		if r, err = readRow(tx, id); err != nil {
			return false
		}
		var o *identity
		if o, err = r.identity(id); err != nil {
			return false
		}
		if o.Source == source && o.Reference == reference {
			found = id
		}
		return found == uuidv7.ID{}
	})
	return found, errors.Join(looked, err)
}

// walkIndex walks down the orders below before that an index has for a text. Their rows are still to confirm it.
func (s *Store) walkIndex(tx *bbolt.Tx, at *runs.Snapshot, i int, text string, before uuidv7.ID) (
	func() (id uuidv7.ID, more bool, err error), error) {
	from := uuidv7.ID{}
	if before != (uuidv7.ID{}) {
		from = invert(before)
	}
	walk, err := at.Walk(tx, s.indexes.Index(i), runs.Sum(text), from[:])
	if err != nil {
		return nil, err
	}
	return func() (id uuidv7.ID, more bool, err error) {
		rest, err := walk.Next()
		if err == nil && rest != nil && before != (uuidv7.ID{}) && bytes.Equal(rest, from[:]) {
			rest, err = walk.Next()
		}
		if err != nil || rest == nil {
			return id, false, err
		}
		return invert(uuidv7.ID(rest)), true, nil
	}, nil
}

var indexChecker = newIndexChecker()

// newIndexChecker returns what checks the indexes of an order file.
func newIndexChecker() *runs.Checker {
	c := runs.NewChecker(indexesBucket, indexSpecs())
	c.Entry = checkEntry
	return c
}

// orderOf returns the order of an entry.
func orderOf(i int, rest []byte) uuidv7.ID {
	var id uuidv7.ID
	copy(id[:], rest)
	return idIn(i, id)
}
