package outbox

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/codec"
	"ordertally/shared/clock"
	"ordertally/shared/settings"
	"ordertally/shared/uuidv7"
)

// Config configures an Outbox. The zero value is ready for use. Some fields are settings.
type Config struct {
	// Most unpublished messages kept in memory; more are read from the file.
	QueueMessages int `name:"queue-messages" default:"10000" range:"1..1000000"`
	// Most bytes of unpublished messages kept in memory.
	QueueBytes int `name:"queue-bytes" default:"16777216" range:"1..1073741824" unit:"bytes"`

	// Source is the CloudEvents source of every message.
	Source string `kong:"-"`
	// Retention is how long published and discarded messages are kept. For published ones it counts from their commit.
	// Default 0: for ever. The relay deletes them. A message that waits or is parked is kept however old it is.
	Retention time.Duration `kong:"-"`
	// Content completes messages that are Stored. Default nil: the outbox keeps the whole of every message.
	Content Content `kong:"-" json:"-"`
	// MaxFreePages is how many pages of the file may be free before the deletion of old messages waits. Default
	// boltdb.MaxFreePages.
	MaxFreePages int `kong:"-" json:"-"`
	// Clock gives commit times. Default: the machine's.
	Clock clock.Clock `kong:"-"`
}

// Outbox keeps messages in a database until they are published. It is safe for concurrent use.
type Outbox struct {
	db     *boltdb.DB
	config Config
	ids    *uuidv7.Source
	id     atomic.Pointer[identity]
	queue  *queue
	// appended is of the group that is being committed.
	appended appended

	// position is the newest slot that was published or skipped.
	position atomic.Uint64
	// fenced is set when another file publishes under this one's lineage. Nothing is appended any more.
	fenced atomic.Bool
	link   atomic.Pointer[Link]
	// settled is closed once the relay has reached the publisher, or could not.
	settled chan struct{}
	settle  sync.Once
	// held is what the relay waits for, or nil.
	held atomic.Pointer[HeldBack]
	// sight is the newest look that confirmed what was published, or nil. wanted asks for another look.
	sight  atomic.Pointer[sighting]
	wanted atomic.Bool
	// counts are the numbers of partitions. inLog is the log's number when it was last seen, or 0.
	counts atomic.Pointer[partitionCounts]
	inLog  atomic.Int32
	// retained is the number of rows in the messages bucket. expired is how many retention deleted.
	retained, expired atomic.Int64

	// republishing passes calls of Republish to the relay.
	republishing chan *republishing

	// awaited are the calls of Await. Whoever holds mu may use it, not the other way round.
	awaited awaited

	// waits mirrors the waiting bucket in memory. mu guards it.
	mu    sync.Mutex
	waits waits
}

// Open prepares the outbox in db, and creates it in a new file. It reads which messages wait or are parked.
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

		republishing: make(chan *republishing),
		settled:      make(chan struct{}),
	}
	o.setLink(LinkIdle, nil)
	if err := db.Write(ctx, o.create); err != nil {
		return nil, fmt.Errorf("open outbox: %w", err)
	}
	if err := db.View(ctx, func(tx *bbolt.Tx) error { return o.load(tx, db.Note) }); err != nil {
		return nil, fmt.Errorf("open outbox: %w", err)
	}
	return o, nil
}

// create makes the buckets that the file lacks. In a new file these are all.
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

// load reads into memory what is kept there. A damaged entry goes to note.
func (o *Outbox) load(tx *bbolt.Tx, note func(error)) error {
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
	o.awaited.committed = position
	if err := o.waits.load(root, position, note); err != nil {
		return err
	}
	rows, err := countRows(root, o.waits.entries)
	o.retained.Store(rows)
	return err
}

// Lineage returns the name of the lineage of new messages. It changes if the file turns out to be a copy.
func (o *Outbox) Lineage() string { return o.id.Load().lineage }

// Fenced reports whether another service has taken over the lineage. See ErrFenced.
func (o *Outbox) Fenced() bool { return o.fenced.Load() }

// Append writes msg in the caller's transaction and returns its slot. It runs in the database's committer. The relay
// learns of the message after the commit. If the transaction is rolled back, nothing was appended, and the slot is
// given again. After ErrFenced the transaction may still write other things.
func (o *Outbox) Append(tx *boltdb.Tx, msg Message) (slot uint64, err error) {
	if o.fenced.Load() {
		return 0, boltdb.Refuse(ErrFenced)
	}
	if msg.ID == (uuidv7.ID{}) {
		msg.ID = o.ids.Next()
	}
	msg.Stored = msg.Stored && o.config.Content != nil
	r := row{message: msg}
	if msg.Stored {
		r.sum = checksum(msg.Value)
	}
	if err := o.appendRow(tx, &r, 1); err != nil {
		return 0, fmt.Errorf("append to the outbox: %w", err)
	}
	return r.slot, nil
}

