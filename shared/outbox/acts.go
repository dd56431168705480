package outbox

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/codec"
	"ordertally/shared/uuidv7"
)

const (
	// maxActs is how many acts are kept; the oldest go first.
	maxActs = 100_000
	// actsAtOnce bounds one transaction of a mass act, so that it does not hold up others.
	actsAtOnce = 500
)

// Verb is what an operator can do with a parked message.
type Verb string

// The verbs.
const (
	Retry Verb = "retry" // give it a new slot: it is published after what is there already
	// never publish it; the message is kept for the retention, the act with its reason as others are
	Discard Verb = "discard"
)

// Verbs lists every verb.
func Verbs() []Verb { return []Verb{Retry, Discard, Reclaimed} }

// Act is the record of what an operator did with one message, written in the transaction that does it.
type Act struct {
	At      time.Time `json:"at" doc:"When it was done."`
	Verb    Verb      `json:"verb" doc:"What was done."`
	ID      string    `json:"id" format:"uuid" doc:"The message's id."`
	Subject string    `json:"subject" doc:"The order that the message tells of."`
	Slot    uint64    `json:"sequence" doc:"The slot that it was parked under."`
	NewSlot uint64    `json:"new_sequence,omitempty" doc:"The slot that a retry gave it. Left out when it got none."`
	Class   Class     `json:"class" doc:"What kind of failure it was parked for."`
	Reason  string    `json:"reason,omitempty" doc:"The operator's reason. Left out when none was given." example:"the limit was raised"`
	By      string    `json:"by,omitempty" doc:"Who did it: key or token, a colon and the name. Left out where nobody needs a credential." example:"key:ops"`
}

// Why is what an operator's act is recorded with: the operator's reason, and who that is. Both may be empty; of each
// 500 bytes are kept.
type Why struct{ Reason, By string }

// Decide retries or discards one parked message. Of several calls for one message the first decides and the others get
// ErrNotParked: it is published once. why is kept in the record of the act.
func (o *Outbox) Decide(ctx context.Context, verb Verb, id uuidv7.ID, why Why) error {
	if _, err := o.decide(ctx, verb, []uuidv7.ID{id}, why); err != nil {
		return fmt.Errorf("%s parked message %s: %w", verb, id, err)
	}
	return nil
}

// maxNamed is how many damaged messages a mass act names.
const maxNamed = 1000

// DecideAll retries or discards every parked message that matches and returns how many. Those that fail meanwhile and
// are parked again are not tried twice. Damaged ones stay as they are; corrupt names them, 1,000 at most. After an
// error the messages counted in n have been dealt with.
func (o *Outbox) DecideAll(
	ctx context.Context,
	verb Verb,
	filter ParkedFilter,
	why Why,
) (n int, corrupt []uuidv7.ID, err error) {
	var after uuidv7.ID
	for {
		page, err := o.ListParked(ctx, filter, after, actsAtOnce)
		if err != nil {
			return n, corrupt, err
		}
		ids := make([]uuidv7.ID, len(page.Messages))
		for i := range page.Messages {
			ids[i] = page.Messages[i].ID
		}
		done, bad, err := o.decideSome(ctx, verb, ids, why)
		n += done
		corrupt = append(append(corrupt, page.Corrupt...), bad...)
		corrupt = corrupt[:min(len(corrupt), maxNamed)]
		if err != nil {
			return n, corrupt, fmt.Errorf("%s parked messages: %w", verb, err)
		}
		if page.Next == (uuidv7.ID{}) {
			return n, corrupt, nil
		}
		after = page.Next
	}
}

// decideSome deals with those of ids that are parked still: in one transaction, or one by one when damage of something
// that one of them needs spoils it for the others.
func (o *Outbox) decideSome(
	ctx context.Context,
	verb Verb,
	ids []uuidv7.ID,
	why Why,
) (n int, corrupt []uuidv7.ID, err error) {
	n, err = o.decide(ctx, verb, ids, why)
	switch {
	case errors.Is(err, ErrNotParked): // somebody else was faster
		return n, nil, nil
	case !errors.Is(err, boltdb.ErrCorrupt):
		return n, nil, err
	}
	for _, id := range ids {
		done, err := o.decide(ctx, verb, []uuidv7.ID{id}, why)
		n += done
		switch {
		case errors.Is(err, boltdb.ErrCorrupt):
			o.db.Note(fmt.Errorf("parked message %s: %w", id, err))
			corrupt = append(corrupt, id)
		case err != nil && !errors.Is(err, ErrNotParked):
			return n, corrupt, err
		}
	}
	return n, corrupt, nil
}

