package activitystore

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/activity"
	"ordertally/shared/boltdb"
)

// Decoder reads a message that was kept as the program reads it now, or says why it cannot be counted.
type Decoder func(*activity.Parked) (activity.Message, *activity.Poison)

// ListKept returns messages of a ledger in order of partition and offset: those after the entry of that id ("" for the
// first), at most limit and about 4 MiB, looking at 10,000 at most.
func (s *Store) ListKept(
	ctx context.Context,
	name activity.Ledger,
	filter activity.KeptFilter,
	after string,
	limit int,
) (page activity.KeptPage, err error) {
	var last []byte
	size := 0
	if after != "" {
		if last, err = parseEntryID(after); err != nil {
			return activity.KeptPage{}, err
		}
	}
	err = s.view(ctx, func(root *bbolt.Bucket, st *state) error {
		l := s.ledger(root, name, st)
		return l.scan(ctx, last, filter, func(key []byte, kept *activity.Kept, damage error, looked int) bool {
			listed := kept != nil || damage != nil
			if listed && (len(page.Messages)+len(page.Corrupt) >= limit || size >= pageBytes) ||
				!listed && looked >= lookLimit {
				page.Next = entryID(last)
				return false
			}
			switch {
			case damage != nil: // the others are answered
				s.noteKept(name, key, damage)
				page.Corrupt = append(page.Corrupt, entryID(key))
			case kept != nil:
				size += sizeOf(&kept.Parked)
				page.Messages = append(page.Messages, *kept)
			}
			last = bytes.Clone(key)
			return true
		})
	})
	if err != nil {
		return activity.KeptPage{}, fmt.Errorf("list the %s messages: %w", name, err)
	}
	return page, nil
}

// noteKept makes known that an entry is damaged.
func (s *Store) noteKept(name activity.Ledger, key []byte, damage error) {
	s.db.Note(fmt.Errorf("entry %s of the ledger %s of activity %s: %w", entryID(key), name, s.name, damage))
}

// pageBytes is about how many bytes of messages a page has.
const pageBytes = 4 << 20

func sizeOf(p *activity.Parked) int {
	size := len(p.Key) + len(p.Value)
	for i := range p.Headers {
		size += len(p.Headers[i].Key) + len(p.Headers[i].Value)
	}
	return size
}

// lookLimit is how many messages one page or one transaction looks at.
const lookLimit = 10_000

// scan calls visit with each message after a key until it says no: nil for those that the filter does not select, and
// nil and what is wrong for those that are damaged.
func (l *ledger) scan(
	ctx context.Context,
	after []byte,
	filter activity.KeptFilter,
	visit func(key []byte, kept *activity.Kept, damage error, looked int) bool,
) error {
	cursor := l.messages.Cursor()
	key, sealed := cursor.Seek(after)
	if after != nil && bytes.Equal(key, after) {
		key, sealed = cursor.Next()
	}
	for looked := 1; key != nil; key, sealed = cursor.Next() {
		if looked%ctxEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if len(key) != keptKeySize {
			return fmt.Errorf("read a message that was kept: %w (key %x)", boltdb.ErrCorrupt, key)
		}
		kept, err := decodeKept(key, sealed)
		if err != nil && !errors.Is(err, boltdb.ErrCorrupt) {
			return err
		}
		selected := &kept
		if err != nil || filter.Reason != "" && kept.Poison.Reason != filter.Reason ||
			!filter.Before.IsZero() && !kept.At.Before(filter.Before) {
			selected = nil
		}
		if !visit(key, selected, err, looked) {
			return nil
		}
		looked++
	}
	return nil
}

