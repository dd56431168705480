package outbox

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/clock"
	"ordertally/shared/settings"
	"ordertally/shared/uuidv7"
)

// Config of an Outbox. The zero value is ready for use. Some are settings.
type Config struct {
	// QueueMessages and QueueBytes bound the queue in memory.
	QueueMessages int `name:"queue-messages" default:"10000" range:"1..1000000" help:"Most unpublished messages kept in memory; more are read from the file."`
	QueueBytes    int `name:"queue-bytes" default:"16777216" range:"1..1073741824" unit:"bytes" help:"Most bytes of unpublished messages kept in memory."`

	// Source is the CloudEvents source of every message.
	Source string `kong:"-"`
	// Retention is how long published messages are kept, counted from their commit, and discarded ones. Default 0: for
	// ever. The relay deletes them. What waits or is parked is kept however old.
	Retention time.Duration `kong:"-"`
	// Clock tells commit times. Default the machine's.
	Clock clock.Clock `kong:"-"`
}

// Outbox keeps messages in a database until they are published. It is safe for concurrent use.
type Outbox struct {
	db     *boltdb.DB
	config Config
	ids    *uuidv7.Source
	id     atomic.Pointer[identity]
	queue  *queue

	// position is the newest slot that was dealt with: published, or skipped.
	position atomic.Uint64
	// fenced is set when another file publishes under this one's lineage: nothing is appended any more.
	fenced atomic.Bool
	link   atomic.Pointer[Link]
	// held is what the relay waits for, nil when it does not.
	held atomic.Pointer[HeldBack]
	// sight is the newest look at what the publisher has, nil when it is not known to have anything; wanted asks for
	// another.
	sight  atomic.Pointer[sighting]
	wanted atomic.Bool
	// counts are the numbers of partitions, inLog that of the log as it was last seen, 0 before.
	counts atomic.Pointer[partitionCounts]
	inLog  atomic.Int32
	// retained is the number of rows in the messages bucket, expired those that retention deleted.
	retained, expired atomic.Int64

	// waits is the memory of the waiting bucket; guarded by mu.
	mu    sync.Mutex
	waits waits
}

// Open prepares the outbox in db, creating it in a new file, and reads back which messages wait or are parked.
func Open(ctx context.Context, db *boltdb.DB, config Config) (*Outbox, error) {
	settings.Fill(&config)
	if config.Clock == nil {
		config.Clock = clock.System{}
	}
	o := &Outbox{
		db:     db,
		config: config,
		ids:    uuidv7.NewSource(config.Clock, 0, uuidv7.ID{}),
		queue:  newQueue(config.QueueMessages, config.QueueBytes),
	}
	o.link.Store(&Link{State: LinkIdle, Since: config.Clock.Now().UTC()})
	if err := db.Write(ctx, o.create); err != nil {
		return nil, fmt.Errorf("open outbox: %w", err)
	}
	if err := db.View(ctx, o.load); err != nil {
		return nil, fmt.Errorf("open outbox: %w", err)
	}
	return o, nil
}

