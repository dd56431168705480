package outbox

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"time"

	"go.etcd.io/bbolt"

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
	// Trace is sent with the envelope.
	Trace cloudevent.Trace
	// Headers are sent after those of the envelope.
	Headers []cloudevent.Header
	// Value is the payload. The caller must not change it after Append.
	Value []byte
	// Stored says that the transaction of Append also stores what the message reports, and that Config.Content makes
	// the message again out of it. The outbox then keeps only ID, Key, Type, Trace and a checksum of Value, instead of
	// all a second time. What was stored must not change as long as the outbox has the message.
	Stored bool
}

// Content completes a message that was appended with Stored. m has the ID, Key, Type and Trace that Append was given.
// Content sets the other fields to what Append was given, without sharing memory with tx. It returns ErrCorrupt of
// package codec if what was stored is missing or damaged, or belongs to another message.
//
// tx may be a read transaction or one that writes. Content runs in the database's committer too, so it must be quick.
type Content func(tx *bbolt.Tx, m *Message) error

// row is a message as it is stored: under its slot, with a checksum.
type row struct {
	slot uint64
	// origin is the slot that the message was appended with. It differs from slot once the message was tried again.
	origin      uint64
	committed   time.Time // when it was appended
	slotted     time.Time // when it got this slot: later than committed if it was tried again
	attempts    uint32    // failed attempts that were the message's own fault
	firstFailed time.Time
	sum         uint32 // of the value of a message that is Stored
	message     Message
}

const rowVersion = 5

// The bits of a row that say what it has.
const (
	rowTried  = 1 << iota // it was tried before
	rowStored             // Config.Content has the rest
	rowTraced             // there is a trace
	rowBits   = iota
)

// encode returns the sealed value of r for the key slotKey(r.slot), in memory of the arena.
func (r *row) encode(arena *codec.Arena, key []byte) []byte {
	m := &r.message
	room := 1 + len(m.ID) + 2*10 + 2*binary.MaxVarintLen32 + len(m.Key) + len(m.Type)
	var has byte
	if r.origin != r.slot || r.attempts > 0 || !r.slotted.Equal(r.committed) || !r.firstFailed.IsZero() {
		has |= rowTried
		room += 3 * 10
	}
	if m.Stored {
		has |= rowStored
		room += 4
	} else {
		room += 10 + 4*binary.MaxVarintLen32 + len(m.Subject) + len(m.Schema) + len(m.ContentType) + len(m.Value)
		for i := range m.Headers {
			room += 2*binary.MaxVarintLen32 + len(m.Headers[i].Key) + len(m.Headers[i].Value)
		}
	}
	if m.Trace != (cloudevent.Trace{}) {
		has |= rowTraced
		room += 3*binary.MaxVarintLen32 + len(m.Trace.Parent) + len(m.Trace.State) + len(m.Trace.Baggage)
	}
	record := codec.NewRecordIn(arena, rowVersion, room)
	record.Byte(has)
	record.Raw(m.ID[:])
	record.Time(r.committed)
	if has&rowTried != 0 {
		record.Uint(r.origin)
		record.Uint(uint64(r.attempts))
		record.Time(r.slotted)
		record.Time(r.firstFailed)
	}
	record.Bytes(m.Key)
	record.Text(m.Type)
	if has&rowTraced != 0 {
		record.Text(m.Trace.Parent)
		record.Text(m.Trace.State)
		record.Text(m.Trace.Baggage)
	}
	if has&rowStored != 0 {
		record.Uint32(r.sum)
		return record.Seal(key)
	}
	record.Time(m.Time)
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

// decodeRow reads a stored row. The result shares no memory with the database. A message that is Stored is incomplete:
// see Content.complete.
func decodeRow(key, sealed []byte) (row, error) {
	record, err := codec.OpenRecord(key, bytes.Clone(sealed), rowVersion)
	r := row{slot: slotOf(key)}
	m := &r.message
	if err == nil {
		has := r.begin(&record)
		m.Key, m.Type = record.Bytes(), record.Text()
		if has&rowTraced != 0 {
			m.Trace = cloudevent.Trace{Parent: record.Text(), State: record.Text(), Baggage: record.Text()}
		}
		if m.Stored = has&rowStored != 0; m.Stored {
			r.sum = record.Uint32()
		} else {
			m.Time, m.Subject, m.Schema, m.ContentType = record.Time(), record.Text(), record.Text(), record.Text()
			for n := record.Len(); n > 0 && record.Err() == nil; n-- {
				m.Headers = append(m.Headers, cloudevent.Header{Key: record.Text(), Value: record.Bytes()})
			}
			m.Value = record.Rest()
		}
		err = record.End()
	}
	if err != nil {
		return row{}, fmt.Errorf("read outbox message %d: %w", slotOf(key), err)
	}
	return r, nil
}

// begin reads the part of a row that every row has, and returns what else there is.
func (r *row) begin(record *codec.Decoder) (has byte) {
	if has = record.Byte(); has>>rowBits != 0 {
		record.Fail()
	}
	record.Array(r.message.ID[:])
	r.committed = record.Time()
	r.origin, r.slotted = r.slot, r.committed
	if has&rowTried != 0 {
		r.origin = record.Uint()
		attempts := record.Uint()
		if attempts > math.MaxUint32 {
			record.Fail()
		}
		r.attempts = uint32(attempts) //nolint:gosec // checked
		r.slotted, r.firstFailed = record.Time(), record.Time()
	}
	return has
}

// rowAge reads what retention needs of a row, without copying it.
func rowAge(key, sealed []byte) (origin uint64, committed time.Time, err error) {
	record, err := codec.OpenRecord(key, sealed, rowVersion)
	if err != nil {
		return 0, time.Time{}, err
	}
	r := row{slot: slotOf(key)}
	r.begin(&record)
	return r.origin, r.committed, record.Err()
}

// complete adds to a row that is Stored what it does not have itself.
func (content Content) complete(tx *bbolt.Tx, r *row) error {
	if !r.message.Stored {
		return nil
	}
	if content == nil {
		return fmt.Errorf("read outbox message %d: its content is stored elsewhere, and Config.Content is not set",
			r.slot)
	}
	whole := r.message
	err := content(tx, &whole)
	if err == nil && (whole.ID != r.message.ID || checksum(whole.Value) != r.sum) {
		err = fmt.Errorf("%w: what was stored is not what was appended", codec.ErrCorrupt)
	}
	if err != nil {
		return fmt.Errorf("read outbox message %d, id %s: %w", r.slot, r.message.ID, err)
	}
	whole.Stored = true
	r.message = whole
	return nil
}

// read reads a whole row.
func (content Content) read(tx *bbolt.Tx, key, sealed []byte) (row, error) {
	r, err := decodeRow(key, sealed)
	if err == nil {
		err = content.complete(tx, &r)
	}
	return r, err
}

// checksum is kept of a value that is stored elsewhere.
func checksum(value []byte) uint32 { return crc32.Checksum(value, castagnoli) }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

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
		DataSchema: m.Schema, ContentType: m.ContentType, Trace: m.Trace,
		Lineage: lineage, Sequence: r.slot, Previous: previous, PartitionPrevious: min(inPartition, previous),
	}
	headers := append(envelope.Headers(), m.Headers...)
	return Record{Slot: r.slot, Key: m.Key, Value: m.Value, Headers: headers, Time: r.slotted, Partition: partition}
}
