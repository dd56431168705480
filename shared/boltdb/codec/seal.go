package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// bbolt's pages carry no checksum, and its own check finds no flipped bit of a value. So every record of ours begins
// with a CRC-32C of its key and its bytes, checked on every read.

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// SealSize is how many bytes sealing adds to a value.
const SealSize = 4

// ErrCorrupt says that a record is not what was written: its checksum does not match its bytes, or its bytes do not
// have the form that they should have.
var ErrCorrupt = errors.New("a record is corrupt: restore the database file from a backup")

// Seal returns the value to store under key: a checksum of key and value, then the value.
func Seal(key, value []byte) []byte {
	sealed := make([]byte, SealSize+len(value))
	copy(sealed[SealSize:], value)
	SealInPlace(key, sealed)
	return sealed
}

// Unseal checks a stored record and returns its value, which shares the record's memory: copy it before the transaction
// ends. A record that was changed, or stands under another key, is ErrCorrupt.
func Unseal(key, sealed []byte) ([]byte, error) {
	if len(sealed) < SealSize || binary.BigEndian.Uint32(sealed) != checksum(key, sealed[SealSize:]) {
		return nil, fmt.Errorf("%w (key %x)", ErrCorrupt, bytes.Clone(key)) // so that no caller's key escapes
	}
	return sealed[SealSize:], nil
}

// SealInPlace seals a value that stands behind SealSize free bytes. It writes the checksum into them.
func SealInPlace(key, sealed []byte) {
	binary.BigEndian.PutUint32(sealed, checksum(key, sealed[SealSize:]))
}

func checksum(key, value []byte) uint32 {
	return crc32.Update(crc32.Update(0, castagnoli, key), castagnoli, value)
}
