package inbox

import (
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/codec"
)

// Check is a boltdb.Checker for the bucket of an inbox. path is the record's path from there on. root is the bucket, or
// nil if nothing can be looked up.
func Check(r *boltdb.Record, path [][]byte, root *bbolt.Bucket) error {
	if r.IsBucket {
		return checkBucket(string(r.Key), path, root)
	}
	if len(path) == 0 {
		return errors.New("no record belongs there")
	}
	switch string(path[0]) {
	case "keys":
		_, err := entryOf(r.Key, r.Value)
		return err
	case "slots":
		_, err := decodeIntervals(r.Key, r.Value)
		return err
	default:
		_, err := codec.Unseal(r.Key, r.Value)
		return err
	}
}

func checkBucket(name string, path [][]byte, root *bbolt.Bucket) error {
	switch {
	case len(path) == 0 && (name == "keys" || name == "slots" || name == "sizes" || name == string(bucketNames)):
		return nil
	case len(path) == 1 && string(path[0]) == "keys":
		if _, err := time.Parse(time.DateOnly, name); err != nil {
			return errors.New("it is named by no day")
		}
		if root == nil {
			return nil
		}
		_, err := sizeOf(root.Bucket(bucketSizes), []byte(name))
		return err
	case len(path) == 1 && string(path[0]) == "slots":
		if root != nil && root.Bucket(bucketNames).Get([]byte(name)) == nil {
			return fmt.Errorf("%w: no lineage of that name was met", boltdb.ErrCorrupt)
		}
		return nil
	}
	return errors.New("an inbox has no such bucket")
}