// create makes the buckets that the file lacks, all of them in a new one.
func (o *Outbox) create(tx *boltdb.Tx) error {
	root, err := tx.CreateBucketIfNotExists(rootBucket)
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range buckets() {
		_, err := root.CreateBucketIfNotExists(name)
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if key, _ := root.Bucket(lineagesBucket).Cursor().First(); key == nil {
		errs = append(errs, putLineage(root, identity{lineage: newName()}))
	}
	return errors.Join(errs...)
}

// load reads what is kept in memory.
func (o *Outbox) load(tx *bbolt.Tx) error {
	root := tx.Bucket(rootBucket)
	id, err := loadIdentity(root)
	if err != nil {
		return err
	}
	o.id.Store(&id)
	counts, err := loadCounts(root)
	if err != nil {
		return err
	}
	o.counts.Store(&counts)
	o.queue.tail = root.Bucket(messagesBucket).Sequence()
	position := id.base
	if last, _ := root.Bucket(batchesBucket).Cursor().Last(); last != nil {
		position = max(position, slotOf(last))
	}
	o.position.Store(position)
	if err := o.waits.load(root, position, o.db.Note); err != nil {
		return err
	}
	rows, err := countRows(root, o.waits.entries)
	o.retained.Store(rows)
	return err
}

// Lineage names the history of slots that new messages belong to. It changes when the file turns out to be a copy.
func (o *Outbox) Lineage() string { return o.id.Load().lineage }

// Append writes msg in the caller's transaction and returns its slot. The relay learns of it after the commit; when the
// transaction is rolled back, nothing was appended and the slot is given again. It runs in the database's committer.
// After ErrFenced the transaction may go on with other things.
func (o *Outbox) Append(tx *boltdb.Tx, msg Message) (slot uint64, err error) {
	if o.fenced.Load() {
		return 0, boltdb.Refuse(ErrFenced)
	}
	if msg.ID == (uuidv7.ID{}) {
		msg.ID = o.ids.Next()
	}
	r := row{message: msg}
	if err := o.appendRow(tx, &r); err != nil {
		return 0, fmt.Errorf("append to the outbox: %w", err)
	}
	tx.AfterCommit(func() { o.retained.Add(1) })
	return r.slot, nil
}

// appendRow gives r the next slot and its time, which are its origin and the time of its commit too unless it has
// those, and stores it.
func (o *Outbox) appendRow(tx *boltdb.Tx, r *row) error {
	messages := tx.Bucket(rootBucket).Bucket(messagesBucket)
	messages.FillPercent = tailFill
	slot, err := messages.NextSequence()
	if err != nil {
		return err
	}
	r.slot, r.slotted = slot, o.config.Clock.Now()
	if r.origin == 0 {
		r.origin, r.committed = slot, r.slotted
	}
	key := slotKey(slot)
	if err := messages.Put(key, r.encode(key)); err != nil {
		return err
	}
	committed := *r
	tx.AfterCommit(func() { o.queue.push(committed) })
	return nil
}

// read returns the rows after position in slot order, within the limits, and the slot it read to: every slot up to
// there either has a row in the result or was skipped. Rows at or past end, when that is not 0, are left to the queue.
func (o *Outbox) read(ctx context.Context, position, end uint64, maxRows, maxBytes int) (rows []row, to uint64,
	err error) {
	err = o.db.View(ctx, func(tx *bbolt.Tx) error {
		root := tx.Bucket(rootBucket)
		front, err := expiredSlot(root)
		if err != nil {
			return err
		}
		to = max(position, front) // what is left before the front waits
		skipped := root.Bucket(skippedBucket)
		bytes := 0
		cursor := root.Bucket(messagesBucket).Cursor()
		for k, v := cursor.Seek(slotKey(to + 1)); k != nil && len(rows) < maxRows; k, v = cursor.Next() {
			slot := slotOf(k)
			if end != 0 && slot >= end {
				break
			}
			for gap := to + 1; gap < slot; gap++ { // rows leave their slot only when it is skipped
				if skipped.Get(slotKey(gap)) == nil {
					return fmt.Errorf("read outbox message %d: %w: its row is missing", gap, boltdb.ErrCorrupt)
				}
			}
			if skipped.Get(k) != nil {
				to = slot
				continue
			}
			r, err := decodeRow(k, v)
			if err != nil {
				return err
			}
			if bytes += r.size(); bytes > maxBytes && len(rows) > 0 {
				return nil
			}
			rows = append(rows, r)
			to = slot
		}
		for skipped.Get(slotKey(to+1)) != nil { // skipped slots whose rows moved on leave no row behind
			to++
		}
		return nil
	})
	return rows, to, err
}

// notSkipped returns the newest slot of the lineage up to position that was not skipped, 0 when there is none: what
// ce_previous of the next message says.
func (o *Outbox) notSkipped(root *bbolt.Bucket, position uint64) uint64 {
	skipped, base := root.Bucket(skippedBucket), o.id.Load().base
	for slot := position; slot > base; slot-- {
		if skipped.Get(slotKey(slot)) == nil {
			return slot
		}
	}
	return 0
}

// advance sets the position, and returns whether messages that had to wait may be free.
func (o *Outbox) advance(position uint64) (recheck bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.position.Store(position)
	recheck = len(o.waits.moving) > 0
	o.waits.passed(position)
	return recheck
}
