package outbox

import (
	"encoding/binary"
	"fmt"
	"maps"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/codec"
)

// tails is, for each partition, the last record published there. It says where to check that the log still has what it
// was given. It also says where to read on for records that were published but not recorded. Slot 0 stands for whatever
// was in the partition when the lineage began.
type tails map[int32]tail

// tail is what is known about one partition.
type tail struct {
	StoredRecord
	// last is the newest slot that the lineage published there, or 0. The next message has it as ce_partitionprevious.
	// It differs from Slot if the log has lost that record.
	last uint64
}

const tailSize = 3 * 8

func loadTails(root *bbolt.Bucket) (tails, error) {
	t := tails{}
	err := root.Bucket(tailsBucket).ForEach(func(key, sealed []byte) error {
		value, err := codec.Unseal(key, sealed)
		if err != nil || len(value) != tailSize || len(key) != 4 {
			return fmt.Errorf("read the end of partition %x: %w", key, boltdb.ErrCorrupt)
		}
		partition := int32(binary.BigEndian.Uint32(key)) //nolint:gosec // written from an int32
		offset := int64(binary.BigEndian.Uint64(value))  //nolint:gosec // written from an int64
		stored := StoredRecord{Position: Position{partition, offset}, Slot: binary.BigEndian.Uint64(value[8:])}
		t[partition] = tail{stored, binary.BigEndian.Uint64(value[16:])}
		return nil
	})
	return t, err
}

// store writes t over the stored tails.
func (t tails) store(root *bbolt.Bucket) error {
	for partition, s := range t {
		key := partitionKey(partition)
		value := binary.BigEndian.AppendUint64(nil, uint64(s.Offset)) //nolint:gosec // only read back as int64
		value = binary.BigEndian.AppendUint64(value, s.Slot)
		value = binary.BigEndian.AppendUint64(value, s.last)
		if err := root.Bucket(tailsBucket).Put(key, codec.Seal(key, value)); err != nil {
			return err
		}
	}
	return nil
}

// published moves the tails to the last of records in each partition. It returns the tails that moved.
func (t tails) published(records []StoredRecord) tails {
	moved := tails{}
	for _, s := range records {
		moved[s.Partition] = tail{s, max(s.Slot, t[s.Partition].last)}
	}
	maps.Copy(t, moved)
	return moved
}

// follow brings last up to date. It takes the newest slots of known, and the slots after from, up to to, that were
// published but not recorded. Their partitions follow from their keys.
func (t tails) follow(rows predecessors, known tails, from, to uint64) error {
	for partition, before := range known {
		if now, ok := t[partition]; ok {
			now.last = max(now.last, before.last)
			t[partition] = now
		} else if before.last > 0 { // the log has lost the partition
			t[partition] = tail{StoredRecord{Position: Position{partition, -1}}, before.last}
		}
	}
	for slot := from + 1; slot <= to; slot++ {
		partition, published, err := rows.read(slot)
		if err != nil {
			return err
		}
		if published {
			now, ok := t[partition]
			if !ok {
				now = tail{StoredRecord: StoredRecord{Position: Position{partition, -1}}}
			}
			now.last = slot
			t[partition] = now
		}
	}
	return nil
}
