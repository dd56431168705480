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
	placedAt time.Time // kept beside the payload, so that a list is filtered without decoding
	placedBy string
	payload  []byte
}

const rowVersion = 3

func encodeRow(key []byte, r *row) []byte {
	record := codec.NewRecord(rowVersion, 128+len(r.placedBy)+len(r.payload))
	encodeMessage(&record, &r.message)
	record.Raw(r.key[:])
	record.Raw(r.hash[:])
	record.Time(r.placedAt)
	record.Text(r.placedBy)
	record.Raw(r.payload)
	return record.Seal(key)
}

// decodeRow returns the row. Its payload shares the transaction's memory.
func decodeRow(key, sealed []byte) (row, error) {
	record, err := codec.OpenRecord(key, sealed, rowVersion)
	if err != nil {
		return row{}, err
	}
	r := row{message: decodeMessage(&record)}
	record.Array(r.key[:])
	record.Array(r.hash[:])
	r.placedAt = record.Time()
	r.placedBy = record.Text()
	r.payload = record.Rest()
	return r, record.Err()
}

func encodeMessage(record *codec.Encoder, m *message) {
	record.Text(m.kind)
	record.Uint64(m.slot)
	record.Raw(m.id[:])
}

func decodeMessage(record *codec.Decoder) (m message) {
	if kind := record.Bytes(); string(kind) == event.TypeCreated {
		m.kind = event.TypeCreated // avoids a copy
	} else {
		m.kind = string(kind)
	}
	m.slot = record.Uint64()
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
