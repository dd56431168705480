package outbox

import (
	"context"
	"errors"
	"slices"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
)

// ErrFenced says that another process publishes under this file's lineage: somebody runs a copy of the file. Nothing is
// appended any more. The next start begins a lineage of its own and publishes what only this file has.
var ErrFenced = errors.New("another process runs a copy of this file and has taken over its lineage: find out which " +
	"of the two is to go on; " +
	"when this one is started again, it publishes under a new lineage what only it has")

// fence stops appending, and has the next opening fork after common even if the publisher has forgotten the other's
// epochs by then.
func (o *Outbox) fence(ctx context.Context, common uint64) (f Incident, err error) {
	o.fenced.Store(true)
	f = o.incident(IncidentFenced, common, 0,
		"another file has taken over lineage %s; it has the slots up to %d in common with this one; stopped",
		o.Lineage(), common)
	err = o.db.Write(ctx, func(tx *boltdb.Tx) error {
		root := tx.Bucket(rootBucket)
		return errors.Join(putMeta(root, metaFenced, slotKey(common)), putIncident(root, f))
	})
	return f, err
}

// fencedAt returns where an earlier process was fenced, 0 when none was.
func fencedAt(root *bbolt.Bucket) (common uint64, fenced bool, err error) {
	value, err := getMeta(root, metaFenced)
	if value == nil || err != nil {
		return 0, false, err
	}
	return slotOf(value), true, nil
}

// fork begins another lineage after common, the last slot that the file shares with the one that owns the present
// lineage (rule P7). What comes after is published under the new one. What came before is the owner's to publish, of
// which it has published up to published: the rest is handed over, and so is what waits since then.
//
// The new name follows from the old one and the epoch of the first slot that is not shared. So copies of a copy, which
// share that slot too, fork into the same lineage, and settle there which of them publishes it.
func (o *Outbox) fork(ctx context.Context, epochs *history, common, published uint64) (f Incident, err error) {
	kept := epochs.after(common)
	next := identity{lineage: forkName(o.Lineage(), kept[0]), base: common}
	err = o.db.Write(ctx, func(tx *boltdb.Tx) error {
		root := tx.Bucket(rootBucket)
		given, err := o.handOver(root, common, published)
		if err != nil {
			return err
		}
		f = o.incident(IncidentForked, common, len(given),
			"another file owns lineage %s and shares the slots up to %d; later ones are published under the new "+
				"lineage %s; left to the other: %d messages",
			o.Lineage(), common, next.lineage, len(given))
		errs := []error{
			emptyBucket(root, tailsBucket, nil), emptyBucket(root, anchorsBucket, nil),
			emptyBucket(root, batchesBucket, slotKey(common+1)),
			putLineage(root, next), storeEpochs(root, kept), putIncident(root, f),
		}
		for _, key := range [][]byte{metaLog, metaRepair, metaFenced} {
			errs = append(errs, root.Bucket(metaBucket).Delete(key))
		}
		tx.AfterCommit(func() {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.id.Store(&next)
			o.position.Store(common)
			for i := range given {
				o.waits.handOver(given[i])
			}
			o.waits.passed(common)
		})
		return errors.Join(errs...)
	})
	return f, err
}

// handOver leaves to the lineage's owner what was appended up to common and is not known to be published, and returns
// the messages as they were.
func (o *Outbox) handOver(root *bbolt.Bucket, common, published uint64) ([]entry, error) {
	var given []entry
	err := root.Bucket(waitingBucket).ForEach(func(key, sealed []byte) error {
		e, err := decodeEntry(key, sealed)
		if err == nil && e.origin <= common && e.state != discarded && e.state != handedOver {
			given = append(given, e)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	rows := root.Bucket(messagesBucket)
	take := func(slot uint64) error {
		key := slotKey(slot)
		if root.Bucket(skippedBucket).Get(key) != nil {
			return nil // its entry speaks for it
		}
		r, err := decodeRow(key, rows.Get(key))
		if err == nil {
			given = append(given, r.entry(held))
		}
		return err
	}
	for slot := published + 1; slot <= common; slot++ {
		if err := take(slot); err != nil {
			return nil, err
		}
	}
	cursor := root.Bucket(retriedBucket).Cursor()
	for key, sealed := cursor.Seek(slotKey(common + 1)); key != nil; key, sealed = cursor.Next() {
		origin, err := sealedSlot(key, sealed)
		if err != nil {
			return nil, err
		}
		if origin > common {
			continue
		}
		if err := take(slotOf(key)); err != nil { // it has the message waiting, and sends it again
			return nil, err
		}
	}
	for i := range given {
		if err := handOverEntry(root, given[i]); err != nil {
			return nil, err
		}
	}
	return given, nil
}

func handOverEntry(root *bbolt.Bucket, e entry) error {
	key := slotKey(e.slot)
	if e.state == setAside {
		r, err := decodeRow(key, root.Bucket(messagesBucket).Get(key))
		if err != nil {
			return err
		}
		if err := root.Bucket(parkedBucket).Delete(r.message.ID[:]); err != nil {
			return err
		}
	}
	e.state = handedOver
	return errors.Join(
		putSealed(root.Bucket(skippedBucket), key, nil),
		root.Bucket(waitingBucket).Put(key, e.encode(key)),
	)
}

// emptyBucket deletes the keys of a bucket that are not below from.
func emptyBucket(root *bbolt.Bucket, name, from []byte) error {
	bucket := root.Bucket(name)
	var keys [][]byte
	cursor := bucket.Cursor()
	for key, _ := cursor.Seek(from); key != nil; key, _ = cursor.Next() {
		keys = append(keys, slices.Clone(key))
	}
	var errs []error
	for _, key := range keys {
		errs = append(errs, bucket.Delete(key))
	}
	return errors.Join(errs...)
}
