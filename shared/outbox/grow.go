package outbox

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
)

// count spreads the messages from slot from on over n partitions.
func (o *Outbox) count(tx *boltdb.Tx, from uint64, n int32) error {
	counts := append(slices.Clone(*o.counts.Load()), partitionCount{from, n})
	tx.AfterCommit(func() { o.counts.Store(&counts) })
	return putSealed(tx.Bucket(rootBucket).Bucket(countsBucket), slotKey(from), partitionKey(n))
}

// Partitions returns how many partitions new messages are spread over, or 0 before the first session.
func (o *Outbox) Partitions() int { return int(o.counts.Load().newest()) }

// partition returns the partition of a message with the given slot and key.
func (o *Outbox) partition(slot uint64, key []byte) int32 {
	return Partition(key, o.counts.Load().of(slot))
}

// countPartitions stores how many partitions the log has, if the file has no number yet. After that the number no
// longer follows the log.
func (o *Outbox) countPartitions(ctx context.Context, inLog int) error {
	o.inLog.Store(int32(inLog)) //nolint:gosec // few
	if o.Partitions() != 0 {
		return nil
	}
	return o.db.Write(ctx, func(tx *boltdb.Tx) error { return o.count(tx, 1, int32(inLog)) }) //nolint:gosec // few
}

// ErrPartitions says that the number of partitions cannot be changed as asked. Its text says why.
var ErrPartitions = errors.New("the number of partitions stays as it is")

// GrowPartitions spreads the messages from the next slot on over n partitions, and returns that slot. Earlier messages
// keep their partitions. The error is ErrPartitions if there are more already, or if the log is not known to have that
// many.
func (o *Outbox) GrowPartitions(ctx context.Context, n int) (from uint64, err error) {
	err = o.db.Write(ctx, func(tx *boltdb.Tx) error {
		inLog, counts := int(o.inLog.Load()), *o.counts.Load()
		switch now := int(counts.newest()); {
		case now == n && n > 0:
			from = counts[len(counts)-1].from
			return nil
		case n < now:
			return boltdb.Refuse(fmt.Errorf("%w: there are %d, and they only become more", ErrPartitions, now))
		case inLog == 0:
			return boltdb.Refuse(fmt.Errorf("%w: the log has not been reached yet; ask again when the relay is up",
				ErrPartitions))
		case n > inLog:
			return boltdb.Refuse(fmt.Errorf("%w: the log has %d; add partitions to it first", ErrPartitions, inLog))
		}
		from = tx.Bucket(rootBucket).Bucket(messagesBucket).Sequence() + 1
		return o.count(tx, from, int32(n)) //nolint:gosec // at most those of the log
	})
	return from, err
}

// predecessors returns a predecessors of the present lineage.
func (o *Outbox) predecessors(root *bbolt.Bucket) predecessors {
	return predecessors{root: root, counts: *o.counts.Load(), base: o.id.Load().base}
}
