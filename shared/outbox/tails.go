package outbox

import (
	"encoding/binary"
	"fmt"
	"maps"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/codec"
)

// tails is, for each partition, the last record published there: where to look whether the place still has what it was
// given, and where to read on for what was published without our knowing. A slot of 0 stands for whatever was in the
// partition when the lineage began.
//
// The file has them twice (rule P8a). Those in anchorsBucket are the last from before this session: they move only when
// a connect saw both, or to what a scan found. With the newest alone, what the place lost between a connect and the
// next record in that partition would never be missed: the tail moves past it.
type tails map[int32]StoredRecord

func partitionKey(partition int32) []byte {
	return binary.BigEndian.AppendUint32(nil, uint32(partition)) //nolint:gosec // not negative
}

func loadTails(root *bbolt.Bucket, bucket []byte) (tails, error) {
	t := tails{}
	err := root.Bucket(bucket).ForEach(func(key, sealed []byte) error {
		value, err := codec.Unseal(key, sealed)
		if err != nil || len(value) != 16 || len(key) != 4 {
			return fmt.Errorf("read the %s of partition %x: %w", bucket, key, boltdb.ErrCorrupt)
		}
		partition := int32(binary.BigEndian.Uint32(key)) //nolint:gosec // written from an int32
		offset := int64(binary.BigEndian.Uint64(value))  //nolint:gosec // written from an int64
		t[partition] = StoredRecord{Position: Position{partition, offset}, Slot: binary.BigEndian.Uint64(value[8:])}
		return nil
	})
	return t, err
}

// store writes t over what is stored.
func (t tails) store(root *bbolt.Bucket, bucket []byte) error {
	for partition, s := range t {
		key := partitionKey(partition)
		value := binary.BigEndian.AppendUint64(nil, uint64(s.Offset)) //nolint:gosec // only read back as int64
		value = binary.BigEndian.AppendUint64(value, s.Slot)
		if err := root.Bucket(bucket).Put(key, codec.Seal(key, value)); err != nil {
			return err
		}
	}
	return nil
}

// published moves the tails to the last of records in each partition and returns those that moved.
func (t tails) published(records []StoredRecord) tails {
	moved := tails{}
	for _, s := range records {
		moved[s.Partition] = s
	}
	maps.Copy(t, moved)
	return moved
}

// toCheck returns the records of t and of the anchors that must still stand.
func (t tails) toCheck(anchors tails) []StoredRecord {
	var records []StoredRecord
	for _, s := range t {
		if s.Slot > 0 {
			records = append(records, s)
		}
	}
	for partition, s := range anchors {
		if s.Slot > 0 && s != t[partition] {
			records = append(records, s)
		}
	}
	return records
}

// next returns where to read on in each partition.
func (t tails) next() map[int32]int64 {
	from := make(map[int32]int64, len(t))
	for partition, s := range t {
		from[partition] = s.Offset + 1
	}
	return from
}
