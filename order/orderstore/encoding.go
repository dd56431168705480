package orderstore

import (
	"encoding/binary"
	"errors"
	"time"

	"ordertally/order"
	"ordertally/shared/boltdb/codec"
	"ordertally/shared/uuidv7"
)

// row is a stored order: seal, version, slot of its message, seconds and nanoseconds of placed_at (so that a list can
// be filtered without decoding), length and text of who placed it, payload.
type row struct {
	slot     uint64
	placedAt time.Time
	placedBy string
	payload  []byte
}

const (
	rowVersion = 2
	rowHeader  = codec.SealSize + 1 + 8 + 8 + 4 + 1
	useVersion = 1
)

var errVersion = errors.New("a record of an unknown version: it was written by a newer release")

func encodeRow(key []byte, r row) []byte {
	b := make([]byte, codec.SealSize, rowHeader+1+len(r.placedBy)+len(r.payload))
	b = append(b, rowVersion)
	b = binary.BigEndian.AppendUint64(b, r.slot)
	b = binary.BigEndian.AppendUint64(b, uint64(r.placedAt.Unix()))       //nolint:gosec // read back the same way
	b = binary.BigEndian.AppendUint32(b, uint32(r.placedAt.Nanosecond())) //nolint:gosec // below 10^9
	b = binary.AppendUvarint(b, uint64(len(r.placedBy)))
	b = append(b, r.placedBy...)
	b = append(b, r.payload...)
	codec.SealInPlace(key, b)
	return b
}

// decodeRow returns the row; its payload shares the transaction's memory.
func decodeRow(key, sealed []byte) (row, error) {
	b, err := codec.Unseal(key, sealed)
	if err != nil {
		return row{}, err
	}
	if len(sealed) < rowHeader || b[0] != rowVersion {
		return row{}, errVersion
	}
	seconds, nanos := binary.BigEndian.Uint64(b[9:]), binary.BigEndian.Uint32(b[17:])
	by, n := binary.Uvarint(b[21:])
	if n <= 0 || by > uint64(len(b)-21-n) { //nolint:gosec // n is at most what is left
		return row{}, errVersion
	}
	payload := b[21+n:]
	return row{
		slot:     binary.BigEndian.Uint64(b[1:]),
		placedAt: time.Unix(int64(seconds), int64(nanos)), //nolint:gosec // written from an int64
		placedBy: string(payload[:by]),
		payload:  payload[by:],
	}, nil
}

// use is what an idempotency key, or a source's reference, was used for.
type use struct {
	content order.ContentHash
	id      uuidv7.ID
}

func encodeUse(key []byte, u use) []byte {
	b := make([]byte, codec.SealSize, codec.SealSize+1+len(u.content)+len(u.id))
	b = append(b, useVersion)
	b = append(b, u.content[:]...)
	b = append(b, u.id[:]...)
	codec.SealInPlace(key, b)
	return b
}

func decodeUse(key, sealed []byte) (use, error) {
	b, err := codec.Unseal(key, sealed)
	if err != nil {
		return use{}, err
	}
	var u use
	if len(b) != 1+len(u.content)+len(u.id) || b[0] != useVersion {
		return use{}, errVersion
	}
	copy(u.content[:], b[1:])
	copy(u.id[:], b[1+len(u.content):])
	return u, nil
}

// indexEntry is an entry of an index: its key, which says all, sealed.
func indexEntry(text string, id uuidv7.ID) (key, sealed []byte) {
	key = indexKey(text, id)
	return key, codec.Seal(key, nil)
}

// indexKey is where an order stands in an index by a text. No text of an order holds a zero byte.
func indexKey(text string, id uuidv7.ID) []byte {
	b := make([]byte, 0, len(text)+1+len(id))
	b = append(b, text...)
	b = append(b, 0)
	return append(b, id[:]...)
}

// sourceKey is where a source's reference stands.
func sourceKey(source, reference string) []byte { return []byte(source + "\x00" + reference) }
