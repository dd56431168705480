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
	"ordertally/shared/boltdb/codec"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/inbox"
)

// keep puts messages into a ledger, and notes those that it has no room for. It does not change messages that are
// there.
func (s *Store) keep(root *bbolt.Bucket, name activity.Ledger, messages []activity.Parked, at time.Time,
	st *state) error {
	if len(messages) == 0 {
		return nil
	}
	l := s.ledger(root, name, st)
	for i := range messages {
		p := &messages[i]
		key, sealed := encodeKept(&activity.Kept{Parked: *p, At: at})
		var err error
		switch {
		case l.messages.Get(key) != nil:
		case l.size.Bytes+int64(len(sealed)) > s.options.LedgerBytes:
			err = s.overflow(root, name, p, st)
		default:
			err = l.put(key, sealed, at, headerOf(p, cloudevent.HeaderID))
		}
		if err != nil {
			return fmt.Errorf("keep offset %d of partition %d: %w", p.Offset, p.Partition, err)
		}
	}
	return nil
}

// maxRanges is how many runs of offsets are kept of what did not fit. A further one is joined with the run before it.
const maxRanges = 10_000

// overflow notes the offset of a message that the ledger has no room for.
func (s *Store) overflow(root *bbolt.Bucket, name activity.Ledger, p *activity.Parked, st *state) error {
	bucket := root.Bucket(bucketIndexes).Bucket([]byte(name)).Bucket(bucketOverflow)
	place := rangeKey(p.Partition, p.Offset)
	cursor := bucket.Cursor()
	key, sealed := cursor.Seek(place)
	if string(key) != string(place) {
		key, sealed = cursor.Prev()
	}
	st.Overflowed++
	if key != nil && string(key[:4]) == string(place[:4]) {
		last, err := decodeRangeEnd(key, sealed)
		if err != nil {
			return err
		}
		if last >= p.Offset { // it was read again
			st.Overflowed--
			return nil
		}
		if last+1 == p.Offset || st.Ranges >= maxRanges {
			return putRange(bucket, key, p.Offset)
		}
	}
	st.Ranges++
	return putRange(bucket, place, p.Offset)
}

func rangeKey(partition int32, offset int64) []byte {
	key := binary.BigEndian.AppendUint32(nil, uint32(partition)) //nolint:gosec // partitions are not negative
	return binary.BigEndian.AppendUint64(key, uint64(offset))    //nolint:gosec // offsets are not negative
}

func putRange(bucket *bbolt.Bucket, key []byte, last int64) error {
	end := binary.BigEndian.AppendUint64(nil, uint64(last)) //nolint:gosec // offsets are not negative
	return bucket.Put(key, codec.Seal(key, end))
}

func decodeRangeEnd(key, sealed []byte) (int64, error) {
	end, err := codec.Unseal(key, sealed)
	if err == nil && (len(end) != 8 || len(key) != 12) {
		err = boltdb.ErrCorrupt
	}
	if err != nil {
		return 0, fmt.Errorf("read what a ledger had no room for: %w", err)
	}
	return int64(binary.BigEndian.Uint64(end)), nil //nolint:gosec // as written
}

// expireStep is how many messages go in one transaction.
const expireStep = 64

// expire drops messages past the retention, a few at a time. Damaged ones stay: counting goes on.
func (s *Store) expire(root *bbolt.Bucket, name activity.Ledger, now time.Time, st *state) error {
	l := s.ledger(root, name, st)
	horizon := uint64(now.Add(-s.options.LedgerRetention).UnixMicro())
	var from []byte
	for range expireStep {
		age, mark := l.ages.Cursor().Seek(from)
		if age == nil {
			return nil
		}
		if _, err := codec.Unseal(age, mark); err != nil || len(age) != 8+keptKeySize {
			s.db.Note(fmt.Errorf("read since when a message is kept: %w (key %x)", boltdb.ErrCorrupt, age))
			from = append(bytes.Clone(age), 0)
			continue
		}
		if binary.BigEndian.Uint64(age) >= horizon {
			return nil
		}
		key := append([]byte(nil), age[8:]...)
		sealed := l.messages.Get(key)
		kept, err := decodeKept(key, sealed)
		if errors.Is(err, boltdb.ErrCorrupt) {
			s.noteKept(name, key, err)
			from = append(bytes.Clone(age), 0)
			continue
		}
		if err != nil {
			return err
		}
		if err := l.remove(key, &kept, len(sealed)); err != nil {
			return fmt.Errorf("drop message %s past its retention: %w", kept.ID, err)
		}
		st.Expired++
	}
	return nil
}

// Ledgers returns how much waits for an operator. The numbers are exact and take no scan.
func (s *Store) Ledgers(ctx context.Context) (activity.Ledgers, error) {
	var sizes activity.Ledgers
	err := s.db.View(ctx, func(tx *bbolt.Tx) error {
		root := s.root(tx)
		st, err := readState(root)
		if err != nil {
			return err
		}
		sizes = activity.Ledgers{
			Sizes: make(
				map[activity.Ledger]activity.LedgerSize,
			),
			LimitBytes: s.options.LedgerBytes,
			Overflowed: st.Overflowed,
			Expired:    st.Expired,
		}
		for _, name := range activity.AllLedgers() {
			sizes.Sizes[name] = *st.size(name)
		}
		if sizes.Keys, err = inbox.Keys(root.Bucket(bucketInbox)); err != nil {
			return err
		}
		sizes.Lineages, err = inbox.Lineages(root.Bucket(bucketInbox))
		return err
	})
	if err != nil {
		return activity.Ledgers{}, fmt.Errorf("read the ledgers' sizes: %w", err)
	}
	return sizes, nil
}
