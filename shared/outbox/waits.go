package outbox

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/codec"
	"ordertally/shared/uuidv7"
)

// waitState says why a skipped message has no new slot yet.
type waitState byte

const (
	retrying  waitState = iota + 1 // it was refused through its own fault, and is due later
	held                           // it follows one of its key that is not published yet
	setAside                       // it failed too often and is parked: an operator decides
	discarded                      // an operator decided never to publish it
)

// entry is a message that was skipped. Its row keeps its slot until the message gets a new one.
type entry struct {
	slot      uint64
	origin    uint64
	key       string
	committed time.Time
	state     waitState
	due       time.Time // of a retrying one; of a discarded one, the time of the decision
	attempts  uint32
	failed    time.Time // time of the last failure
	class     Class
	reason    string

	id uuidv7.ID // of a parked one; parkedBucket has it, not the stored entry
}

const entryVersion = 2

func (e *entry) encode(key []byte) []byte {
	record := codec.NewRecord(entryVersion, 64+len(e.key)+len(e.reason))
	record.Byte(byte(e.state))
	record.Uint64(e.origin)
	record.Uint32(e.attempts)
	record.Time(e.committed)
	record.Time(e.due)
	record.Time(e.failed)
	record.Text(e.key)
	record.Text(string(e.class))
	record.Text(e.reason)
	return record.Seal(key)
}

func decodeEntry(key, sealed []byte) (entry, error) {
	record, err := codec.OpenRecord(key, sealed, entryVersion)
	e := entry{slot: slotOf(key)}
	if err == nil {
		e.state, e.origin, e.attempts = waitState(record.Byte()), record.Uint64(), record.Uint32()
		e.committed, e.due, e.failed = record.Time(), record.Time(), record.Time()
		e.key, e.class, e.reason = record.Text(), Class(record.Text()), record.Text()
		err = record.End()
	}
	if err != nil {
		return entry{}, fmt.Errorf("read waiting message %d: %w", slotOf(key), err)
	}
	return e, nil
}

// retried is a message that got a new slot and is not published yet.
type retried struct {
	slot, origin uint64
	key          string
}

// waits mirrors in memory what was skipped. There are few entries unless much of the traffic is poison. It decides
// which message waits for which (rule P3). A message waits while an earlier one of its key retries, is held, or has a
// new slot at the tail. "Earlier" compares origins, the order in which the messages were written.
type waits struct {
	byKey   map[string][]entry   // retrying and held ones, by origin
	moving  map[string][]retried // not published yet, by origin
	skipped []uint64             // slots past the position, ascending
	waiting int                  // number of retrying and held ones
	parked  int
	entries int // number in the file when it was opened, discarded ones included
}

// load reads the entries of a file. It finds messages with a new slot at the tail by the slots past position. A damaged
// entry goes to note and stays as it is. Like a parked one, it is not tried again, and nothing waits for it.
func (w *waits) load(root *bbolt.Bucket, position uint64, note func(error)) error {
	*w = waits{byKey: map[string][]entry{}, moving: map[string][]retried{}}
	cursor := root.Bucket(waitingBucket).Cursor()
	for k, v := cursor.First(); k != nil; k, v = cursor.Next() {
		e, err := decodeEntry(k, v)
		switch {
		case errors.Is(err, boltdb.ErrCorrupt):
			note(err)
		case err != nil:
			return err
		default:
			w.add(e)
		}
		w.entries++
	}
	cursor = root.Bucket(skippedBucket).Cursor()
	for k, mark := cursor.Seek(slotKey(position + 1)); k != nil; k, mark = cursor.Next() {
		if _, err := isDiscarded(k, mark); err != nil {
			return err
		}
		w.skipped = append(w.skipped, slotOf(k))
	}
	cursor = root.Bucket(retriedBucket).Cursor()
	for k, v := cursor.Seek(slotKey(position + 1)); k != nil; k, v = cursor.Next() {
		if root.Bucket(skippedBucket).Get(k) != nil {
			continue // it failed again and has an entry
		}
		r, err := decodeRow(k, root.Bucket(messagesBucket).Get(k))
		if err != nil {
			return err
		}
		origin, err := sealedSlot(k, v)
		if err != nil {
			return err
		}
		w.move(retried{slot: slotOf(k), origin: origin, key: string(r.message.Key)})
	}
	return nil
}

