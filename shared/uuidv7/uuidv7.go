// Package uuidv7 makes the time-ordered identifiers of orders and messages (RFC 9562, version 7).
//
// Within one Source ids grow strictly, even when the clock stands still or goes back. So rows keyed by them are
// appended. The layout, from the most significant bit: 48 bits of Unix milliseconds, the version, a 12-bit counter, the
// variant, 10 bits for the shard that made the id, 52 random bits.
package uuidv7

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"sync"
	"time"

	"ordertally/shared/clock"
)

// ID is a UUID in its 16-byte form. Ids of one Source sort bytewise in the order in which they were made.
type ID [16]byte

// ErrInvalid says that a text is not a UUID of version 7 in its canonical lower-case form.
var ErrInvalid = errors.New("not a UUIDv7 in the form xxxxxxxx-xxxx-7xxx-xxxx-xxxxxxxxxxxx")

// TextLen is the length of an id's text in bytes.
const TextLen = 36

// MaxShard is the largest shard number that fits the ten bits kept for it.
const MaxShard = 1<<10 - 1

// AppendText appends the canonical text of id to b.
func (id ID) AppendText(b []byte) ([]byte, error) {
	n := len(b)
	b = append(b, make([]byte, TextLen)...)
	id.PutText(b[n:])
	return b, nil
}

// MarshalText returns the canonical text of id.
func (id ID) MarshalText() ([]byte, error) { return id.AppendText(nil) }

// PutText writes the canonical text of id into b, which must hold TextLen bytes.
func (id ID) PutText(b []byte) {
	_ = b[TextLen-1]
	hex.Encode(b[0:8], id[0:4])
	b[8] = '-'
	hex.Encode(b[9:13], id[4:6])
	b[13] = '-'
	hex.Encode(b[14:18], id[6:8])
	b[18] = '-'
	hex.Encode(b[19:23], id[8:10])
	b[23] = '-'
	hex.Encode(b[24:36], id[10:16])
}

// String returns the canonical text.
func (id ID) String() string {
	var b [TextLen]byte
	id.PutText(b[:])
	return string(b[:])
}

// Shard returns the number of the shard that made id.
func (id ID) Shard() int { return int(binary.BigEndian.Uint16(id[8:])>>4) & MaxShard }

// Time returns the time that the id was made at, to the millisecond.
func (id ID) Time() time.Time {
	return time.UnixMilli(int64(binary.BigEndian.Uint64(id[:]) >> 16)).UTC()
}

// Parse reads the canonical text of a version 7 UUID. Any other text is ErrInvalid.
func Parse(s string) (ID, error) {
	var id ID
	if len(s) != TextLen || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return ID{}, ErrInvalid
	}
	compact := make([]byte, 0, 32)
	for i := range len(s) {
		switch c := s[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
		case c >= '0' && c <= '9' || c >= 'a' && c <= 'f':
			compact = append(compact, c)
		default:
			return ID{}, ErrInvalid
		}
	}
	if _, err := hex.Decode(id[:], compact); err != nil {
		return ID{}, ErrInvalid
	}
	if id[6]>>4 != 7 || id[8]>>6 != 2 {
		return ID{}, ErrInvalid
	}
	return id, nil
}

// Source makes ids. It is safe for concurrent use.
type Source struct {
	clock clock.Clock
	shard uint16

	mu      sync.Mutex
	milli   uint64
	counter uint16
}

// NewSource returns a Source whose ids come after last; a zero last means none. Every id has the shard's number, 0 to
// MaxShard.
func NewSource(c clock.Clock, shard int, last ID) *Source {
	return &Source{
		clock:   c,
		shard:   uint16(shard & MaxShard),
		milli:   binary.BigEndian.Uint64(append([]byte{0, 0}, last[:6]...)),
		counter: binary.BigEndian.Uint16(last[6:]) & 0xfff,
	}
}

// Next returns an id that is greater than every id it returned before.
func (s *Source) Next() ID {
	s.mu.Lock()
	now := uint64(max(s.clock.Now().UnixMilli(), 0))
	switch {
	case now > s.milli:
		s.milli, s.counter = now, 0
	case s.counter == 0xfff:
		s.milli, s.counter = s.milli+1, 0
	default:
		s.counter++
	}
	milli, counter := s.milli, s.counter
	s.mu.Unlock()

	var id ID
	_, _ = rand.Read(id[8:]) // crypto/rand.Read never fails: it ends the program instead
	binary.BigEndian.PutUint64(id[:], milli<<16|0x7000|uint64(counter))
	low := binary.BigEndian.Uint64(id[8:])&(1<<52-1) | 0b10<<62 | uint64(s.shard)<<52
	binary.BigEndian.PutUint64(id[8:], low)
	return id
}
