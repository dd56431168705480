package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/codec"
	"ordertally/shared/uuidv7"
)

// LogRecord is a record of the log, as the lineage published it.
type LogRecord struct {
	Position
	Slot     uint64
	Previous uint64 // the slot published before it
	Time     time.Time
	Message  Message
}

// ErrOtherMessage says that the file has another message in the slot of a record. Somebody else wrote that record.
var ErrOtherMessage = errors.New("another message has this slot")

// AbsorbConfig of an Absorption.
type AbsorbConfig struct {
	Lineage    string
	Partitions int // of the log
	// Since is the time from which messages are kept for being published again. Older ones are left out, unless the
	// file had messages before.
	Since time.Time
}

// Absorption rebuilds an outbox out of the records of its log, on top of what the file has (rule P12). The file must be
// new, or a copy of one that the lineage had. Nobody else may use it meanwhile. Records may come in any order, and more
// than once.
type Absorption struct {
	config AbsorbConfig

	base      uint64                // the last slot that the file had from the start
	front     uint64                // the slot up to which its messages had expired
	published uint64                // the last slot that it knew as published
	unsent    map[uuidv7.ID]*unsent // messages of the file that it did not know as published

	found  foundSlots
	passed []SlotSpan // slots between a record and the one published before it
	ends   tails
	firsts map[int32]uint64 // partition -> the first slot found there
	aged   uint64           // the newest slot whose row was left out
	newest uint64           // of all records
	spread spread
}

// unsent is a message of the file that it did not know as published. Without an entry it was next.
type unsent struct {
	slot, origin uint64
	entry        bool
}

// Absorb begins. A new file takes the lineage.
func Absorb(ctx context.Context, db *boltdb.DB, config AbsorbConfig) (*Absorption, error) {
	a := &Absorption{
		config: config, unsent: map[uuidv7.ID]*unsent{}, found: foundSlots{}, ends: tails{}, firsts: map[int32]uint64{},
		spread: newSpread(config.Partitions),
	}
	err := db.Write(ctx, func(tx *boltdb.Tx) error {
		root, err := createRoot(tx)
		if err != nil {
			return err
		}
		if key, _ := root.Bucket(lineagesBucket).Cursor().First(); key == nil {
			if err := putLineage(root, identity{lineage: config.Lineage}); err != nil {
				return err
			}
		}
		return a.remember(root)
	})
	if err != nil {
		return nil, fmt.Errorf("absorb a log: %w", err)
	}
	return a, nil
}

// remember reads what the file has.
func (a *Absorption) remember(root *bbolt.Bucket) error {
	id, err := loadIdentity(root)
	if err != nil {
		return err
	}
	a.base, a.published = root.Bucket(messagesBucket).Sequence(), id.base
	if a.front, err = expiredSlot(root); err != nil {
		return err
	}
	if last, _ := root.Bucket(batchesBucket).Cursor().Last(); last != nil {
		a.published = max(a.published, slotOf(last))
	}
	messages := root.Bucket(messagesBucket)
	note := func(key []byte, origin uint64, waits bool) error {
		r, err := decodeRow(key, messages.Get(key))
		if err == nil {
			a.unsent[r.message.ID] = &unsent{slot: slotOf(key), origin: origin, entry: waits}
		}
		return err
	}
	err = root.Bucket(waitingBucket).ForEach(func(key, sealed []byte) error {
		e, err := decodeEntry(key, sealed)
		if err != nil || e.state == discarded {
			return err
		}
		return note(key, e.origin, true)
	})
	if err != nil {
		return err
	}
	cursor := messages.Cursor()
	for key, sealed := cursor.Seek(slotKey(a.published + 1)); key != nil; key, sealed = cursor.Next() {
		if root.Bucket(skippedBucket).Get(key) != nil {
			continue
		}
		origin, _, err := rowAge(key, sealed)
		if err != nil {
			return err
		}
		if err := note(key, origin, false); err != nil {
			return err
		}
	}
	return nil
}

