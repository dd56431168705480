package codec

import (
	"encoding/binary"
	"time"
)

// Encoder appends values. The zero Encoder is ready for use; NewRecord and NewEntry leave room for the seal.
type Encoder struct {
	b    []byte
	from int // where the value begins, behind the room for the seal
}

// NewRecord begins a record of that version. room is a guess of how many bytes follow.
func NewRecord(version byte, room int) Encoder {
	e := NewEntry(1 + room)
	e.Byte(version)
	return e
}

// NewRecordIn is NewRecord in memory of an arena, which may be nil.
func NewRecordIn(a *Arena, version byte, room int) Encoder {
	if a == nil {
		return NewRecord(version, room)
	}
	e := Encoder{b: a.take(SealSize + 1 + room)[:SealSize], from: SealSize}
	e.Byte(version)
	return e
}

// NewEntry begins a record without a version. room is a guess of how many bytes follow.
func NewEntry(room int) Encoder {
	return Encoder{b: make([]byte, SealSize, SealSize+room), from: SealSize}
}

// Seal returns the record to store under key. The Encoder must not be used any more.
func (e *Encoder) Seal(key []byte) []byte {
	if e.from == 0 {
		return Seal(key, e.b)
	}
	SealInPlace(key, e.b)
	return e.b
}

// Encoded returns what was appended, without a seal.
func (e *Encoder) Encoded() []byte { return e.b[e.from:] }

// Byte appends one byte.
func (e *Encoder) Byte(b byte) { e.b = append(e.b, b) }

// Bool appends one byte.
func (e *Encoder) Bool(b bool) {
	if b {
		e.Byte(1)
	} else {
		e.Byte(0)
	}
}

// Uint appends a number in as few bytes as it needs, 10 at most.
func (e *Encoder) Uint(n uint64) { e.b = binary.AppendUvarint(e.b, n) }

// Count appends a number that is not negative, as Uint does.
func (e *Encoder) Count(n int64) { e.Uint(uint64(n)) } //nolint:gosec // not negative

// Int appends a number that may be negative, in as few bytes as it needs.
func (e *Encoder) Int(n int64) { e.b = binary.AppendVarint(e.b, n) }

// Uint32 appends 4 bytes, big endian.
func (e *Encoder) Uint32(n uint32) { e.b = binary.BigEndian.AppendUint32(e.b, n) }

// Uint64 appends 8 bytes, big endian.
func (e *Encoder) Uint64(n uint64) { e.b = binary.BigEndian.AppendUint64(e.b, n) }

// Time appends a time to the nanosecond, without its zone. The zero time is one byte.
func (e *Encoder) Time(t time.Time) {
	if t.IsZero() {
		e.Byte(0)
		return
	}
	seconds := t.Unix()
	e.Uint(uint64(seconds<<1^seconds>>63) + 1) //nolint:gosec // small numbers of either sign, without the 0
	e.Count(int64(t.Nanosecond()))
}

// Text appends a text with its length in front.
func (e *Encoder) Text(s string) {
	e.Uint(uint64(len(s)))
	e.b = append(e.b, s...)
}

// Bytes appends bytes with their length in front. Nil and empty bytes are the same.
func (e *Encoder) Bytes(b []byte) {
	e.Uint(uint64(len(b)))
	e.b = append(e.b, b...)
}

// Optional appends bytes that may be nil, which is not the same as empty.
func (e *Encoder) Optional(b []byte) {
	if b == nil {
		e.Byte(0)
		return
	}
	e.Uint(uint64(len(b)) + 1)
	e.b = append(e.b, b...)
}

// Raw appends bytes as they are: an array whose size the reader knows, or the last value of a record.
func (e *Encoder) Raw(b []byte) { e.b = append(e.b, b...) }
