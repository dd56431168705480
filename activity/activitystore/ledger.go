package activitystore

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/activity"
	"ordertally/shared/boltdb"
	"ordertally/shared/cloudevent"
)

// keptRecord is a message of a ledger as it is stored.
type keptRecord struct {
	Message  json.RawMessage `json:"message"` // a keptMessage
	Reason   activity.Reason `json:"reason"`
	Detail   string          `json:"detail"`
	ParkedAt time.Time       `json:"parked_at"`
	Attempts int             `json:"attempts,omitzero"`
	Tried    time.Time       `json:"tried_at,omitzero"`
}

type keptMessage struct {
	Partition   int32               `json:"partition"`
	Offset      int64               `json:"offset"`
	LeaderEpoch int32               `json:"leader_epoch"`
	Timestamp   time.Time           `json:"timestamp"`
	Key         []byte              `json:"key"`
	Value       []byte              `json:"value"` // null for a tombstone
	Headers     []cloudevent.Header `json:"headers"`
}

// ledger is a ledger in one transaction. Its messages are in one bucket; two others find them by age and by message id.
type ledger struct {
	name     activity.Ledger
	messages *bbolt.Bucket // <partition><offset><digest> -> JSON of a keptRecord
	ages     *bbolt.Bucket // <microseconds><key of messages> -> nothing
	ids      *bbolt.Bucket // <message id>0<key of messages> -> nothing
	size     *size
}

// size is how much a ledger holds.
type size struct {
	Count int64 `json:"count"`
	Bytes int64 `json:"bytes"`
}

func (s *Store) ledger(root *bbolt.Bucket, name activity.Ledger, st *state) ledger {
	l := ledger{name: name, messages: root.Bucket([]byte(name)).Bucket(s.topic), size: &st.LateSize}
	indexes := root.Bucket(bucketIndexes).Bucket([]byte(name))
	l.ages, l.ids = indexes.Bucket(bucketAges), indexes.Bucket(bucketIDs)
	if name == activity.ParkedLedger {
		l.size = &st.ParkedSize
	}
	return l
}

// keyOf returns the key of a message. It holds a digest, so that a message read again is the same entry, and another one that
// stands at the same offset, after Kafka lost or re-created the topic, is another entry.
func keyOf(partition int32, offset int64, message []byte) []byte {
	digest := sha256.Sum256(message)
	key := binary.BigEndian.AppendUint32(nil, uint32(partition)) //nolint:gosec // partitions are not negative
	key = binary.BigEndian.AppendUint64(key, uint64(offset))     //nolint:gosec // offsets are not negative
	return append(key, digest[:8]...)
}

const keptKeySize = 20

// entryID returns a key as people see it.
func entryID(key []byte) string {
	return fmt.Sprintf("%d-%d-%s", binary.BigEndian.Uint32(key), binary.BigEndian.Uint64(key[4:]), hex.EncodeToString(key[12:]))
}

// parseEntryID reads what entryID returned.
func parseEntryID(id string) ([]byte, error) {
	var partition uint32
	var offset uint64
	var digest string
	if n, err := fmt.Sscanf(id, "%d-%d-%s", &partition, &offset, &digest); n != 3 || err != nil {
		return nil, activity.ErrNotKept
	}
	key := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(nil, partition), offset)
	key, err := hex.AppendDecode(key, []byte(digest))
	if err != nil || len(key) != keptKeySize || entryID(key) != id {
		return nil, activity.ErrNotKept
	}
	return key, nil
}

// encode returns the key and the sealed record of a message.
func encodeKept(p *activity.Parked, at time.Time) (key, sealed []byte, err error) {
	message, err := json.Marshal(keptMessage{p.Partition, p.Offset, p.LeaderEpoch, p.Timestamp, p.Key, p.Value, p.Headers})
	if err != nil {
		return nil, nil, fmt.Errorf("keep offset %d of partition %d: %w", p.Offset, p.Partition, err)
	}
	key = keyOf(p.Partition, p.Offset, message)
	text, err := json.Marshal(keptRecord{Message: message, Reason: p.Poison.Reason, Detail: p.Poison.Detail, ParkedAt: at})
	if err != nil {
		return nil, nil, fmt.Errorf("keep offset %d of partition %d: %w", p.Offset, p.Partition, err)
	}
	return key, boltdb.Seal(key, text), nil
}

// put stores a message that is not there yet.
func (l *ledger) put(key, sealed []byte, at time.Time, messageID string) error {
	if err := l.messages.Put(key, sealed); err != nil {
		return err
	}
	l.size.Count++
	l.size.Bytes += int64(len(sealed))
	return l.index(key, at, messageID)
}

func (l *ledger) index(key []byte, at time.Time, messageID string) error {
	if err := l.ages.Put(ageKey(at, key), nil); err != nil {
		return err
	}
	if messageID == "" {
		return nil
	}
	return l.ids.Put(idKey(messageID, key), nil)
}

func ageKey(at time.Time, key []byte) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(at.UnixMicro())), key...)
}

func idKey(messageID string, key []byte) []byte { return append(append([]byte(messageID), 0), key...) }

// remove takes a message out.
func (l *ledger) remove(key []byte, k *activity.Kept, sealed int) error {
	l.size.Count--
	l.size.Bytes -= int64(sealed)
	if err := l.ages.Delete(ageKey(k.At, key)); err != nil {
		return err
	}
	if k.MessageID != "" {
		if err := l.ids.Delete(idKey(k.MessageID, key)); err != nil {
			return err
		}
	}
	return l.messages.Delete(key)
}

// decodeKept reads a stored message.
func decodeKept(key, sealed []byte) (activity.Kept, error) {
	var record keptRecord
	var m keptMessage
	err := readJSON(key, sealed, &record)
	if err == nil {
		err = json.Unmarshal(record.Message, &m)
	}
	if err != nil || len(key) != keptKeySize {
		return activity.Kept{}, fmt.Errorf("read a message that was kept: %w", err)
	}
	k := activity.Kept{
		ID: entryID(key), At: record.ParkedAt, Attempts: record.Attempts, Tried: record.Tried,
		Parked: activity.Parked{
			Partition: m.Partition, Offset: m.Offset, LeaderEpoch: m.LeaderEpoch, Timestamp: m.Timestamp, Key: m.Key, Value: m.Value, Headers: m.Headers,
			Poison: activity.Poison{Reason: record.Reason, Detail: record.Detail},
		},
	}
	k.MessageID = messageIDOf(&k.Parked)
	return k, nil
}

// messageIDOf returns the id in the headers, "" when there is none or it is too long for one.
func messageIDOf(p *activity.Parked) string {
	for _, h := range p.Headers {
		if h.Key == cloudevent.HeaderID && len(h.Value) <= cloudevent.MaxIDLen {
			return string(h.Value)
		}
	}
	return ""
}
