package orderstore

import (
	"go.etcd.io/bbolt"

	"ordertally/order"
	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/codec"
	"ordertally/shared/uuidv7"
)

// index adds a new order to the indexes.
func index(tx *boltdb.Tx, id uuidv7.ID, r *order.Request) error {
	if r.CustomerID != "" {
		if err := tx.Bucket(customersBucket).Put(indexEntry(r.CustomerID, id)); err != nil {
			return err
		}
	}
	if r.Reference != "" {
		if err := tx.Bucket(referencesBucket).Put(indexEntry(r.Reference, id)); err != nil {
			return err
		}
	}
	if r.Source != "" {
		key := sourceKey(r.Source, r.Reference)
		if err := tx.Bucket(sourcesBucket).Put(key, codec.Seal(key, id[:])); err != nil {
			return err
		}
	}
	if r.Key.IsZero() {
		return nil
	}
	return putKey(tx, r.Key, id, id)
}

// keyed returns the id of the order that an idempotency key belongs to, or zero.
func (s *Store) keyed(tx *boltdb.Tx, key order.KeyHash) (uuidv7.ID, error) {
	return idIn(tx.Bucket(keysBucket), key[:])
}

// sourced returns the id of the order that has a source's reference, or zero.
func (s *Store) sourced(tx *boltdb.Tx, source, reference string) (uuidv7.ID, error) {
	return idIn(tx.Bucket(sourcesBucket), sourceKey(source, reference))
}

func idIn(bucket *bbolt.Bucket, key []byte) (uuidv7.ID, error) {
	sealed := bucket.Get(key)
	if sealed == nil {
		return uuidv7.ID{}, nil
	}
	return decodeID(key, sealed)
}
