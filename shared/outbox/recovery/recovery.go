// Package recovery keeps an outbox and its publisher in agreement.
//
//	whose lineage is it? ──> what does the log have? ──> publish what it lacks ──> the relay goes on
//	epochs: fork or fence     its ends, or a scan        settle
//
// A file that another service has overtaken is fenced, or begins a new lineage if it may. A log that lost records gets
// them again. Each such case is an outbox.Incident. Comments name the rules of docs/protocol.md, such as P7.
//
// It works with publishers whose sessions are an outbox.Log. With any other, it recognises only copies.
package recovery

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/rs/zerolog"
	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/codec"
	"ordertally/shared/outbox"
)

// These are the buckets of a recovery. All are in one bucket of the file.
var (
	rootBucket    = []byte("recovery")
	metaBucket    = []byte("meta")
	epochsBucket  = []byte("epochs")  // number -> one opening of the file
	anchorsBucket = []byte("anchors") // partition -> the last record published there before this session
)

// These are the keys of metaBucket.
var (
	metaLog    = []byte("log")    // id of the log that the lineage publishes to; absent until it first publishes
	metaRepair = []byte("repair") // present while messages that the log lost are being published again
	metaFenced = []byte("fenced") // the last slot in common with the service that took over
	metaForked = []byte("forked") // present since a fork until the file is opened without Config.Fork
)

// Config configures a Recovery.
type Config struct {
	// Fork lets a file that another service has overtaken begin a lineage of its own. It holds for one divergence: once
	// the file has forked, it may fork again only after it was opened without Fork. So a flag that is left behind does
	// not turn every later divergence into a fork.
	Fork bool
}

// Recovery is the outbox.Recovery of one file.
type Recovery struct {
	db      *boltdb.DB
	outbox  *outbox.Outbox
	history outbox.History
	logger  zerolog.Logger

	// What follows belongs to the relay's goroutine.
	epochs  history
	claimed bool // the publisher has this file's epochs

	mayFork bool // see Config.Fork
}

var _ outbox.Recovery = (*Recovery)(nil)

// Open prepares the recovery of o, which is in db, and begins an epoch. It must be called before the first Append. The
// error is outbox.ErrFenced if the file is known to be overtaken and may not fork.
func Open(
	ctx context.Context, db *boltdb.DB, o *outbox.Outbox, config Config, logger zerolog.Logger,
) (*Recovery, error) {
	r := &Recovery{db: db, outbox: o, history: o.History(), logger: logger}
	var fenced bool
	err := db.Write(ctx, func(tx *boltdb.Tx) error {
		root, err := createBuckets(tx)
		if err != nil {
			return err
		}
		meta := root.Bucket(metaBucket)
		r.mayFork = config.Fork && meta.Get(metaForked) == nil
		if !config.Fork {
			if err := meta.Delete(metaForked); err != nil {
				return err
			}
		}
		if fenced = meta.Get(metaFenced) != nil && !r.mayFork; fenced {
			return nil
		}
		return addEpoch(root, epoch{newName(), r.history.LastSlot() + 1})
	})
	if err == nil && fenced {
		err = outbox.ErrFenced
	}
	if config.Fork && !r.mayFork {
		logger.Warn().Msg("the file forked at an earlier start and may not fork again: start without --fork")
	}
	if err != nil {
		return nil, fmt.Errorf("open the outbox's recovery: %w", err)
	}
	return r, nil
}

// Note implements outbox.Recovery. It returns the epochs.
func (r *Recovery) Note() string {
	r.epochs.tail = r.history.LastSlot()
	return r.epochs.encode()
}

// Report returns a report on the outbox with the newest incidents, at most limit.
func (r *Recovery) Report(ctx context.Context, limit int) (outbox.Report, error) {
	report, err := r.outbox.Report(ctx, limit)
	if err != nil {
		return report, err
	}
	err = r.db.View(ctx, func(tx *bbolt.Tx) error {
		root := tx.Bucket(rootBucket)
		log, err := getMeta(root, metaLog)
		report.LogID, report.Repair = string(log), root.Bucket(metaBucket).Get(metaRepair) != nil
		return err
	})
	return report, err
}

