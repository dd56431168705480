package outbox

import "go.etcd.io/bbolt"

// predecessors finds, for a slot, the slot of the lineage that was published before it in the same partition. The slots
// asked for must ascend. It reads the rows up to them. From the first it also reads backwards, until it has met each
// partition.
type predecessors struct {
	root   *bbolt.Bucket
	counts partitionCounts
	base   uint64           // the lineage begins after it
	low    uint64           // the lowest slot read
	next   uint64           // the slot to read next
	last   map[int32]uint64 // partition -> newest slot read
}

// maxLookBack limits how many slots predecessors reads backwards.
const maxLookBack = 100_000

// of returns the slot before slot in a partition, or 0 if there is none. If that slot's row has expired, it returns the
// newest slot that can have been it. A smaller one would make consumers take too many slots for counted.
func (p *predecessors) of(slot uint64, partition int32) (uint64, error) {
	if p.last == nil {
		p.last, p.low, p.next = map[int32]uint64{}, slot, slot
	}
	for ; p.next < slot; p.next++ {
		at, published, err := p.read(p.next)
		if err != nil {
			return 0, err
		}
		if published {
			p.last[at] = p.next
		}
	}
	front, err := expiredSlot(p.root)
	if err != nil {
		return 0, err
	}
	end := max(p.base, front)
	for ; p.last[partition] == 0 && p.low > end+1; p.low-- {
		if slot-p.low >= maxLookBack {
			return p.low - 1, nil
		}
		at, published, err := p.read(p.low - 1)
		if err != nil {
			return 0, err
		}
		if published && p.last[at] == 0 {
			p.last[at] = p.low - 1
		}
	}
	if last := p.last[partition]; last != 0 || end == p.base {
		return last, nil
	}
	return end, nil
}

// read returns the partition of a slot. published is false if the slot was skipped.
func (p *predecessors) read(slot uint64) (partition int32, published bool, err error) {
	key := slotKey(slot)
	sealed := p.root.Bucket(messagesBucket).Get(key)
	if sealed == nil || p.root.Bucket(skippedBucket).Get(key) != nil {
		return 0, false, nil
	}
	r, err := decodeRow(key, sealed)
	return Partition(r.message.Key, p.counts.of(slot)), err == nil, err
}
