package activitystore

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"ordertally/activity"
	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/codec"
	"ordertally/shared/event/cloudevent"
)

// keptVersion begins a record.
const keptVersion = 3

// encodeKept returns the key and the sealed record of a message: the version; the message, with its length in front;
// reason, detail, time, attempts and the time of the last. JSON took six times as long, in a flood nearly all of the
// time.
func encodeKept(k *activity.Kept) (key, sealed []byte) {
	m := writer{b: make([]byte, 0, len(k.Value)+512)}
	m.record(&k.Parked)
	w := writer{b: make([]byte, codec.SealSize, codec.SealSize+len(m.b)+len(k.Poison.Detail)+64)}
	w.b = append(w.b, keptVersion)
	w.bytes(m.b)
	w.text(string(k.Poison.Reason))
	w.text(k.Poison.Detail)
	w.time(k.At)
	w.int(int64(k.Attempts))
	w.time(k.Tried)
	key = keyOf(k.Partition, k.Offset, m.b)
	codec.SealInPlace(key, w.b)
	return key, w.b
}

// keyOf returns the key of a message. It holds a digest, so that a message read again is the same entry, and another
// one that stands at the same offset, after Kafka lost or re-created the topic, is another entry.
func keyOf(partition int32, offset int64, message []byte) []byte {
	digest := sha256.Sum256(message)
	key := binary.BigEndian.AppendUint32(nil, uint32(partition)) //nolint:gosec // partitions are not negative
	key = binary.BigEndian.AppendUint64(key, uint64(offset))     //nolint:gosec // offsets are not negative
	return append(key, digest[:8]...)
}

// record writes all that was read of a message.
func (w *writer) record(p *activity.Parked) {
	w.int(int64(p.Partition))
	w.int(p.Offset)
	w.signed(int64(p.LeaderEpoch))
	w.signed(p.Timestamp.UnixMilli()) // as exact as Kafka's
	w.optional(p.Key)
	w.optional(p.Value)
	w.int(int64(p.TooLarge))
	w.int(int64(len(p.Headers)))
	for _, h := range p.Headers {
		w.text(h.Key)
		w.optional(h.Value)
	}
}

func (w *writer) signed(n int64) { w.b = binary.AppendVarint(w.b, n) }

func (w *writer) bytes(b []byte) {
	w.int(int64(len(b)))
	w.b = append(w.b, b...)
}

// optional writes bytes that may be nil, which is not the same as none.
func (w *writer) optional(b []byte) {
	w.bool(b != nil)
	if b != nil {
		w.bytes(b)
	}
}

func (r *reader) signed() int64 {
	value, n := binary.Varint(r.rest)
	if n <= 0 {
		r.bad, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return value
}

func (r *reader) optional() []byte {
	if !r.bool() {
		return nil
	}
	return append([]byte{}, r.take(r.uvarint())...)
}

func (r *reader) record() activity.Parked {
	p := activity.Parked{
		Partition: int32(r.int()), Offset: r.int(), LeaderEpoch: int32(r.signed()), //nolint:gosec // as written
		Timestamp: time.UnixMilli(r.signed()).UTC(), Key: r.optional(), Value: r.optional(),
		TooLarge: int(r.int()),
	}
	for n := r.length(); n > 0 && !r.bad; n-- {
		p.Headers = append(p.Headers, cloudevent.Header{Key: r.text(), Value: r.optional()})
	}
	return p
}

// decodeKept reads a stored message. It shares no memory with the record.
func decodeKept(key, sealed []byte) (activity.Kept, error) {
	record, err := codec.Unseal(key, sealed)
	var k activity.Kept
	switch {
	case err != nil:
	case len(key) != keptKeySize || len(record) == 0:
		err = boltdb.ErrCorrupt
	case record[0] != keptVersion:
		err = fmt.Errorf("it has version %d: use the program that wrote it", record[0])
	default:
		r := reader{rest: record[1:]}
		m := reader{rest: r.take(r.uvarint())}
		k.Parked = m.record()
		k.Poison = activity.Poison{Reason: activity.Reason(r.text()), Detail: r.text()}
		k.At, k.Attempts, k.Tried = r.time(), int(r.int()), r.time()
		if r.bad || m.bad || len(r.rest)+len(m.rest) > 0 {
			err = boltdb.ErrCorrupt
		}
	}
	if err != nil {
		return activity.Kept{}, fmt.Errorf("read a message that was kept: %w", err)
	}
	k.ID, k.MessageID = entryID(key), headerOf(&k.Parked, cloudevent.HeaderID)
	return k, nil
}
