// Package setdigest sums up a set of ids in 16 bytes that do not depend on their order. Two services with the same ids
// have the same digest, and the digests of parts add up to that of the whole.
//
// It is the sum, modulo 2^128, of the first 16 bytes of each id's SHA-256 (an additive set hash: Bellare and
// Micciancio, "A New Paradigm for Collision-Free Hashing", 1997). It finds ids that are lost, doubled or mixed up. It
// is no proof against somebody who chooses the ids in order to deceive.
package setdigest

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/bits"
)

// Size of a digest, in bytes.
const Size = 16

// Digest is the digest of a set of ids. The zero Digest is that of the empty set.
type Digest struct{ hi, lo uint64 }

// Of returns the digest of one id.
func Of[Text string | []byte](id Text) Digest {
	sum := sha256.Sum256([]byte(id))
	return FromBytes([Size]byte(sum[:Size]))
}

// FromBytes reads what Bytes returned.
func FromBytes(b [Size]byte) Digest {
	return Digest{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

// Bytes returns d, big endian.
func (d Digest) Bytes() (b [Size]byte) {
	binary.BigEndian.PutUint64(b[:8], d.hi)
	binary.BigEndian.PutUint64(b[8:], d.lo)
	return b
}

// Plus returns the digest of both sets together. An id in both counts twice.
func (d Digest) Plus(other Digest) Digest {
	lo, carry := bits.Add64(d.lo, other.lo, 0)
	hi, _ := bits.Add64(d.hi, other.hi, carry)
	return Digest{hi, lo}
}

// String returns d in 32 hexadecimal digits.
func (d Digest) String() string {
	b := d.Bytes()
	return hex.EncodeToString(b[:])
}

// MarshalText returns what String does.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (d *Digest) UnmarshalText(text []byte) error {
	var b [Size]byte
	if len(text) != 2*Size {
		return fmt.Errorf("%.40q is not a digest: it must have %d hexadecimal digits", text, 2*Size)
	}
	if _, err := hex.Decode(b[:], text); err != nil {
		return fmt.Errorf("%.40q is not a digest: %w", text, err)
	}
	*d = FromBytes(b)
	return nil
}