// GetKept returns a message of a ledger and what operators did with it. The error may be activity.ErrNotKept.
func (s *Store) GetKept(ctx context.Context, name activity.Ledger, id string) (kept activity.Kept,
	history []activity.Act, err error) {
	key, err := parseEntryID(id)
	if err != nil {
		return kept, nil, err
	}
	err = s.view(ctx, func(root *bbolt.Bucket, st *state) error {
		l := s.ledger(root, name, st)
		sealed := l.messages.Get(key)
		if sealed == nil {
			return activity.ErrNotKept
		}
		if kept, err = decodeKept(key, sealed); err != nil {
			return err
		}
		return eachAct(root, func(act activity.Act) bool {
			if act.ID == id && act.Ledger == name {
				history = append(history, act)
			}
			return true
		})
	})
	return kept, history, err
}

// ListOverflow returns what a ledger had no room for, the first ranges of it.
func (s *Store) ListOverflow(ctx context.Context, name activity.Ledger, limit int) (ranges []activity.OffsetRange,
	err error) {
	err = s.view(ctx, func(root *bbolt.Bucket, _ *state) error {
		cursor := root.Bucket(bucketIndexes).Bucket([]byte(name)).Bucket(bucketOverflow).Cursor()
		for key, sealed := cursor.First(); key != nil && len(ranges) < limit; key, sealed = cursor.Next() {
			last, err := decodeRangeEnd(key, sealed)
			if err != nil {
				return err
			}
			ranges = append(ranges, activity.OffsetRange{
				Partition: int32(binary.BigEndian.Uint32(key)),     //nolint:gosec // as written
				From:      int64(binary.BigEndian.Uint64(key[4:])), //nolint:gosec // as written
				To:        last,
			})
		}
		return nil
	})
	return ranges, err
}

func (s *Store) view(ctx context.Context, read func(root *bbolt.Bucket, st *state) error) error {
	return s.db.View(ctx, func(tx *bbolt.Tx) error {
		root := tx.Bucket(s.name)
		st, err := readState(root)
		if err != nil {
			return err
		}
		return read(root, &st)
	})
}

// Decide does what the verb says with one message of a ledger. The audit's record is in the same transaction. The error
// may be activity.ErrNotKept: of several decisions at once about one message the first counts.
func (s *Store) Decide(ctx context.Context, name activity.Ledger, verb activity.Verb, id string, why activity.Why,
	decode Decoder) (activity.Decided, error) {
	key, err := parseEntryID(id)
	if err != nil {
		return activity.Decided{}, err
	}
	var done decision
	err = s.decide(ctx, func(d *decision) error {
		d.name, d.verb, d.why, d.decode = name, verb, why, decode
		l := s.ledger(d.root, name, d.st)
		if l.messages.Get(key) == nil {
			return activity.ErrNotKept
		}
		return d.one(&l, key)
	}, &done)
	return done.done, err
}

// decideStep is how many messages of many are decided in one transaction.
const decideStep = 500

// maxNamed is how many damaged entries a decision about many names.
const maxNamed = 1000

// DecideAll does what the verb says with all messages that the filter selects now, some hundred in a transaction.
// Damaged ones stay as they are; corrupt names them, 1,000 at most. After an error it says what was done before.
func (s *Store) DecideAll(
	ctx context.Context,
	name activity.Ledger,
	verb activity.Verb,
	filter activity.KeptFilter,
	why activity.Why,
	decode Decoder,
) (total activity.Decided, corrupt []string, err error) {
	var after []byte
	singles := 0 // so many more are decided one by one, because what one of them needs is damaged
	for more := true; more; {
		var done decision
		var bad []string
		var failed []byte // the one that could not be decided
		step := decideStep
		if singles > 0 {
			step, singles = 1, singles-1
		}
		err := s.decide(ctx, func(d *decision) error {
			d.name, d.verb, d.why, d.decode = name, verb, why, decode
			l := s.ledger(d.root, name, d.st)
			var keys [][]byte
			last := after
			more, bad, failed = false, nil, nil
			err := l.scan(ctx, last, filter, func(key []byte, kept *activity.Kept, damage error, looked int) bool {
				last = bytes.Clone(key)
				switch {
				case damage != nil:
					s.noteKept(name, key, damage)
					bad = append(bad, entryID(key))
				case kept != nil:
					keys = append(keys, last)
				}
				more = len(keys) >= step || looked >= lookLimit
				return !more
			})
			for _, key := range keys {
				if err == nil {
					if err = d.one(&l, key); err != nil {
						failed = key
					}
				}
			}
			d.after = last
			return err
		}, &done)
		switch {
		case err == nil:
			after = done.after
		case failed == nil || !errors.Is(err, boltdb.ErrCorrupt):
			return total, corrupt, err
		case step > 1:
			singles, more = decideStep, true
			continue
		default:
			s.noteKept(name, failed, err)
			bad, after, more = append(bad, entryID(failed)), failed, true
		}
		corrupt = append(corrupt, bad...)
		corrupt = corrupt[:min(len(corrupt), maxNamed)]
		total.Messages += done.done.Messages
		total.Counted += done.done.Counted
		total.Duplicates += done.done.Duplicates
		total.StillParked += done.done.StillParked
	}
	return total, corrupt, nil
}

