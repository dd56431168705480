package parked

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/clock"
)

const (
	// maxScan is how many messages one read looks at.
	maxScan = 10_000
	// maxPageBytes is about how many bytes of messages a page has.
	maxPageBytes = 4 << 20
	// maxExport is how many messages a page of an export has.
	maxExport = 200
	// decideStep is how many messages one transaction decides about. A larger one would hold up other writers.
	decideStep = 500
	// maxNamed is how many damaged messages a decision names.
	maxNamed = 1000
	// ctxEvery is after how many messages a read checks whether it is still wanted.
	ctxEvery = 256
)

// Ledger is a list of parked messages in a service's file. It is safe for concurrent use.
type Ledger[M Message] struct {
	Name  string // such as parked
	DB    *boltdb.DB
	Store Store[M]
	Clock clock.Clock
}

// List returns messages after the id after ("" for the start), in the order of the keys. It returns at most limit, and
// about 4 MiB of them. They lack what no list shows. One call looks at no more than 10,000 messages. So a page may be
// short and still have a next one. If after cannot be an id, the error is ErrNotParked.
func (l *Ledger[M]) List(ctx context.Context, filter Filter, after string, limit int) (Page[M], error) {
	return l.page(ctx, filter, after, limit, false)
}

// Export returns a page as List does, of at most 200 whole messages.
func (l *Ledger[M]) Export(ctx context.Context, filter Filter, after string) (Page[M], error) {
	return l.page(ctx, filter, after, maxExport, true)
}

func (l *Ledger[M]) page(
	ctx context.Context, filter Filter, after string, limit int, whole bool,
) (page Page[M], err error) {
	var from []byte
	if after != "" {
		if from = l.Store.Key(after); from == nil {
			return page, ErrNotParked
		}
	}
	size := 0
	last, more, err := l.scan(ctx, filter, from, whole, func(key []byte, m *M, damage error) bool {
		if len(page.Messages)+len(page.Corrupt) == limit || size >= maxPageBytes {
			return false
		}
		if damage != nil {
			page.Corrupt = append(page.Corrupt, l.Store.ID(key))
			return true
		}
		size += (*m).Size()
		page.Messages = append(page.Messages, *m)
		return true
	})
	if err != nil {
		return Page[M]{}, fmt.Errorf("list messages: %w", err)
	}
	if more {
		page.Next = l.Store.ID(last)
	}
	return page, nil
}

// scan calls visit with each selected message after a key. It also passes the damage of each message that cannot be
// read. It stops if visit returns false, or when it has looked at enough. It returns the last key that it dealt with,
// and whether others follow.
func (l *Ledger[M]) scan(
	ctx context.Context, filter Filter, after []byte, whole bool, visit func(key []byte, m *M, damage error) bool,
) (last []byte, more bool, err error) {
	last = after
	err = l.DB.View(ctx, func(tx *bbolt.Tx) error {
		cursor := l.Store.Messages(tx).Cursor()
		key, value := cursor.Seek(after)
		if after != nil && bytes.Equal(key, after) {
			key, value = cursor.Next()
		}
		for looked := 0; key != nil; key, value = cursor.Next() {
			if looked%ctxEvery == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			if more = looked == maxScan; more {
				return nil
			}
			looked++
			m, selected, err := l.Store.Read(tx, key, value, &filter, whole)
			switch {
			case errors.Is(err, boltdb.ErrCorrupt): // the other messages are answered
				l.note(key, err)
			case err != nil:
				return err
			case !selected:
				last = bytes.Clone(key)
				continue
			}
			if more = !visit(key, &m, err); more {
				return nil
			}
			last = bytes.Clone(key)
		}
		return nil
	})
	return last, more, err
}

// note reports that a message is damaged.
func (l *Ledger[M]) note(key []byte, damage error) {
	l.DB.Note(fmt.Errorf("message %s of the ledger %s: %w", l.Store.ID(key), l.Name, damage))
}

// Get returns one message, and earlier decisions about it, the oldest first. The error may be ErrNotParked.
func (l *Ledger[M]) Get(ctx context.Context, id string) (m M, history []AuditEntry, err error) {
	key := l.Store.Key(id)
	if key == nil {
		return m, nil, ErrNotParked
	}
	err = l.DB.View(ctx, func(tx *bbolt.Tx) error {
		value := l.Store.Messages(tx).Get(key)
		if value == nil {
			return ErrNotParked
		}
		if m, _, err = l.Store.Read(tx, key, value, &Filter{}, true); err != nil {
			return err
		}
		history, err = historyOf(l.Store.Audit(tx), l.Name, id)
		return err
	})
	if err != nil {
		return m, nil, fmt.Errorf("read message %s: %w", id, err)
	}
	return m, history, nil
}

