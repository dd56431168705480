package runs

import (
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/codec"
)

// forgottenName is the key of the record in an index's bucket that says from when on the index has all entries.
var forgottenName = []byte("from")

const forgottenVersion = 1

func decodeForgotten(sealed []byte) (time.Time, error) {
	r, err := codec.OpenRecord(forgottenName, sealed, forgottenVersion)
	if err != nil {
		return time.Time{}, err
	}
	at := time.Unix(r.Count(), 0)
	return at, r.End()
}

// forgotten returns the time from which on the index has all entries.
func (x *Index) forgotten(tx *bbolt.Tx) (time.Time, error) {
	sealed := x.bucket(tx).Get(forgottenName)
	if sealed == nil {
		return time.Time{}, nil
	}
	at, err := decodeForgotten(sealed)
	if err != nil {
		return time.Time{}, fmt.Errorf("since when %s is complete: %w", x.spec.Name, err)
	}
	return at, nil
}

// Forget notes that the i-th index, which has times, lacks entries from before a second, or will. A check does not miss
// them. Maintain notes what it drops.
func (s *Set) Forget(tx *boltdb.Tx, i int, before time.Time) error {
	x := s.indexes[i]
	known, err := x.forgotten(tx.Tx)
	if err != nil || before.Unix() <= max(known.Unix(), 0) {
		return err
	}
	r := codec.NewRecord(forgottenVersion, 10)
	r.Count(before.Unix())
	return x.bucket(tx.Tx).Put(forgottenName, r.Seal(forgottenName))
}
