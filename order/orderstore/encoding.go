package orderstore

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"time"

	"ordertally/shared/boltdb"
	"ordertally/shared/uuidv7"
)

// row is a stored order: seal, version, slot of its message, seconds and nanoseconds of placed_at (so that a list can be
// filtered without decoding), payload.
type row struct {
	slot     uint64
	placedAt time.Time
	payload  []byte
}

const (
	rowVersion = 1
	rowHeader  = boltdb.SealSize + 1 + 8 + 8 + 4
	keyVersion = 1
)

var errVersion = errors.New("a record of an unknown version: it was written by a newer release")

func encodeRow(key []byte, r row) []byte {
	b := make([]byte, boltdb.SealSize, rowHeader+len(r.payload))
	b = append(b, rowVersion)
	b = binary.BigEndian.AppendUint64(b, r.slot)
	b = binary.BigEndian.AppendUint64(b, uint64(r.placedAt.Unix()))       //nolint:gosec // read back the same way
	b = binary.BigEndian.AppendUint32(b, uint32(r.placedAt.Nanosecond())) //nolint:gosec // below 10^9
	b = append(b, r.payload...)
	boltdb.SealInPlace(key, b)
	return b
}

// decodeRow returns the row; its payload shares the transaction's memory.
func decodeRow(key, sealed []byte) (row, error) {
	b, err := boltdb.Unseal(key, sealed)
	if err != nil {
		return row{}, err
	}
	if len(sealed) < rowHeader || b[0] != rowVersion {
		return row{}, errVersion
	}
	seconds, nanos := binary.BigEndian.Uint64(b[9:]), binary.BigEndian.Uint32(b[17:])
	return row{
		slot:     binary.BigEndian.Uint64(b[1:]),
		placedAt: time.Unix(int64(seconds), int64(nanos)), //nolint:gosec // written from an int64
		payload:  b[21:],
	}, nil
}

// usedKey is what an idempotency key was used for.
type usedKey struct {
	body [sha256.Size]byte
	id   uuidv7.ID
}

func encodeKey(key []byte, u usedKey) []byte {
	b := make([]byte, boltdb.SealSize, boltdb.SealSize+1+len(u.body)+len(u.id))
	b = append(b, keyVersion)
	b = append(b, u.body[:]...)
	b = append(b, u.id[:]...)
	boltdb.SealInPlace(key, b)
	return b
}

func decodeKey(key, sealed []byte) (usedKey, error) {
	b, err := boltdb.Unseal(key, sealed)
	if err != nil {
		return usedKey{}, err
	}
	var u usedKey
	if len(b) != 1+len(u.body)+len(u.id) || b[0] != keyVersion {
		return usedKey{}, errVersion
	}
	copy(u.body[:], b[1:])
	copy(u.id[:], b[1+len(u.body):])
	return u, nil
}

func customerKey(customer string, id uuidv7.ID) []byte {
	b := make([]byte, 0, len(customer)+1+len(id))
	b = append(b, customer...)
	b = append(b, 0) // customer ids hold no control characters
	return append(b, id[:]...)
}