// Base returns the last slot that the file had before, or 0.
func (a *Absorption) Base() uint64 { return a.base }

// Newest returns the newest slot of the records so far, or 0.
func (a *Absorption) Newest() uint64 { return a.newest }

// Put notes a record. fresh is false if it was noted before, or if the file had it before.
func (a *Absorption) Put(tx *boltdb.Tx, r *LogRecord) (fresh bool, err error) {
	root, key := tx.Bucket(rootBucket), slotKey(r.Slot)
	messages := root.Bucket(messagesBucket)
	fresh = !a.found.has(r.Slot) && r.Slot > a.base
	if !fresh {
		sealed := messages.Get(key)
		if sealed != nil {
			known, err := decodeRow(key, sealed)
			if err != nil {
				return false, err
			}
			if known.message.ID != r.Message.ID {
				return false, ErrOtherMessage
			}
		}
		if fresh = sealed == nil && r.Slot > a.front && r.Slot <= a.base; fresh { // the base was damaged there
			if err := root.Bucket(skippedBucket).Delete(key); err != nil {
				return false, err
			}
		}
	}
	a.note(r)
	if a.base == 0 && r.Time.Before(a.config.Since) {
		a.aged = max(a.aged, r.Slot)
		return fresh, nil
	}
	stored := StoredRecord{Position: r.Position, Slot: r.Slot}
	if fresh {
		messages.FillPercent = tailFill
		next := row{slot: r.Slot, origin: r.Slot, committed: r.Time, slotted: r.Time, message: r.Message}
		if r.Message.Stored {
			next.sum = checksum(r.Message.Value)
		}
		if before := a.unsent[r.Message.ID]; before != nil {
			if next.origin = before.origin; next.origin != r.Slot {
				err = a.move(root, before, &next)
			}
		}
		if err := errors.Join(err, messages.Put(key, next.encode(nil, key))); err != nil {
			return false, err
		}
	}
	delete(a.unsent, r.Message.ID)
	return fresh, putAgain(root, &stored, r.Time)
}

// note keeps in memory what Finish needs.
func (a *Absorption) note(r *LogRecord) {
	first := !a.found.has(r.Slot)
	a.found.add(r.Slot)
	a.newest = max(a.newest, r.Slot)
	if first && r.Previous+1 < r.Slot {
		a.passed = append(a.passed, SlotSpan{r.Previous + 1, r.Slot - 1})
	}
	if known, ok := a.firsts[r.Partition]; !ok || r.Slot < known {
		a.firsts[r.Partition] = r.Slot
	}
	end := a.ends[r.Partition]
	if end.Slot == 0 || r.Offset > end.Offset {
		end.StoredRecord = StoredRecord{Position: r.Position, Slot: r.Slot}
	}
	end.last = max(end.last, r.Slot)
	a.ends[r.Partition] = end
	if r.Slot > a.base {
		a.spread.add(r.Slot, r.Message.Key, r.Partition)
	}
}

// move gives a message of the file the slot that it was published under later.
func (a *Absorption) move(root *bbolt.Bucket, before *unsent, next *row) error {
	old := slotKey(before.slot)
	known, err := decodeRow(old, root.Bucket(messagesBucket).Get(old))
	if err != nil {
		return err
	}
	next.committed, next.attempts, next.firstFailed = known.committed, known.attempts, known.firstFailed
	return errors.Join(
		root.Bucket(messagesBucket).Delete(old),
		root.Bucket(waitingBucket).Delete(old),
		root.Bucket(parkedBucket).Delete(known.message.ID[:]),
		root.Bucket(retriedBucket).Delete(old),
		putSealed(root.Bucket(skippedBucket), old, nil),
		putSealed(root.Bucket(movedBucket), slotKey(before.origin), slotKey(next.slot)),
		putSealed(root.Bucket(retriedBucket), slotKey(next.slot), slotKey(before.origin)),
	)
}

