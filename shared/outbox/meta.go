package outbox

import (
	"fmt"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb/codec"
)

// What metaBucket has.
var (
	metaLog    = []byte("place")  // name of the place that the lineage publishes to; absent until it first does
	metaRepair = []byte("repair") // present while the place lacks messages that it had: they are being published again
	metaFenced = []byte("fenced") // the last slot in common with the file that took over

	metaLineage = []byte("lineage") // of the first release; now in lineagesBucket
)

func getMeta(root *bbolt.Bucket, key []byte) (value []byte, err error) {
	sealed := root.Bucket(metaBucket).Get(key)
	if sealed == nil {
		return nil, nil
	}
	if value, err = codec.Unseal(key, sealed); err != nil {
		return nil, fmt.Errorf("read %s of the outbox: %w", key, err)
	}
	return append([]byte{}, value...), nil
}

func putMeta(root *bbolt.Bucket, key, value []byte) error {
	return root.Bucket(metaBucket).Put(key, codec.Seal(key, value))
}
