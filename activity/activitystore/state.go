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
	// Starts is where reading began in the partitions whose beginning the topic had forgotten. Since is the time of the
	// first record that was left there, in the partition where that is latest.
	Starts map[int32]int64 `json:"starts,omitempty"`
	Since  time.Time       `json:"since,omitzero"`
	// Awaits are the partitions of Starts of which no record was read yet.
	Awaits []int32 `json:"awaits,omitempty"`
}

// noteForgotten notes from when on the topic has records.
func (st *state) noteForgotten(batch *activity.Batch) {
	for partition, start := range batch.Forgotten {
		if st.Starts == nil {
			st.Starts = make(map[int32]int64)
		}
		st.Starts[partition] = start
		if !slices.Contains(st.Awaits, partition) {
			st.Awaits = append(st.Awaits, partition)
		}
	}
	if len(st.Awaits) == 0 {
		return
	}
	read := make(map[int32]time.Time)
	note := func(partition int32, written time.Time) {
		if first, found := read[partition]; !found || written.Before(first) {
			read[partition] = written
		}
	}
	for i := range batch.Messages {
		note(batch.Messages[i].Partition, batch.Messages[i].Timestamp)
	}
	for i := range batch.Parked {
		note(batch.Parked[i].Partition, batch.Parked[i].Timestamp)
	}
	st.Awaits = slices.DeleteFunc(st.Awaits, func(partition int32) bool {
		first, found := read[partition]
		if found && first.After(st.Since) {
			st.Since = first.UTC()
		}
		return found
	})
}

// since returns the time before which figures may be incomplete, or zero if the topic had its beginning when it was
// read. While a partition has shown no record at all, that is the time of the last batch.
func (st *state) since() time.Time {
	if len(st.Awaits) > 0 {
		return st.At
	}
	return st.Since
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