// LogEnd is what is known about a log when all of it was read.
type LogEnd struct {
	Watermark uint64          // the last slot that was published or skipped
	Last      uint64          // the last slot that counts as given: the next message gets the one after it
	Starts    map[int32]int64 // the first offset of each partition
}

// Absorbed says what a log lacks.
type Absorbed struct {
	// Passed are slots whose messages waited or were parked when it was their turn. Those that were published later
	// have other slots.
	Passed []SlotSpan `json:"passed"`
	// Expired are slots of messages that the log's retention may have deleted.
	Expired []SlotSpan `json:"expired"`
	// Lost are slots that were published, and are in the log no more.
	Lost []SlotSpan `json:"lost"`
	// Again is how many messages of the file will be published again, under new slots, because the log never got them.
	Again int `json:"again"`
	// Kept is how many messages of the file wait or are parked, as before.
	Kept int `json:"kept"`
}

// Finish completes the outbox: it is ready to go on after end.Last. It publishes nothing again that was published.
func (a *Absorption) Finish(ctx context.Context, db *boltdb.DB, end LogEnd) (done Absorbed, err error) {
	expired := a.expired(end)
	var front uint64
	if a.base == 0 {
		front = a.aged
		if a.lowest() > 1 {
			front = max(front, a.lowest()-1)
		}
	}
	if end.Watermark == 0 {
		front = 0
	}
	passed := newSpans(a.passed)
	missing := a.found.missing(a.base+1, end.Last)
	for _, run := range missing {
		for _, part := range passed.split(run) {
			switch {
			case part.known:
				done.Passed = append(done.Passed, part.SlotSpan)
			case part.First <= expired:
				before, after := part.cut(expired)
				done.Expired = append(done.Expired, before)
				if after.First <= after.Last {
					done.Lost = append(done.Lost, after)
				}
			default:
				done.Lost = append(done.Lost, part.SlotSpan)
			}
		}
	}
	for _, run := range missing {
		if err := markMissing(ctx, db, run, front); err != nil {
			return done, fmt.Errorf("absorb a log: %w", err)
		}
	}
	err = db.Write(ctx, func(tx *boltdb.Tx) error {
		done.Again, done.Kept = 0, 0
		root := tx.Bucket(rootBucket)
		errs := []error{a.putFront(root, front), a.putEnds(root, end), a.spread.store(root, a.base)}
		sequence := max(end.Last, a.base)
		errs = append(errs, root.Bucket(messagesBucket).SetSequence(sequence))
		if end.Watermark > 0 {
			b := batch{first: end.Watermark, last: end.Watermark}
			errs = append(errs, b.store(root))
		}
		return errors.Join(append(errs, a.rest(tx, end, expired, &done))...)
	})
	if err != nil {
		return done, fmt.Errorf("absorb a log: %w", err)
	}
	return done, nil
}

// lowest returns the first slot that was found, or 0.
func (a *Absorption) lowest() (slot uint64) {
	for _, first := range a.firsts {
		if slot == 0 || first < slot {
			slot = first
		}
	}
	return slot
}

// expired returns the slot up to which the log's retention may have deleted messages.
func (a *Absorption) expired(end LogEnd) (slot uint64) {
	for partition, start := range end.Starts {
		if start == 0 {
			continue
		}
		first, found := a.firsts[partition]
		if !found {
			return end.Watermark
		}
		slot = max(slot, first-1)
	}
	return slot
}

// markStep is how many slots one transaction marks.
const markStep = 100_000

