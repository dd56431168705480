package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
)

// ErrVersion says that a record has a version that this program does not read.
var ErrVersion = errors.New("a record has a version that this program does not read: use the program that wrote it")

var errForm = fmt.Errorf("%w: its checksum matches, its form does not", ErrCorrupt)

// Decoder takes the values of an Encoder from the front of a record. The zero Decoder has none.
type Decoder struct {
	rest []byte
	bad  bool
}

// OpenRecord reads a stored record up to its values: its checksum must match, or it is ErrCorrupt, and its version must
// be that one, or it is ErrVersion.
func OpenRecord(key, sealed []byte, version byte) (Decoder, error) {
	d, err := OpenEntry(key, sealed)
	if err != nil {
		return d, err
	}
	if found := d.Byte(); d.bad || found != version {
		return Decoder{}, fmt.Errorf("%w (version %d, key %x)", ErrVersion, found, bytes.Clone(key))
	}
	return d, nil
}

// OpenEntry reads a stored record that has no version.
func OpenEntry(key, sealed []byte) (Decoder, error) {
	value, err := Unseal(key, sealed)
	return Decoder{rest: value}, err
}

// NewDecoder reads what Encoded returned.
func NewDecoder(encoded []byte) Decoder { return Decoder{rest: encoded} }

// Fail marks the record as one that does not have its form.
func (d *Decoder) Fail() { d.rest, d.bad = nil, true }

// More reports whether anything is left.
func (d *Decoder) More() bool { return len(d.rest) > 0 }

// Left returns how many bytes are left.
func (d *Decoder) Left() int { return len(d.rest) }

// Err is ErrCorrupt once a value was not there.
func (d *Decoder) Err() error {
	if d.bad {
		return errForm
	}
	return nil
}

// End is ErrCorrupt if a value was not there, or if anything is left.
func (d *Decoder) End() error {
	if len(d.rest) > 0 {
		d.Fail()
	}
	return d.Err()
}

// Raw takes n bytes as they are. They share the record's memory. It returns nil if there are fewer.
func (d *Decoder) Raw(n int) []byte {
	if n < 0 || n > len(d.rest) {
		d.Fail()
		return nil
	}
	taken := d.rest[:n:n]
	d.rest = d.rest[n:]
	return taken
}

// Rest takes all that is left. It shares the record's memory.
func (d *Decoder) Rest() []byte { return d.Raw(len(d.rest)) }

// Array takes as many bytes as array has, and copies them there.
func (d *Decoder) Array(array []byte) { copy(array, d.Raw(len(array))) }

// Byte takes one byte.
func (d *Decoder) Byte() byte {
	if b := d.Raw(1); len(b) == 1 {
		return b[0]
	}
	return 0
}

// Bool takes one byte, which must be 0 or 1.
func (d *Decoder) Bool() bool {
	b := d.Byte()
	if b > 1 {
		d.Fail()
	}
	return b == 1
}

// Uint takes a number that Uint appended.
func (d *Decoder) Uint() uint64 {
	n, size := binary.Uvarint(d.rest)
	if size <= 0 {
		d.Fail()
		return 0
	}
	d.rest = d.rest[size:]
	return n
}

// Count takes a number that is not negative.
func (d *Decoder) Count() int64 {
	n := d.Uint()
	if n > math.MaxInt64 {
		d.Fail()
		return 0
	}
	return int64(n)
}

// Int takes a number that may be negative.
func (d *Decoder) Int() int64 {
	n, size := binary.Varint(d.rest)
	if size <= 0 {
		d.Fail()
		return 0
	}
	d.rest = d.rest[size:]
	return n
}

// Len takes the length of a list. It is never more than the bytes that are left, so each element must have one at
// least.
func (d *Decoder) Len() int {
	n := d.Uint()
	if n > uint64(len(d.rest)) {
		d.Fail()
		return 0
	}
	return int(n) //nolint:gosec // no more than there are bytes
}

// Uint32 takes 4 bytes.
func (d *Decoder) Uint32() uint32 {
	if b := d.Raw(4); len(b) == 4 {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

// Uint64 takes 8 bytes.
func (d *Decoder) Uint64() uint64 {
	if b := d.Raw(8); len(b) == 8 {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// Time takes a time, in UTC.
func (d *Decoder) Time() time.Time {
	n := d.Uint()
	if n == 0 {
		return time.Time{}
	}
	n--
	nanoseconds := d.Uint()
	if nanoseconds >= uint64(time.Second) {
		d.Fail()
		return time.Time{}
	}
	return time.Unix(int64(n>>1)^-int64(n&1), int64(nanoseconds)).UTC()
}

// Text takes a text. It shares no memory with the record.
func (d *Decoder) Text() string { return string(d.Bytes()) }

// Bytes takes bytes that have their length in front. They share the record's memory.
func (d *Decoder) Bytes() []byte { return d.Raw(d.Len()) }

// Optional takes bytes that may be nil. They share the record's memory.
func (d *Decoder) Optional() []byte {
	n := d.Uint()
	if n == 0 {
		return nil
	}
	if n-1 > uint64(len(d.rest)) {
		d.Fail()
		return nil
	}
	return d.Raw(int(n - 1)) //nolint:gosec // no more than there are bytes
}