// decision is what an operator decided, in one transaction.
type decision struct {
	store  *Store
	root   *bbolt.Bucket
	st     *state
	now    time.Time
	count  *counting
	done   activity.Decided
	name   activity.Ledger
	verb   activity.Verb
	why    activity.Why
	decode Decoder
	after  []byte
}

func (s *Store) decide(ctx context.Context, run func(*decision) error, done *decision) error {
	err := s.db.Write(ctx, func(tx *boltdb.Tx) error {
		root := tx.Bucket(s.name)
		return updateState(root, func(st *state) error {
			d := decision{store: s, root: root, st: st, now: s.options.Clock.Now().UTC()}
			var err error
			if d.count, err = s.openCount(root, d.now); err != nil {
				return err
			}
			if err := run(&d); err != nil {
				return err
			}
			if err := d.count.flush(); err != nil {
				return err
			}
			if d.done.Counted > 0 {
				st.At = d.now
			}
			*done = d
			return nil
		})
	})
	if err != nil && !errors.Is(err, activity.ErrNotKept) {
		return fmt.Errorf("decide about messages: %w", err)
	}
	return err
}

// one decides about one message and writes the record of it.
func (d *decision) one(l *ledger, key []byte) error {
	sealed := l.messages.Get(key)
	kept, err := decodeKept(key, sealed)
	if err != nil {
		return err
	}
	d.done.Messages++
	outcome := activity.OutcomeDiscarded
	if d.verb == activity.Retry {
		if outcome, err = d.retry(l, key, sealed, &kept); err != nil {
			return err
		}
	}
	if outcome != activity.OutcomeStillParked {
		if err := l.remove(key, &kept, len(sealed)); err != nil {
			return err
		}
	}
	return putAct(d.root, d.st, activity.Act{
		At: d.now, Ledger: d.name, Verb: d.verb, ID: kept.ID, MessageID: kept.MessageID, Outcome: outcome,
		Reason: d.why.Reason, By: d.why.By,
	})
}

// retry counts a message after all.
func (d *decision) retry(l *ledger, key, sealed []byte, kept *activity.Kept) (outcome activity.Outcome, err error) {
	message, poison := d.decode(&kept.Parked)
	if poison != nil {
		d.done.StillParked++
		return activity.OutcomeStillParked, d.tried(l, key, sealed, kept, poison)
	}
	counted, err := d.count.accept(&message)
	switch {
	case err != nil:
		return "", err
	case counted:
		d.done.Counted++
		return activity.OutcomeCounted, nil
	}
	d.done.Duplicates++
	return activity.OutcomeDuplicate, nil
}

// tried notes an attempt in vain.
func (d *decision) tried(l *ledger, key, sealed []byte, kept *activity.Kept, poison *activity.Poison) error {
	tried := *kept
	tried.Attempts, tried.Tried, tried.Poison = kept.Attempts+1, d.now, *poison
	_, again := encodeKept(&tried)
	l.size.Bytes += int64(len(again) - len(sealed))
	return l.messages.Put(key, again)
}