// decide deals with those of ids that are parked still, in one transaction, and returns how many there were.
func (o *Outbox) decide(ctx context.Context, verb Verb, ids []uuidv7.ID, why Why) (n int, err error) {
	err = o.db.Write(ctx, func(tx *boltdb.Tx) error {
		n = 0
		root := tx.Bucket(rootBucket)
		var entries []entry
		for _, id := range ids {
			e, err := parkedEntry(root, id)
			switch {
			case errors.Is(err, ErrNotParked):
			case err != nil:
				return boltdb.Refuse(err)
			default:
				entries = append(entries, e)
			}
		}
		if len(entries) == 0 {
			return boltdb.Refuse(ErrNotParked)
		}
		slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.origin, b.origin) })
		var moved []retried
		// Before the rows reach the queue: whoever takes one from there must find it in waits.
		tx.AfterCommit(func() { o.unpark(len(entries), moved) })
		for i := range entries {
			m, err := o.act(tx, verb, &entries[i], why)
			if err != nil {
				return err
			}
			if m.slot != 0 {
				moved = append(moved, m)
			}
		}
		n = len(entries)
		return nil
	})
	if err != nil {
		n = 0
	}
	return n, err
}

// unpark has memory follow a decision.
func (o *Outbox) unpark(n int, moved []retried) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waits.parked -= n
	for _, m := range moved {
		if m.slot > o.position.Load() { // a relay that read it from the database can be faster
			o.waits.move(m)
		}
	}
}

// act carries out verb on one parked message and records it.
func (o *Outbox) act(tx *boltdb.Tx, verb Verb, e *entry, why Why) (moved retried, err error) {
	root := tx.Bucket(rootBucket)
	key := slotKey(e.slot)
	m, err := parkedMessage(root, e)
	if err != nil {
		return retried{}, err
	}
	if err := root.Bucket(parkedBucket).Delete(e.id[:]); err != nil {
		return retried{}, err
	}
	switch verb {
	case Retry:
		if moved, err = o.moveToTail(tx, e); err == nil {
			err = root.Bucket(waitingBucket).Delete(key)
		}
	case Discard:
		e.state, e.due = discarded, o.config.Clock.Now()
		if err = putSealed(root.Bucket(discardedBucket), discardedKey(e.due, e.slot), nil); err != nil {
			break
		}
		err = root.Bucket(waitingBucket).Put(key, e.encode(key))
	default:
		err = fmt.Errorf("%q is not a verb", verb)
	}
	if err != nil {
		return retried{}, err
	}
	return moved, recordAct(root, Act{
		At: o.config.Clock.Now().UTC(), Verb: verb, ID: m.ID.String(), Subject: m.Subject,
		Slot: m.Slot, NewSlot: moved.slot, Class: m.Class, Reason: clip(why.Reason), By: clip(why.By),
	})
}

func recordAct(root *bbolt.Bucket, act Act) error {
	acts := root.Bucket(auditBucket)
	acts.FillPercent = tailFill
	number, err := acts.NextSequence()
	if err != nil {
		return err
	}
	text, err := json.Marshal(act)
	if err != nil {
		return err
	}
	key := binary.BigEndian.AppendUint64(nil, number)
	if err := acts.Put(key, codec.Seal(key, text)); err != nil {
		return err
	}
	if number <= maxActs {
		return nil
	}
	return acts.Delete(binary.BigEndian.AppendUint64(nil, number-maxActs))
}

// actsOn returns the acts on one message, oldest first.
func actsOn(root *bbolt.Bucket, id uuidv7.ID) (acts []Act, err error) {
	name := []byte(id.String())
	err = root.Bucket(auditBucket).ForEach(func(k, sealed []byte) error {
		if !bytes.Contains(sealed, name) {
			return nil
		}
		text, err := codec.Unseal(k, sealed)
		if err != nil {
			return fmt.Errorf("read act %d: %w", binary.BigEndian.Uint64(k), err)
		}
		var act Act
		if err := json.Unmarshal(text, &act); err != nil {
			return fmt.Errorf("read act %d: %w", binary.BigEndian.Uint64(k), err)
		}
		if act.ID == id.String() {
			acts = append(acts, act)
		}
		return nil
	})
	return acts, err
}
