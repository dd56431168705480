package outbox

import (
	"encoding/binary"
	"fmt"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/codec"
)

// The relay names the partition of each record itself (rule P9). It is the hash of the message's key, modulo the number
// of partitions that counts for its slot. So a message that is sent again goes to the same partition, even if the log
// has more partitions by then. An id is never in two partitions.

// Partition returns the partition of a key among n. It is the one that the murmur2 partitioners of other clients
// choose.
func Partition(key []byte, n int32) int32 {
	return int32(murmur2(key)&0x7fffffff) % n
}

// murmur2 is MurmurHash 2.0 with the seed that those partitioners use.
func murmur2(data []byte) uint32 {
	const seed, m, r = 0x9747b28c, 0x5bd1e995, 24
	h := seed ^ uint32(len(data)) //nolint:gosec // keys are short
	for ; len(data) >= 4; data = data[4:] {
		k := binary.LittleEndian.Uint32(data) * m
		k ^= k >> r
		h = h*m ^ k*m
	}
	switch len(data) {
	case 3:
		h ^= uint32(data[2]) << 16
		fallthrough
	case 2:
		h ^= uint32(data[1]) << 8
		fallthrough
	case 1:
		h = (h ^ uint32(data[0])) * m
	}
	h = (h ^ h>>13) * m
	return h ^ h>>15
}

// partitionCounts are the numbers of partitions that messages are spread over. Each holds from a slot on. They are in
// ascending order.
type partitionCounts []partitionCount

type partitionCount struct {
	from uint64
	n    int32
}

// of returns the number that counts for a slot, or 0 if none is known yet.
func (c partitionCounts) of(slot uint64) int32 {
	for i := len(c) - 1; i >= 0; i-- {
		if c[i].from <= slot {
			return c[i].n
		}
	}
	return 0
}

// newest returns the number that counts for new messages, or 0 if none is known yet.
func (c partitionCounts) newest() int32 {
	if len(c) == 0 {
		return 0
	}
	return c[len(c)-1].n
}

func loadCounts(root *bbolt.Bucket) (counts partitionCounts, err error) {
	err = root.Bucket(countsBucket).ForEach(func(key, sealed []byte) error {
		value, err := codec.Unseal(key, sealed)
		if err == nil && len(value) != 4 {
			err = boltdb.ErrCorrupt
		}
		if err != nil {
			return fmt.Errorf("read the number of partitions from slot %d on: %w", slotOf(key), err)
		}
		//nolint:gosec // written from an int32
		counts = append(counts, partitionCount{slotOf(key), int32(binary.BigEndian.Uint32(value))})
		return nil
	})
	return counts, err
}