// markMissing marks slots of which nothing is known as skipped, so that nobody looks for their messages.
func markMissing(ctx context.Context, db *boltdb.DB, run SlotSpan, front uint64) error {
	for first := max(run.First, front+1); first <= run.Last; first += markStep {
		err := db.Write(ctx, func(tx *boltdb.Tx) error {
			skipped := tx.Bucket(rootBucket).Bucket(skippedBucket)
			skipped.FillPercent = tailFill
			for slot := first; slot <= min(run.Last, first+markStep-1); slot++ {
				if err := putSealed(skipped, slotKey(slot), nil); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// putFront notes up to where messages have expired, and drops the few rows before.
func (a *Absorption) putFront(root *bbolt.Bucket, front uint64) error {
	if front == 0 {
		return nil
	}
	var old [][]byte
	cursor := root.Bucket(messagesBucket).Cursor()
	for key, _ := cursor.First(); key != nil && slotOf(key) <= front; key, _ = cursor.Next() {
		old = append(old, append([]byte(nil), key...))
	}
	errs := []error{root.Bucket(metaBucket).Put(expiredKey, codec.Seal(expiredKey, slotKey(front)))}
	for _, key := range old {
		errs = append(errs, root.Bucket(messagesBucket).Delete(key), root.Bucket(againBucket).Delete(key))
	}
	return errors.Join(errs...)
}

// putEnds stores the last record of each partition. For one without a record it is what was there when reading began.
func (a *Absorption) putEnds(root *bbolt.Bucket, end LogEnd) error {
	before, err := loadTails(root)
	if err != nil {
		return err
	}
	for partition, start := range end.Starts {
		t, found := a.ends[partition]
		if !found {
			t.StoredRecord = StoredRecord{Position: Position{Partition: partition, Offset: start - 1}}
		}
		t.last = max(t.last, before[partition].last)
		a.ends[partition] = t
	}
	return errors.Join(emptyBucket(root.Bucket(tailsBucket), nil), a.ends.store(root))
}

// Ends returns the last record of each partition, after Finish.
func (a *Absorption) Ends() map[int32]StoredRecord {
	ends := make(map[int32]StoredRecord, len(a.ends))
	for partition, t := range a.ends {
		ends[partition] = t.StoredRecord
	}
	return ends
}

// rest deals with the messages of the file that are not in the log. One that was next, and was passed over, gets a new
// slot. One that the log may have had and deleted counts as published.
func (a *Absorption) rest(tx *boltdb.Tx, end LogEnd, expired uint64, done *Absorbed) error {
	for _, u := range a.unsent {
		switch {
		case u.entry:
			done.Kept++
			continue
		case u.slot > end.Watermark || u.slot <= expired:
			continue
		}
		if err := a.again(tx, u); err != nil {
			return err
		}
		done.Again++
	}
	return nil
}

// again moves a message to the tail.
func (a *Absorption) again(tx *boltdb.Tx, u *unsent) error {
	root := tx.Bucket(rootBucket)
	messages, old := root.Bucket(messagesBucket), slotKey(u.slot)
	r, err := decodeRow(old, messages.Get(old))
	if err != nil {
		return err
	}
	slot, err := messages.NextSequence()
	if err != nil {
		return err
	}
	r.slot, r.slotted = slot, time.Now()
	key := slotKey(slot)
	return errors.Join(
		messages.Delete(old),
		putSealed(root.Bucket(skippedBucket), old, nil),
		root.Bucket(retriedBucket).Delete(old),
		messages.Put(key, r.encode(nil, key)),
		putSealed(root.Bucket(movedBucket), slotKey(r.origin), key),
		putSealed(root.Bucket(retriedBucket), key, slotKey(r.origin)),
	)
}

// StateOf returns the lineage of a file's new messages, "" if that could not be read, and the last slot that it gave.
func StateOf(tx *bbolt.Tx) (lineage string, last uint64, err error) {
	root := tx.Bucket(rootBucket)
	if root == nil || root.Bucket(lineagesBucket) == nil || root.Bucket(messagesBucket) == nil {
		return "", 0, fmt.Errorf("read the outbox: %w: it is missing", boltdb.ErrCorrupt)
	}
	last = root.Bucket(messagesBucket).Sequence()
	if key, _ := root.Bucket(lineagesBucket).Cursor().First(); key == nil {
		return "", last, nil // it was damaged there
	}
	id, err := loadIdentity(root)
	return id.lineage, last, err
}