// appendRow stores r under the next slot. A new message takes that slot as its origin and now as its commit time. One
// that is tried again keeps both. more is by how many rows the outbox has grown then.
func (o *Outbox) appendRow(tx *boltdb.Tx, r *row, more int64) error {
	a := &o.appended
	a.begin(o, tx)
	slot, err := a.messages.NextSequence()
	if err != nil {
		return err
	}
	r.slot, r.slotted = slot, o.config.Clock.Now()
	if r.origin == 0 {
		r.origin, r.committed = slot, r.slotted
	}
	binary.BigEndian.PutUint64(a.key[:], slot)
	if err := a.messages.Put(a.key[:], r.encode(&a.arena, a.key[:])); err != nil {
		return err
	}
	a.rows = append(a.rows, *r)
	a.more += more
	return nil
}

// appended is what the running group of requests has appended. It belongs to one transaction: a group that is run again
// has another (rule G2). Only the committer uses it.
type appended struct {
	outbox   *Outbox
	tx       *bbolt.Tx
	messages *bbolt.Bucket
	rows     []row
	more     int64 // by how many rows the outbox has grown
	arena    codec.Arena
	key      [8]byte // of the newest row
}

// begin begins what a transaction appends.
func (a *appended) begin(o *Outbox, tx *boltdb.Tx) {
	if a.tx == tx.Tx {
		return
	}
	a.reset()
	a.outbox, a.tx, a.messages = o, tx.Tx, tx.Bucket(rootBucket).Bucket(messagesBucket)
	a.messages.FillPercent = tailFill
	tx.Join(a)
}

func (a *appended) reset() {
	clear(a.rows)
	if cap(a.rows) > mostSpareRows {
		a.rows = nil
	}
	a.arena.Reset()
	*a = appended{rows: a.rows[:0], arena: a.arena}
}

// mostSpareRows is how many rows a group may have whose memory is kept for the next one.
const mostSpareRows = 1024

// BeforeCommit implements boltdb.Together.
func (a *appended) BeforeCommit() error { return nil }

// Committed implements boltdb.Together: the relay learns of the messages.
func (a *appended) Committed() {
	a.outbox.retained.Add(a.more)
	a.outbox.queue.push(a.rows)
	a.reset()
}

// read returns the rows after position in slot order, within the limits. It also returns the slot it read up to. Every
// slot up to there has a row in the result or was skipped. If end is not 0, rows from end on are left to the queue.
func (o *Outbox) read(ctx context.Context, position, end uint64, maxRows, maxBytes int) (rows []row, to uint64,
	err error) {
	err = o.db.View(ctx, func(tx *bbolt.Tx) error {
		root := tx.Bucket(rootBucket)
		front, err := expiredSlot(root)
		if err != nil {
			return err
		}
		to = max(position, front) // what is left before the front waits
		skipped := newSkips(root, to+1)
		bytes := 0
		cursor := root.Bucket(messagesBucket).Cursor()
		for k, v := cursor.Seek(slotKey(to + 1)); k != nil && len(rows) < maxRows; k, v = cursor.Next() {
			slot := slotOf(k)
			if end != 0 && slot >= end {
				break
			}
			for gap := to + 1; gap < slot; gap++ { // a row leaves its slot only when it is skipped
				if !skipped.has(gap) {
					return fmt.Errorf("read outbox message %d: %w: its row is missing", gap, boltdb.ErrCorrupt)
				}
			}
			if skipped.has(slot) {
				to = slot
				continue
			}
			r, err := o.config.Content.read(tx, k, v)
			if err != nil {
				return err
			}
			if bytes += r.size(); bytes > maxBytes && len(rows) > 0 {
				return nil
			}
			rows = append(rows, r)
			to = slot
		}
		for skipped.has(to + 1) { // a skipped slot whose row moved has no row
			to++
		}
		return nil
	})
	return rows, to, err
}

// notSkipped returns the newest slot of the lineage up to position that was not skipped, or 0. The next message has it
// as ce_previous.
func (o *Outbox) notSkipped(root *bbolt.Bucket, position uint64) uint64 {
	skipped, base := root.Bucket(skippedBucket), o.id.Load().base
	for slot := position; slot > base; slot-- {
		if skipped.Get(slotKey(slot)) == nil {
			return slot
		}
	}
	return 0
}

// advance sets the position. It reports whether messages that had to wait may be free now.
func (o *Outbox) advance(position uint64) (recheck bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.position.Store(position)
	o.awaited.pass(position, o.waits.skippedUpTo(position))
	recheck = len(o.waits.moving) > 0
	o.waits.passed(position)
	return recheck
}
