package recovery

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/outbox"
)

// Takeover is how a file that was rebuilt from the log takes over its lineage (rule P13). The lineage's epochs go on in
// it, so whoever published before finds another file's epochs there and stops.
type Takeover struct {
	epochs history
}

// NewTakeover reads the epochs that stand with the log's watermark, and those of the file in db, which may have none.
// tail is the last slot that the file gave. common is the last slot that both have in common.
//
// Without a watermark the file's epochs go on, and all of its slots are in common.
func NewTakeover(ctx context.Context, db *boltdb.DB, tail uint64, watermark outbox.Watermark, known bool) (
	t *Takeover, common uint64, err error) {
	mine := history{tail: tail}
	err = db.Write(ctx, func(tx *boltdb.Tx) error {
		root, err := createBuckets(tx)
		if err == nil {
			mine.epochs, mine.dropped, err = loadEpochs(root)
		}
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("read the epochs: %w", err)
	}
	theirs, readable := decodeNote(watermark.Note)
	if !known || !readable {
		return &Takeover{mine}, tail, nil
	}
	theirs.tail = max(theirs.tail, watermark.Slot)
	if len(mine.epochs) == 0 {
		return &Takeover{theirs}, min(tail, theirs.tail), nil
	}
	if mine.extends(&theirs) { // the file is the newest of its lineage
		return &Takeover{mine}, tail, nil
	}
	common, sure := mine.common(&theirs)
	if !sure {
		return nil, 0, errors.New("the file is so old that the log no longer knows its epochs: restore without it")
	}
	return &Takeover{mine.followed(&theirs)}, min(common, tail), nil
}

// followed returns the epochs of other, after those of h that other has dropped.
func (h *history) followed(other *history) history {
	whole := *other
	if extra := other.dropped - h.dropped; extra > 0 && extra <= len(h.epochs) {
		whole.epochs = append(append([]epoch(nil), h.epochs[:extra]...), other.epochs...)
		whole.dropped = h.dropped
	}
	return whole
}

// Begin adds an epoch that begins with slot first.
func (t *Takeover) Begin(first uint64) {
	t.epochs.epochs = append(t.epochs.epochs, epoch{newName(), first})
}

// Note returns the note to publish with the watermark. It claims the lineage.
func (t *Takeover) Note(tail uint64) string {
	claimed := t.epochs
	claimed.tail = tail
	return claimed.encode()
}

// Store completes the file: the epochs, the log, and the last record of each partition. A file that published to
// another log keeps that one's id, so that what it published is looked for in this one.
func (t *Takeover) Store(ctx context.Context, db *boltdb.DB, logID string, ends map[int32]outbox.StoredRecord) error {
	err := db.Write(ctx, func(tx *boltdb.Tx) error {
		root, err := createBuckets(tx)
		if err != nil {
			return err
		}
		before, err := getMeta(root, metaLog)
		if err != nil {
			return err
		}
		errs := []error{t.storeEpochs(root), storeAnchors(root, ends), root.Bucket(metaBucket).Delete(metaFenced)}
		if len(before) == 0 {
			errs = append(errs, putMeta(root, metaLog, []byte(logID)))
		}
		return errors.Join(errs...)
	})
	if err != nil {
		return fmt.Errorf("take over the lineage: %w", err)
	}
	return nil
}

// storeEpochs replaces the epochs of the file. They keep their numbers.
func (t *Takeover) storeEpochs(root *bbolt.Bucket) error {
	bucket, err := anew(root, epochsBucket)
	if err != nil {
		return err
	}
	if err := bucket.SetSequence(uint64(t.epochs.dropped)); err != nil { //nolint:gosec // not negative
		return err
	}
	for _, e := range t.epochs.epochs {
		if err := addEpoch(root, e); err != nil {
			return err
		}
	}
	return nil
}

// createBuckets makes the buckets that the file lacks.
func createBuckets(tx *boltdb.Tx) (*bbolt.Bucket, error) {
	root, err := tx.CreateBucketIfNotExists(rootBucket)
	if err != nil {
		return nil, err
	}
	for _, name := range [][]byte{metaBucket, epochsBucket, anchorsBucket} {
		if _, err := root.CreateBucketIfNotExists(name); err != nil {
			return nil, err
		}
	}
	return root, nil
}

// Tail returns the last slot that the lineage is known to have given. Those after the watermark were never published.
func (t *Takeover) Tail() uint64 { return t.epochs.tail }

// SetFirst changes the first slot of the epoch that Begin added.
func (t *Takeover) SetFirst(first uint64) { t.epochs.epochs[len(t.epochs.epochs)-1].first = first }