// Overflow returns the offsets in Kafka of messages for which the ledger had no room, at most limit ranges.
func (l *Ledger[M]) Overflow(ctx context.Context, limit int) (ranges []OffsetRange, err error) {
	err = l.DB.View(ctx, func(tx *bbolt.Tx) error {
		ranges, err = l.Store.Overflow(tx, limit)
		return err
	})
	return ranges, err
}

// Audit returns the newest audit entries of the file, the newest first. It includes those of the file's other ledgers.
func (l *Ledger[M]) Audit(ctx context.Context, limit int) (entries []AuditEntry, err error) {
	err = l.DB.View(ctx, func(tx *bbolt.Tx) error {
		entries, err = newest(l.Store.Audit(tx), limit)
		return err
	})
	return entries, err
}

// Decide carries out a decision about one message. Of several calls for one message the first decides, and the others
// get ErrNotParked.
func (l *Ledger[M]) Decide(ctx context.Context, id string, d Decision) (done Done, err error) {
	key := l.Store.Key(id)
	if key == nil {
		return Done{}, ErrNotParked
	}
	if err := l.decide(ctx, d, [][]byte{key}, &done); err != nil {
		return Done{}, fmt.Errorf("%s message %s: %w", d.Verb, id, err)
	}
	return done, nil
}

// DecideAll carries out a decision about every message that the filter selects, 500 in a transaction. No message is
// decided about twice, even if it is parked again meanwhile. After an error, those that done counts are dealt with.
func (l *Ledger[M]) DecideAll(ctx context.Context, filter Filter, d Decision) (done Done, err error) {
	var after []byte
	for more := true; more; {
		var keys [][]byte
		var corrupt []string
		after, more, err = l.scan(ctx, filter, after, false, func(key []byte, _ *M, damage error) bool {
			if len(keys) == decideStep {
				return false
			}
			if damage != nil {
				corrupt = append(corrupt, l.Store.ID(key))
			} else {
				keys = append(keys, bytes.Clone(key))
			}
			return true
		})
		if err == nil {
			done.damaged(corrupt...)
			err = l.decideStep(ctx, d, keys, &done)
		}
		if err != nil {
			return done, fmt.Errorf("%s messages: %w", d.Verb, err)
		}
	}
	return done, nil
}

// decideStep decides about those of keys that are still parked, in one transaction. If something that one of them needs
// is damaged, it decides one by one, so that the others are not affected.
func (l *Ledger[M]) decideStep(ctx context.Context, d Decision, keys [][]byte, done *Done) error {
	err := l.decide(ctx, d, keys, done)
	if !errors.Is(err, boltdb.ErrCorrupt) {
		return unlessDecided(err)
	}
	for _, key := range keys {
		err := l.decide(ctx, d, [][]byte{key}, done)
		if errors.Is(err, boltdb.ErrCorrupt) {
			l.note(key, err)
			done.damaged(l.Store.ID(key))
			continue
		}
		if err := unlessDecided(err); err != nil {
			return err
		}
	}
	return nil
}

// unlessDecided drops the error that somebody else decided first.
func unlessDecided(err error) error {
	if errors.Is(err, ErrNotParked) {
		return nil
	}
	return err
}

// decide decides about those of keys that are still parked, in one transaction with its audit entries.
func (l *Ledger[M]) decide(ctx context.Context, d Decision, keys [][]byte, done *Done) error {
	var audit []AuditEntry
	err := l.DB.Write(ctx, func(tx *boltdb.Tx) (err error) {
		var there [][]byte
		messages := l.Store.Messages(tx.Tx)
		for _, key := range keys {
			if messages.Get(key) != nil {
				there = append(there, key)
			}
		}
		if len(there) == 0 {
			return boltdb.Refuse(ErrNotParked)
		}
		if audit, err = l.Store.Decide(tx, d.Verb, there); err != nil {
			return err
		}
		now := l.Clock.Now().UTC()
		for i := range audit {
			e := &audit[i]
			e.At, e.Ledger, e.Verb, e.Reason, e.By = now, l.Name, d.Verb, d.Reason, d.By
			if err := PutAudit(l.Store.Audit(tx.Tx), e); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		done.add(audit)
	}
	return err
}
