package orderstore

import (
	"time"

	"ordertally/order"
	"ordertally/shared/boltdb/codec"
	"ordertally/shared/event"
	"ordertally/shared/uuidv7"
)

// message identifies a message in the outbox.
type message struct {
	kind string // its event type
	slot uint64 // the slot it was appended with
	id   uuidv7.ID
}

// row is a stored order. It is written once and never changes. Later events have rows of their own.
type row struct {
	message  message       // the message of the placement
	key      order.KeyHash // the key of the placement
	hash     order.RequestHash
	placedAt time.Time // beside the content, so that a list is filtered without decoding
	placedBy string
	content  content
}

const rowVersion = 4

// The bits of a row that say what follows.
const (
	rowPacked = 1 << iota // the content is a packed order
	rowKeyed              // there is a key
	rowHashed             // the hash is known
	rowBits   = iota
)

// encodeRow returns the sealed row, in memory of the arena.
func encodeRow(arena *codec.Arena, key []byte, r *row) []byte {
	record := codec.NewRecordIn(arena, rowVersion, 130+len(r.placedBy)+len(r.content.bytes))
	var has byte
	if r.content.packed {
		has |= rowPacked
	}
	if !r.key.IsZero() {
		has |= rowKeyed
	}
	if !r.hash.IsZero() {
		has |= rowHashed
	}
	record.Byte(has)
	encodeMessage(&record, &r.message)
	if has&rowKeyed != 0 {
		record.Raw(r.key[:])
	}
	if has&rowHashed != 0 {
		record.Raw(r.hash[:])
	}
	record.Time(r.placedAt)
	record.Text(r.placedBy)
	record.Raw(r.content.bytes)
	return record.Seal(key)
}

// decodeRow returns the row. Its content shares the transaction's memory.
func decodeRow(key, sealed []byte) (row, error) {
	record, err := codec.OpenRecord(key, sealed, rowVersion)
	if err != nil {
		return row{}, err
	}
	has := record.Byte()
	if has>>rowBits != 0 {
		record.Fail()
	}
	r := row{message: decodeMessage(&record, event.TypeCreated)}
	if has&rowKeyed != 0 {
		record.Array(r.key[:])
	}
	if has&rowHashed != 0 {
		record.Array(r.hash[:])
	}
	r.placedAt = record.Time()
	r.placedBy = record.Text()
	r.content = content{has&rowPacked != 0, record.Rest()}
	return r, record.Err()
}

// order returns the order of the row.
func (r *row) order(id uuidv7.ID) (event.Order, error) { return r.content.order(id, r.placedAt) }

// payload returns the JSON of the order, as it was answered first. It shares no memory with the transaction.
func (r *row) payload(id uuidv7.ID) ([]byte, error) { return r.content.payload(id, r.placedAt) }

func encodeMessage(record *codec.Encoder, m *message) {
	record.Uint(m.slot)
	record.Raw(m.id[:])
}

func decodeMessage(record *codec.Decoder, kind string) message {
	m := message{kind: kind, slot: record.Uint()}
	record.Array(m.id[:])
	return m
}

// decodeID reads the id of an order.
func decodeID(key, sealed []byte) (id uuidv7.ID, err error) {
	record, err := codec.OpenEntry(key, sealed)
	if err != nil {
		return id, err
	}
	record.Array(id[:])
	return id, record.End()
}
