package activitystore

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/activity"
	"ordertally/shared/boltdb/codec"
	"ordertally/shared/event/cloudevent"
)

// ledger is a ledger in one transaction. Its messages are in one bucket; two others find them by age and by message id.
type ledger struct {
	name     activity.Ledger
	messages *bbolt.Bucket // <partition><offset><digest> -> see encodeKept
	ages     *bbolt.Bucket // <microseconds><key of messages> -> nothing, sealed
	ids      *bbolt.Bucket // <message id>0<key of messages> -> nothing, sealed
	size     *activity.LedgerSize
}

func (st *state) size(name activity.Ledger) *activity.LedgerSize {
	if st.Sizes == nil {
		st.Sizes = make(map[activity.Ledger]*activity.LedgerSize)
	}
	if st.Sizes[name] == nil {
		st.Sizes[name] = new(activity.LedgerSize)
	}
	return st.Sizes[name]
}

func (s *Store) ledger(root *bbolt.Bucket, name activity.Ledger, st *state) ledger {
	l := ledger{name: name, messages: root.Bucket([]byte(name)).Bucket(s.topic), size: st.size(name)}
	indexes := root.Bucket(bucketIndexes).Bucket([]byte(name))
	l.ages, l.ids = indexes.Bucket(bucketAges), indexes.Bucket(bucketIDs)
	for _, bucket := range []*bbolt.Bucket{l.messages, l.ages, l.ids} {
		bucket.FillPercent = fillPercent
	}
	return l
}

// fillPercent is high because messages are appended, in each partition: pages need little room for later.
const fillPercent = 0.9

const keptKeySize = 20

// entryID returns a key as people see it.
func entryID(key []byte) string {
	return fmt.Sprintf("%d-%d-%s", binary.BigEndian.Uint32(key), binary.BigEndian.Uint64(key[4:]),
		hex.EncodeToString(key[12:]))
}

// parseEntryID reads what entryID returned. It is nil for anything else.
func parseEntryID(id string) []byte {
	var partition uint32
	var offset uint64
	var digest string
	if n, err := fmt.Sscanf(id, "%d-%d-%s", &partition, &offset, &digest); n != 3 || err != nil {
		return nil
	}
	key := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(nil, partition), offset)
	key, err := hex.AppendDecode(key, []byte(digest))
	if err != nil || len(key) != keptKeySize || entryID(key) != id {
		return nil
	}
	return key
}

// put stores a message that is not there yet.
func (l *ledger) put(key, sealed []byte, at time.Time, messageID string) error {
	if err := l.messages.Put(key, sealed); err != nil {
		return err
	}
	l.size.Messages++
	l.size.Bytes += int64(len(sealed))
	return l.index(key, at, messageID)
}

func (l *ledger) index(key []byte, at time.Time, messageID string) error {
	if err := putIndex(l.ages, ageKey(at, key)); err != nil {
		return err
	}
	if messageID == "" {
		return nil
	}
	return putIndex(l.ids, idKey(messageID, key))
}

// putIndex stores an entry of an index: its key says all, and is sealed.
func putIndex(bucket *bbolt.Bucket, key []byte) error { return bucket.Put(key, codec.Seal(key, nil)) }

func ageKey(at time.Time, key []byte) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(at.UnixMicro())), key...)
}

func idKey(messageID string, key []byte) []byte { return append(append([]byte(messageID), 0), key...) }

// remove takes a message out.
func (l *ledger) remove(key []byte, k *activity.Kept, sealed int) error {
	l.size.Messages--
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

// headerOf returns a header, "" when there is none or it is too long for an id.
func headerOf(p *activity.Parked, name string) string {
	for _, h := range p.Headers {
		if h.Key == name && len(h.Value) <= cloudevent.MaxIDLen {
			return string(h.Value)
		}
	}
	return ""
}
