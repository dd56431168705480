package outbox

import (
	"encoding/binary"
	"fmt"
	"time"

	"ordertally/shared/boltdb/codec"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/uuidv7"
)

// Message is an event to publish: a CloudEvent with a key.
type Message struct {
	// ID names the event for ever, also when it is sent again. Left zero, Append assigns one.
	ID uuidv7.ID
	// Key decides the partition. Messages of one key are published in the order written.
	Key []byte
	// Type, Subject, Schema, ContentType, and Time are attributes of the envelope; see cloudevent.
	Type        string
	Subject     string
	Schema      string
	ContentType string
	Time        time.Time
	// Headers are sent after those of the envelope.
	Headers []cloudevent.Header
	// Value is the payload. It must not be changed after Append.
	Value []byte
}

// row is a message as it is stored: under its slot, sealed with a checksum.
type row struct {
	slot uint64
	// origin is the slot that the message was appended with; it differs from slot once it was tried again.
	origin      uint64
	committed   time.Time // when it was appended
	slotted     time.Time // when it got this slot, which is later once it was tried again
	attempts    uint32    // failed attempts that were the message's own fault
	firstFailed time.Time
	message     Message
}

const rowVersion = 3

// encode returns the sealed value of r for the key slotKey(r.slot).
func (r *row) encode(key []byte) []byte {
	m := &r.message
	size := codec.SealSize + 1 + len(m.ID) + 5*8 + 8 + 4 + 7*binary.MaxVarintLen32 +
		len(m.Key) + len(m.Type) + len(m.Subject) + len(m.Schema) + len(m.ContentType) + len(m.Value)
	for i := range m.Headers {
		size += 2*binary.MaxVarintLen32 + len(m.Headers[i].Key) + len(m.Headers[i].Value)
	}
	b := make([]byte, codec.SealSize, size)
	b = append(b, rowVersion)
	b = append(b, m.ID[:]...)
	b = binary.BigEndian.AppendUint64(b, r.origin)
	b = binary.BigEndian.AppendUint32(b, r.attempts)
	b = appendTime(b, r.committed)
	b = appendTime(b, r.slotted)
	b = appendTime(b, r.firstFailed)
	b = appendTime(b, m.Time)
	b = appendText(b, m.Key)
	b = appendText(b, m.Type)
	b = appendText(b, m.Subject)
	b = appendText(b, m.Schema)
	b = appendText(b, m.ContentType)
	b = binary.AppendUvarint(b, uint64(len(m.Headers)))
	for i := range m.Headers {
		b = appendText(b, m.Headers[i].Key)
		b = appendText(b, m.Headers[i].Value)
	}
	b = append(b, m.Value...)
	codec.SealInPlace(key, b)
	return b
}

// decodeRow reads a stored row. Nothing in the result shares memory with the database.
func decodeRow(key, sealed []byte) (row, error) {
	value, err := codec.Unseal(key, sealed)
	if err != nil {
		return row{}, fmt.Errorf("read outbox message %d: %w", slotOf(key), err)
	}
	d := decoder{b: append([]byte(nil), value...)}
	if d.byte() != rowVersion {
		return row{}, fmt.Errorf("read outbox message %d: %w", slotOf(key), errRow)
	}
	r := row{slot: slotOf(key)}
	copy(r.message.ID[:], d.take(len(r.message.ID)))
	r.origin = d.uint64()
	r.attempts = d.uint32()
	r.committed = d.time()
	r.slotted = d.time()
	r.firstFailed = d.time()
	r.message.Time = d.time()
	r.message.Key = d.text()
	r.message.Type = string(d.text())
	r.message.Subject = string(d.text())
	r.message.Schema = string(d.text())
	r.message.ContentType = string(d.text())
	for range d.count() {
		r.message.Headers = append(r.message.Headers, cloudevent.Header{Key: string(d.text()), Value: d.text()})
	}
	r.message.Value = d.b
	if d.short {
		return row{}, fmt.Errorf("read outbox message %d: %w", slotOf(key), errRow)
	}
	return r, nil
}

// rowAge reads what retention asks of an unsealed row, without copying it.
func rowAge(value []byte) (origin uint64, committed time.Time, err error) {
	d := decoder{b: value}
	version := d.byte()
	d.take(len(uuidv7.ID{}))
	origin = d.uint64()
	d.uint32()
	committed = d.time()
	if version != rowVersion || d.short {
		return 0, time.Time{}, errRow
	}
	return origin, committed, nil
}

// size is what r weighs against the limits of queue and batch, in bytes.
func (r *row) size() int {
	size := len(r.message.Value) + len(r.message.Key) + 512
	for i := range r.message.Headers {
		size += len(r.message.Headers[i].Key) + len(r.message.Headers[i].Value)
	}
	return size
}

// record returns r as the publisher gets it; previous is the slot published before it. Its time is that of its slot: an
// inbox judges by it whether the message can have been read and forgotten (rule C3a).
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
