package outbox

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"

	"ordertally/shared/boltdb/codec"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/uuidv7"
)

// Message is an event to publish: a CloudEvent with a key.
type Message struct {
	// ID identifies the event for ever, also when it is sent again. If it is zero, Append assigns one.
	ID uuidv7.ID
	// Key decides the partition. Messages of one key are published in the order in which they were written.
	Key []byte
	// Type, Subject, Schema, ContentType, and Time are attributes of the envelope; see cloudevent.
	Type        string
	Subject     string
	Schema      string
	ContentType string
	Time        time.Time
	// Headers are sent after those of the envelope.
	Headers []cloudevent.Header
	// Value is the payload. The caller must not change it after Append.
	Value []byte
}

// row is a message as it is stored: under its slot, with a checksum.
type row struct {
	slot uint64
	// origin is the slot that the message was appended with. It differs from slot once the message was tried again.
	origin      uint64
	committed   time.Time // when it was appended
	slotted     time.Time // when it got this slot: later than committed if it was tried again
	attempts    uint32    // failed attempts that were the message's own fault
	firstFailed time.Time
	message     Message
}

const rowVersion = 4

// encode returns the sealed value of r for the key slotKey(r.slot).
func (r *row) encode(key []byte) []byte {
	m := &r.message
	room := len(m.ID) + 8 + 4 + 4*10 + 7*binary.MaxVarintLen32 +
		len(m.Key) + len(m.Type) + len(m.Subject) + len(m.Schema) + len(m.ContentType) + len(m.Value)
	for i := range m.Headers {
		room += 2*binary.MaxVarintLen32 + len(m.Headers[i].Key) + len(m.Headers[i].Value)
	}
	record := codec.NewRecord(rowVersion, room)
	record.Raw(m.ID[:])
	record.Uint64(r.origin)
	record.Uint32(r.attempts)
	record.Time(r.committed)
	record.Time(r.slotted)
	record.Time(r.firstFailed)
	record.Time(m.Time)
	record.Bytes(m.Key)
	record.Text(m.Type)
	record.Text(m.Subject)
	record.Text(m.Schema)
	record.Text(m.ContentType)
	record.Uint(uint64(len(m.Headers)))
	for i := range m.Headers {
		record.Text(m.Headers[i].Key)
		record.Bytes(m.Headers[i].Value)
	}
	record.Raw(m.Value)
	return record.Seal(key)
}

// decodeRow reads a stored row. The result shares no memory with the database.
func decodeRow(key, sealed []byte) (row, error) {
	record, err := codec.OpenRecord(key, bytes.Clone(sealed), rowVersion)
	r := row{slot: slotOf(key)}
	m := &r.message
	if err == nil {
		record.Array(m.ID[:])
		r.origin, r.attempts = record.Uint64(), record.Uint32()
		r.committed, r.slotted, r.firstFailed, m.Time = record.Time(), record.Time(), record.Time(), record.Time()
		m.Key, m.Type, m.Subject = record.Bytes(), record.Text(), record.Text()
		m.Schema, m.ContentType = record.Text(), record.Text()
		for n := record.Len(); n > 0 && record.Err() == nil; n-- {
			m.Headers = append(m.Headers, cloudevent.Header{Key: record.Text(), Value: record.Bytes()})
		}
		m.Value = record.Rest()
		err = record.End()
	}
	if err != nil {
		return row{}, fmt.Errorf("read outbox message %d: %w", slotOf(key), err)
	}
	return r, nil
}

// rowAge reads what retention needs of a row, without copying it.
func rowAge(key, sealed []byte) (origin uint64, committed time.Time, err error) {
	record, err := codec.OpenRecord(key, sealed, rowVersion)
	if err != nil {
		return 0, time.Time{}, err
	}
	record.Raw(len(uuidv7.ID{}))
	origin = record.Uint64()
	record.Uint32()
	committed = record.Time()
	return origin, committed, record.Err()
}

// size returns how many bytes r counts for in the limits of queue and batch.
func (r *row) size() int {
	size := len(r.message.Value) + len(r.message.Key) + 512
	for i := range r.message.Headers {
		size += len(r.message.Headers[i].Key) + len(r.message.Headers[i].Value)
	}
	return size
}

// record returns r as the publisher gets it. previous is the slot published before it. Its time is that of its slot. An
// inbox uses it to judge whether the message can have been read and forgotten (rule C3a).
func (r *row) record(source, lineage string, partition int32, previous, inPartition uint64) Record {
	m := &r.message
	envelope := cloudevent.Envelope{
		ID: m.ID.String(), Source: source, Type: m.Type, Subject: m.Subject, Time: m.Time,
		DataSchema: m.Schema, ContentType: m.ContentType,
		Lineage: lineage, Sequence: r.slot, Previous: previous, PartitionPrevious: min(inPartition, previous),
	}
	headers := append(envelope.Headers(), m.Headers...)
	return Record{Slot: r.slot, Key: m.Key, Value: m.Value, Headers: headers, Time: r.slotted, Partition: partition}
}
