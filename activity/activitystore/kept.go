package activitystore

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"ordertally/activity"
	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/codec"
	"ordertally/shared/event/cloudevent"
)

// keptVersion is that of a kept message's record.
const keptVersion = 4

// encodeKept returns the key and the sealed record of a message: the message, its reason and detail, when it was kept,
// how often it was tried and when last. JSON took six times as long. In a flood that was nearly all of the time.
func encodeKept(k *activity.Kept) (key, sealed []byte) {
	message := encodeParked(&k.Parked)
	record := codec.NewRecord(keptVersion, len(message)+len(k.Poison.Detail)+64)
	record.Bytes(message)
	record.Text(string(k.Poison.Reason))
	record.Text(k.Poison.Detail)
	record.Time(k.At)
	record.Count(int64(k.Attempts))
	record.Time(k.Tried)
	key = keyOf(k.Partition, k.Offset, message)
	return key, record.Seal(key)
}

// keyOf returns the key of a message. It holds a digest. So a message that is read again is the same entry, and another
// message at the same offset, after Kafka lost or recreated the topic, is another entry.
func keyOf(partition int32, offset int64, message []byte) []byte {
	digest := sha256.Sum256(message)
	key := binary.BigEndian.AppendUint32(nil, uint32(partition)) //nolint:gosec // partitions are not negative
	key = binary.BigEndian.AppendUint64(key, uint64(offset))     //nolint:gosec // offsets are not negative
	return append(key, digest[:8]...)
}

// encodeParked returns all that was read of a message.
func encodeParked(p *activity.Parked) []byte {
	e := codec.NewEntry(len(p.Value) + 512)
	e.Count(int64(p.Partition))
	e.Count(p.Offset)
	e.Int(int64(p.LeaderEpoch))
	e.Int(p.Timestamp.UnixMilli()) // as exact as Kafka's
	e.Optional(p.Key)
	e.Optional(p.Value)
	e.Count(int64(p.TooLarge))
	e.Uint(uint64(len(p.Headers)))
	for _, h := range p.Headers {
		e.Text(h.Key)
		e.Optional(h.Value)
	}
	return e.Encoded()
}

// decodeParked reads what encodeParked returned, and shares its memory.
func decodeParked(encoded []byte) (activity.Parked, error) {
	d := codec.NewDecoder(encoded)
	p := activity.Parked{
		Partition: int32(d.Count()), Offset: d.Count(), LeaderEpoch: int32(d.Int()), //nolint:gosec // as written
		Timestamp: time.UnixMilli(d.Int()).UTC(), Key: d.Optional(), Value: d.Optional(), TooLarge: int(d.Count()),
	}
	for n := d.Len(); n > 0 && d.Err() == nil; n-- {
		p.Headers = append(p.Headers, cloudevent.Header{Key: d.Text(), Value: d.Optional()})
	}
	return p, d.End()
}

// decodeKept reads a stored message. It shares no memory with the record.
func decodeKept(key, sealed []byte) (k activity.Kept, err error) {
	record, err := codec.OpenRecord(key, sealed, keptVersion)
	if err == nil && len(key) != keptKeySize {
		err = boltdb.ErrCorrupt
	}
	if err == nil {
		k.Parked, err = decodeParked(bytes.Clone(record.Bytes()))
	}
	if err == nil {
		k.Poison = activity.Poison{Reason: activity.Reason(record.Text()), Detail: record.Text()}
		k.At, k.Attempts, k.Tried = record.Time(), int(record.Count()), record.Time()
		err = record.End()
	}
	if err != nil {
		return activity.Kept{}, fmt.Errorf("read a message that was kept: %w", err)
	}
	k.ID, k.MessageID = entryID(key), headerOf(&k.Parked, cloudevent.HeaderID)
	return k, nil
}
