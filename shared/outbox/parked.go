package outbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/uuidv7"
)

// ErrNotParked says that no parked message has that id: it was never parked, or somebody decided about it already.
var ErrNotParked = errors.New("no parked message has that id")

// maxParkedScan bounds how many parked messages one call looks at for those that match a filter.
const maxParkedScan = 10_000

// ParkedMessage is a message that failed too often and waits for an operator.
type ParkedMessage struct {
	ID          uuidv7.ID
	Slot        uint64 // the slot it failed under; it gets a new one when it is retried
	Type        string
	Subject     string
	Key         []byte
	Class       Class
	Reason      string // text of the last failure, clipped
	Attempts    int    // failures that were its own fault
	Committed   time.Time
	FirstFailed time.Time
	LastFailed  time.Time
	Value       []byte
}

// ParkedFilter selects parked messages. The zero filter selects all.
type ParkedFilter struct {
	Class        Class     // "" for any
	Key          string    // "" for any
	FailedBefore time.Time // only those whose last failure is older; zero for any
}

func (f *ParkedFilter) matches(e *entry) bool {
	return (f.Class == "" || e.class == f.Class) && (f.Key == "" || e.key == f.Key) &&
		(f.FailedBefore.IsZero() || e.failed.Before(f.FailedBefore))
}

// ParkedPage is a page of parked messages.
type ParkedPage struct {
	Messages []ParkedMessage
	// Corrupt are parked messages between those whose records are damaged. They count like others. No filter can tell
	// whether it selects them, so each page names them.
	Corrupt []uuidv7.ID
	Next    uuidv7.ID // where to go on, zero when there are no more
}

// ListParked returns at most limit parked messages that match, in the order of their ids, after the given one (the zero
// ID starts). A page may be short and still have a next one, because a call looks at no more than 10,000 messages.
func (o *Outbox) ListParked(
	ctx context.Context,
	filter ParkedFilter,
	after uuidv7.ID,
	limit int,
) (page ParkedPage, err error) {
	err = o.db.View(ctx, func(tx *bbolt.Tx) error {
		root := tx.Bucket(rootBucket)
		cursor := root.Bucket(parkedBucket).Cursor()
		k, v := cursor.Seek(after[:])
		if bytes.Equal(k, after[:]) {
			k, v = cursor.Next()
		}
		for scanned := 0; k != nil; k, v = cursor.Next() {
			if len(page.Messages)+len(page.Corrupt) == limit || scanned == maxParkedScan {
				page.Next = after
				return nil
			}
			copy(after[:], k)
			scanned++
			e, err := entryOf(root, k, v)
			if err == nil && !filter.matches(&e) {
				continue
			}
			var m ParkedMessage
			if err == nil {
				m, err = parkedMessage(root, &e)
			}
			switch {
			case errors.Is(err, boltdb.ErrCorrupt): // the others are answered
				o.db.Note(fmt.Errorf("parked message %s: %w", after, err))
				page.Corrupt = append(page.Corrupt, after)
			case err != nil:
				return err
			default:
				page.Messages = append(page.Messages, m)
			}
		}
		return nil
	})
	if err != nil {
		return ParkedPage{}, fmt.Errorf("list parked messages: %w", err)
	}
	return page, nil
}

// GetParked returns one parked message and what operators did with it before, oldest first. The error of an unknown id
// is ErrNotParked.
func (o *Outbox) GetParked(ctx context.Context, id uuidv7.ID) (m ParkedMessage, history []Act, err error) {
	err = o.db.View(ctx, func(tx *bbolt.Tx) error {
		root := tx.Bucket(rootBucket)
		e, err := parkedEntry(root, id)
		if err != nil {
			return err
		}
		if m, err = parkedMessage(root, &e); err != nil {
			return err
		}
		history, err = actsOn(root, id)
		return err
	})
	if err != nil {
		return ParkedMessage{}, nil, fmt.Errorf("read parked message %s: %w", id, err)
	}
	return m, history, nil
}

func parkedEntry(root *bbolt.Bucket, id uuidv7.ID) (entry, error) {
	sealed := root.Bucket(parkedBucket).Get(id[:])
	if sealed == nil {
		return entry{}, ErrNotParked
	}
	e, err := entryOf(root, id[:], sealed)
	e.id = id
	return e, err
}

// entryOf reads the entry that an index entry of parkedBucket leads to.
func entryOf(root *bbolt.Bucket, id, sealed []byte) (entry, error) {
	slot, err := sealedSlot(id, sealed)
	if err != nil {
		return entry{}, err
	}
	key := slotKey(slot)
	return decodeEntry(key, root.Bucket(waitingBucket).Get(key))
}

func parkedMessage(root *bbolt.Bucket, e *entry) (ParkedMessage, error) {
	key := slotKey(e.slot)
	r, err := decodeRow(key, root.Bucket(messagesBucket).Get(key))
	if err != nil {
		return ParkedMessage{}, err
	}
	m := ParkedMessage{
		ID: r.message.ID, Slot: e.slot, Type: r.message.Type, Subject: r.message.Subject, Key: r.message.Key,
		Class: e.class, Reason: e.reason, Attempts: int(e.attempts),
		Committed: r.committed, FirstFailed: r.firstFailed, LastFailed: e.failed, Value: r.message.Value,
	}
	if m.FirstFailed.IsZero() {
		m.FirstFailed = e.failed
	}
	return m, nil
}

// indexParked fills the index that a file of the first release lacks.
func indexParked(root *bbolt.Bucket) error {
	parkedIDs := root.Bucket(parkedBucket)
	return root.Bucket(waitingBucket).ForEach(func(k, v []byte) error {
		e, err := decodeEntry(k, v)
		if err != nil || e.state != parked {
			return err
		}
		r, err := decodeRow(k, root.Bucket(messagesBucket).Get(k))
		if err != nil {
			return err
		}
		return putSealed(parkedIDs, r.message.ID[:], k)
	})
}
