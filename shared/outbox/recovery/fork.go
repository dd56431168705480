package recovery

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/outbox"
)

// fence stops appending. It also makes the file refuse every later opening that may not fork, even if the publisher has
// forgotten the other file's epochs by then.
func (r *Recovery) fence(ctx context.Context, _ *memory, common uint64) (outbox.Incident, error) {
	r.history.Fence()
	i := r.history.Incident(outbox.IncidentFenced, common, 0,
		"another service publishes under lineage %s; it has the slots up to %d in common with this file; stopped",
		r.outbox.Lineage(), common)
	return i, r.write(ctx, func(tx *boltdb.Tx, root *bbolt.Bucket) error {
		return errors.Join(putMeta(root, metaFenced, binary.BigEndian.AppendUint64(nil, common)), r.history.Keep(tx, i))
	})
}

// fork begins another lineage after common, the last slot that the file shares with the owner of the present lineage
// (rule P7). Later slots are published under the new lineage. Earlier ones are the owner's to publish. Only those that
// wait or are parked stay with both: their messages keep their ids, so consumers count them once.
//
// The new name follows from the old one and from the epoch of the first slot that is not shared. So copies of a copy,
// which share that slot too, fork into the same lineage. There they settle which of them publishes it.
func (r *Recovery) fork(ctx context.Context, m *memory, common uint64) (outbox.Incident, error) {
	old, kept := r.outbox.Lineage(), m.epochs.after(common)
	name := forkName(old, kept[0])
	own := int(m.epochs.tail - min(common, m.epochs.tail)) //nolint:gosec // a number of slots
	i := r.history.Incident(outbox.IncidentForked, common, own,
		"another service owns lineage %s and shares the slots up to %d; the %d later ones are published under the "+
			"new lineage %s", old, common, own, name)
	return i, r.write(ctx, func(tx *boltdb.Tx, root *bbolt.Bucket) error {
		errs := []error{r.history.Fork(tx, name, common), putMeta(root, metaForked, nil), storeEpochs(root, kept),
			storeAnchors(root, nil), r.history.Keep(tx, i)}
		for _, key := range [][]byte{metaLog, metaRepair, metaFenced} {
			errs = append(errs, root.Bucket(metaBucket).Delete(key))
		}
		return errors.Join(errs...)
	})
}

// forkName returns the lineage that slots from first.first on get when they leave lineage.
func forkName(lineage string, first epoch) string {
	sum := sha256.Sum256(fmt.Append(nil, lineage, " ", first.name, " ", first.first))
	return hex.EncodeToString(sum[:16])
}
