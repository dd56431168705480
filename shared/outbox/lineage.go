package outbox

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/codec"
)

// identity is the lineage that new messages are published under. A lineage names one history of slots. A file begins
// with one, and gets another if it turns out to be a copy (rule P7). The numbers of slots go on. Slots up to base
// belong to earlier lineages.
type identity struct {
	lineage string
	base    uint64
}

// newName returns a name that no other file has.
func newName() string {
	var name [16]byte
	_, _ = rand.Read(name[:]) // never fails
	return hex.EncodeToString(name[:])
}

// putLineage stores that the slots after base belong to lineage.
func putLineage(root *bbolt.Bucket, id identity) error {
	key := slotKey(id.base)
	return root.Bucket(lineagesBucket).Put(key, codec.Seal(key, []byte(id.lineage)))
}

// loadIdentity returns the newest lineage.
func loadIdentity(root *bbolt.Bucket) (identity, error) {
	return decodeIdentity(root.Bucket(lineagesBucket).Cursor().Last())
}

// lineageOf returns the lineage of a slot.
func lineageOf(root *bbolt.Bucket, slot uint64) (string, error) {
	cursor := root.Bucket(lineagesBucket).Cursor()
	if key, _ := cursor.Seek(slotKey(slot)); key == nil {
		id, err := decodeIdentity(cursor.Last())
		return id.lineage, err
	}
	id, err := decodeIdentity(cursor.Prev())
	return id.lineage, err
}

func decodeIdentity(key, sealed []byte) (identity, error) {
	if key == nil {
		return identity{}, fmt.Errorf("read the lineage: %w: there is none", boltdb.ErrCorrupt)
	}
	name, err := codec.Unseal(key, sealed)
	if err != nil {
		return identity{}, fmt.Errorf("read the lineage: %w", err)
	}
	return identity{lineage: string(name), base: slotOf(key)}, nil
}
