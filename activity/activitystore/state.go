package activitystore

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/activity"
	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/codec"
)

// state is what is known of an activity as a whole.
type state struct {
	At time.Time `json:"at"` // of the last batch
	// Sizes is how much the ledgers hold.
	Sizes map[activity.Ledger]*activity.LedgerSize `json:"sizes,omitempty"`
	// Overflowed: messages the ledgers had no room for.
	Overflowed int64 `json:"overflowed,omitzero"`
	Ranges     int64 `json:"ranges,omitzero"` // of their offsets
	// Expired: messages the ledgers dropped past their retention.
	Expired int64     `json:"expired,omitzero"`
	Event   time.Time `json:"event,omitzero"` // the latest of those counted
}

func readState(root *bbolt.Bucket) (state, error) {
	var st state
	if sealed := root.Get(keyState); sealed != nil {
		if err := readJSON(keyState, sealed, &st); err != nil {
			return state{}, fmt.Errorf("read the state: %w", err)
		}
	}
	return st, nil
}

func updateState(root *bbolt.Bucket, change func(*state) error) error {
	st, err := readState(root)
	if err != nil {
		return err
	}
	if err := change(&st); err != nil {
		return err
	}
	return putJSON(root, keyState, st)
}

// furthest returns up to which offset each partition of a batch was read before, under the present id of the topic.
// These offsets never go back, unlike reading.
func furthest(known, next map[int32]activity.Position) map[int32]int64 {
	read := make(map[int32]int64, len(next))
	for partition, position := range next {
		if before, found := known[partition]; found && before.TopicID == position.TopicID {
			read[partition] = max(before.Furthest, before.Offset)
		}
	}
	return read
}

func putPositions(positions *bbolt.Bucket, next map[int32]activity.Position, read map[int32]int64) error {
	for _, partition := range slices.Sorted(maps.Keys(next)) {
		key := binary.BigEndian.AppendUint32(nil, uint32(partition)) //nolint:gosec // partitions are not negative
		position := next[partition]
		position.Furthest = max(read[partition], position.Offset)
		if err := putJSON(positions, key, position); err != nil {
			return fmt.Errorf("store the position in partition %d: %w", partition, err)
		}
	}
	return nil
}

func readPositions(positions *bbolt.Bucket) (map[int32]activity.Position, error) {
	next := make(map[int32]activity.Position)
	err := positions.ForEach(func(key, sealed []byte) error {
		var p activity.Position
		if err := readJSON(key, sealed, &p); err != nil {
			return fmt.Errorf("read the position in a partition: %w", err)
		}
		if len(key) != 4 {
			return fmt.Errorf("%w: position %x has not the form of one", boltdb.ErrCorrupt, key)
		}
		next[int32(binary.BigEndian.Uint32(key))] = p //nolint:gosec // as written
		return nil
	})
	return next, err
}

func putJSON(bucket *bbolt.Bucket, key []byte, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return bucket.Put(key, codec.Seal(key, text))
}

func readJSON(key, sealed []byte, value any) error {
	text, err := codec.Unseal(key, sealed)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, value)
}
