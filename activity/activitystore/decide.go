package activitystore

import (
	"encoding/binary"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/activity"
	"ordertally/shared/boltdb"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/parked"
)

// Decoder reads a message that was kept as the program reads it now, or says why it cannot be counted.
type Decoder func(*activity.Parked) (activity.Message, *activity.Poison)

// Ledger returns a ledger, by partition and offset. A message that is retried is decoded anew and counted. It stays if
// it still cannot be counted.
func (s *Store) Ledger(name activity.Ledger, decode Decoder) *parked.Ledger[activity.Kept] {
	return &parked.Ledger[activity.Kept]{
		Name: string(name), DB: s.db, Store: ledgerStore{s, name, decode}, Clock: s.options.Clock,
	}
}

// ledgerStore is how a ledger is kept in an activity's file.
type ledgerStore struct {
	*Store
	ledger activity.Ledger
	decode Decoder
}

// Messages implements parked.Store.
func (s ledgerStore) Messages(tx *bbolt.Tx) *bbolt.Bucket {
	return s.root(tx).Bucket([]byte(s.ledger)).Bucket(s.topic)
}

// Audit implements parked.Store.
func (s ledgerStore) Audit(tx *bbolt.Tx) *bbolt.Bucket { return s.root(tx).Bucket(bucketAudit) }

// ID implements parked.Store.
func (ledgerStore) ID(key []byte) string { return entryID(key) }

// Key implements parked.Store.
func (ledgerStore) Key(id string) []byte { return parseEntryID(id) }

// Read implements parked.Store.
func (ledgerStore) Read(
	_ *bbolt.Tx, key, value []byte, filter *parked.Filter, _ bool,
) (kept activity.Kept, selected bool, err error) {
	kept, err = decodeKept(key, value)
	selected = filter.Takes(string(kept.Poison.Reason), kept.At) &&
		(filter.Subject == "" || filter.Subject == headerOf(&kept.Parked, cloudevent.HeaderSubject))
	return kept, selected, err
}

// Overflow implements parked.Store.
func (s ledgerStore) Overflow(tx *bbolt.Tx, limit int) (ranges []parked.OffsetRange, err error) {
	cursor := s.root(tx).Bucket(bucketIndexes).Bucket([]byte(s.ledger)).Bucket(bucketOverflow).Cursor()
	for key, sealed := cursor.First(); key != nil && len(ranges) < limit; key, sealed = cursor.Next() {
		last, err := decodeRangeEnd(key, sealed)
		if err != nil {
			return nil, err
		}
		ranges = append(ranges, parked.OffsetRange{
			Partition: int32(binary.BigEndian.Uint32(key)),     //nolint:gosec // as written
			From:      int64(binary.BigEndian.Uint64(key[4:])), //nolint:gosec // as written
			To:        last,
		})
	}
	return ranges, nil
}

// Decide implements parked.Store.
func (s ledgerStore) Decide(tx *boltdb.Tx, verb parked.Verb, keys [][]byte) (audit []parked.AuditEntry, err error) {
	root, now := s.root(tx.Tx), s.options.Clock.Now().UTC()
	err = updateState(root, func(st *state) error {
		count, err := s.openCount(root, now)
		if err != nil {
			return err
		}
		d := decision{ledger: s.Store.ledger(root, s.ledger, st), verb: verb, now: now, decode: s.decode, count: count}
		for _, key := range keys {
			entry, err := d.about(key)
			if err != nil {
				return err
			}
			if entry.Outcome == parked.Counted {
				st.At = now
			}
			audit = append(audit, entry)
		}
		return count.flush()
	})
	return audit, err
}

// decision is what is decided in one transaction.
type decision struct {
	ledger
	verb   parked.Verb
	now    time.Time
	decode Decoder
	count  *counting
}

// about carries out the decision about one message.
func (d *decision) about(key []byte) (parked.AuditEntry, error) {
	sealed := d.messages.Get(key)
	kept, err := decodeKept(key, sealed)
	if err != nil {
		return parked.AuditEntry{}, err
	}
	entry := parked.AuditEntry{ID: kept.ID, MessageID: kept.MessageID, Class: string(kept.Poison.Reason),
		Subject: headerOf(&kept.Parked, cloudevent.HeaderSubject)}
	if d.verb == parked.Retry {
		message, poison := d.decode(&kept.Parked)
		if poison != nil {
			entry.Outcome = parked.StillParked
			return entry, d.tried(key, sealed, &kept, poison)
		}
		counted, err := d.count.accept(&message)
		if err != nil {
			return parked.AuditEntry{}, err
		}
		entry.Outcome = parked.Duplicate
		if counted {
			entry.Outcome = parked.Counted
		}
	}
	return entry, d.remove(key, &kept, len(sealed))
}

// tried notes an attempt in vain.
func (d *decision) tried(key, sealed []byte, kept *activity.Kept, poison *activity.Poison) error {
	kept.Attempts, kept.Tried, kept.Poison = kept.Attempts+1, d.now, *poison
	_, again := encodeKept(kept)
	d.size.Bytes += int64(len(again) - len(sealed))
	return d.messages.Put(key, again)
}

// noteKept makes known that an entry is damaged.
func (s *Store) noteKept(name activity.Ledger, key []byte, damage error) {
	s.db.Note(fmt.Errorf("entry %s of the ledger %s of activity %s: %w", entryID(key), name, s.name, damage))
}