func (w *waits) add(e entry) {
	switch e.state {
	case setAside:
		w.parked++
		return
	case discarded:
		return
	case retrying, held:
	}
	w.waiting++
	list := append(w.byKey[e.key], e)
	slices.SortFunc(list, func(a, b entry) int { return cmp.Compare(a.origin, b.origin) })
	w.byKey[e.key] = list
}

// remove removes a retrying or held entry that got a new slot.
func (w *waits) remove(e entry) {
	list := slices.DeleteFunc(w.byKey[e.key], func(x entry) bool { return x.slot == e.slot })
	w.waiting -= len(w.byKey[e.key]) - len(list)
	if len(list) == 0 {
		delete(w.byKey, e.key)
		return
	}
	w.byKey[e.key] = list
}

func (w *waits) move(r retried) {
	list := append(w.moving[r.key], r)
	slices.SortFunc(list, func(a, b retried) int { return cmp.Compare(a.origin, b.origin) })
	w.moving[r.key] = list
}

// passed drops everything up to position.
func (w *waits) passed(position uint64) {
	w.skipped = slices.Delete(w.skipped, 0, len(w.skippedUpTo(position)))
	for key, list := range w.moving {
		list = slices.DeleteFunc(list, func(r retried) bool { return r.slot <= position })
		if len(list) == 0 {
			delete(w.moving, key)
		} else {
			w.moving[key] = list
		}
	}
}

func (w *waits) skip(slot uint64) {
	at, found := slices.BinarySearch(w.skipped, slot)
	if !found {
		w.skipped = slices.Insert(w.skipped, at, slot)
	}
}

// skippedUpTo returns the slots that passed would drop.
func (w *waits) skippedUpTo(position uint64) []uint64 {
	n, _ := slices.BinarySearch(w.skipped, position+1)
	return w.skipped[:n]
}

func (w *waits) skippedAfter(position uint64) int {
	return len(w.skipped) - len(w.skippedUpTo(position))
}

// blocks reports whether r must wait for an earlier message of its key.
func (w *waits) blocks(r *row) bool {
	if len(w.byKey) == 0 && len(w.moving) == 0 {
		return false
	}
	return slices.ContainsFunc(w.byKey[string(r.message.Key)], func(e entry) bool { return e.origin < r.origin }) ||
		slices.ContainsFunc(w.moving[string(r.message.Key)],
			func(m retried) bool { return m.origin < r.origin && m.slot > r.slot })
}

// due returns the entries that are to get a new slot at now, in the order of their origins. It also returns when the
// next one is due, or zero.
func (w *waits) due(now time.Time) (ready []entry, next time.Time) {
	for key, list := range w.byKey {
		first := list[0]
		switch {
		case first.state == retrying && first.due.After(now):
			if next.IsZero() || first.due.Before(next) {
				next = first.due
			}
		case first.state == retrying:
			ready = append(ready, first)
		case !slices.ContainsFunc(w.moving[key], func(m retried) bool { return m.origin < first.origin }):
			ready = append(ready, heldTogether(list)...)
		}
	}
	slices.SortFunc(ready, func(a, b entry) int { return cmp.Compare(a.origin, b.origin) })
	return ready, next
}

// heldTogether returns the held entries at the front of a key's list. One transaction releases them all.
func heldTogether(list []entry) []entry {
	n := 0
	for n < len(list) && list[n].state == held {
		n++
	}
	return list[:n]
}

func (w *waits) oldest() time.Time {
	var oldest time.Time
	for _, list := range w.byKey {
		for i := range list {
			if oldest.IsZero() || list[i].committed.Before(oldest) {
				oldest = list[i].committed
			}
		}
	}
	return oldest
}

// Refusal says why the publisher last refused a message, and when the message is tried again. It is zero if the message
// was not refused.
type Refusal struct {
	Class  Class
	Reason string    // text of the failure, shortened
	Failed time.Time // time of the failure
	Next   time.Time // when it is tried again; zero if it is parked or waits behind another
}

func (e *entry) refusal() Refusal {
	r := Refusal{Class: e.class, Reason: e.reason, Failed: e.failed}
	if e.state == retrying {
		r.Next = e.due
	}
	return r
}