func getMeta(root *bbolt.Bucket, key []byte) (value []byte, err error) {
	sealed := root.Bucket(metaBucket).Get(key)
	if sealed == nil {
		return nil, nil
	}
	if value, err = codec.Unseal(key, sealed); err != nil {
		return nil, fmt.Errorf("read %s of the outbox's recovery: %w", key, err)
	}
	return append([]byte{}, value...), nil
}

func putMeta(root *bbolt.Bucket, key, value []byte) error {
	return root.Bucket(metaBucket).Put(key, codec.Seal(key, value))
}

// anew empties a bucket and returns it.
func anew(root *bbolt.Bucket, name []byte) (*bbolt.Bucket, error) {
	if err := root.DeleteBucket(name); err != nil {
		return nil, err
	}
	return root.CreateBucket(name)
}

// Root returns the name of the bucket that a recovery is in.
func Root() []byte { return rootBucket }

// Check is a boltdb.Checker for that bucket.
func Check(r *boltdb.Record) error {
	if r.IsBucket {
		if len(r.Path) == 0 || len(r.Path) == 1 && sizes[string(r.Key)] != nil {
			return nil
		}
		return errors.New("a recovery has no such bucket")
	}
	if len(r.Path) != 2 {
		return errors.New("no record belongs there")
	}
	value, err := codec.Unseal(r.Key, r.Value)
	if err != nil {
		return err
	}
	if want := sizes[string(r.Path[1])]; want == nil || want[0] > 0 &&
		(len(r.Key) != want[0] || len(value) != want[1]) {
		return fmt.Errorf("%w: %d bytes under a key of %d", boltdb.ErrCorrupt, len(value), len(r.Key))
	}
	return nil
}

// sizes are those of key and value, by bucket. 0 stands for any size.
var sizes = map[string][]int{
	string(metaBucket): {0, 0}, string(epochsBucket): {8, epochNameSize + 8}, string(anchorsBucket): {4, 16},
}

// loadAnchors reads the last record of each partition from before this session (rule P8a). An anchor advances only when
// a connect saw both it and the newest record, or to what a scan found. With the newest record alone, nobody would
// notice what the log lost between a connect and the next record of the partition.
func loadAnchors(root *bbolt.Bucket) (map[int32]outbox.StoredRecord, error) {
	anchors := map[int32]outbox.StoredRecord{}
	err := root.Bucket(anchorsBucket).ForEach(func(key, sealed []byte) error {
		value, err := codec.Unseal(key, sealed)
		if err != nil || len(value) != 16 || len(key) != 4 {
			return fmt.Errorf("read the anchor of partition %x: %w", key, boltdb.ErrCorrupt)
		}
		at := outbox.Position{
			Partition: int32(binary.BigEndian.Uint32(key)),   //nolint:gosec // written from an int32
			Offset:    int64(binary.BigEndian.Uint64(value)), //nolint:gosec // written from an int64
		}
		anchors[at.Partition] = outbox.StoredRecord{Position: at, Slot: binary.BigEndian.Uint64(value[8:])}
		return nil
	})
	return anchors, err
}

func storeAnchors(root *bbolt.Bucket, anchors map[int32]outbox.StoredRecord) error {
	bucket, err := anew(root, anchorsBucket)
	if err != nil {
		return err
	}
	for partition, a := range anchors {
		key := binary.BigEndian.AppendUint32(nil, uint32(partition))  //nolint:gosec // not negative
		value := binary.BigEndian.AppendUint64(nil, uint64(a.Offset)) //nolint:gosec // only read back as int64
		if err := bucket.Put(key, codec.Seal(key, binary.BigEndian.AppendUint64(value, a.Slot))); err != nil {
			return err
		}
	}
	return nil
}
