package measure

import (
	"math/big"
	"math/bits"

	"ordertally/shared/boltdb/codec"
)

// Sum is an exact sum of amounts that are not negative. It has 128 bits: enough for 2^64 events of the largest amount.
type Sum struct{ Hi, Lo uint64 }

// SumOf returns n, which must not be negative.
func SumOf(n int64) Sum { return Sum{Lo: uint64(n)} } //nolint:gosec // not negative

// Plus returns s + t.
func (s Sum) Plus(t Sum) Sum {
	lo, carry := bits.Add64(s.Lo, t.Lo, 0)
	hi, _ := bits.Add64(s.Hi, t.Hi, carry)
	return Sum{Hi: hi, Lo: lo}
}

// String returns s in decimal digits.
func (s Sum) String() string {
	n := new(big.Int).SetUint64(s.Hi)
	n.Lsh(n, 64)
	return n.Or(n, new(big.Int).SetUint64(s.Lo)).String()
}

// MarshalJSON makes s a JSON number with all its digits.
func (s Sum) MarshalJSON() ([]byte, error) { return []byte(s.String()), nil }

// Float returns s as nearly as a float64 can.
func (s Sum) Float() float64 { return float64(s.Hi)*(1<<64) + float64(s.Lo) }

// Encode appends s to a record.
func (s Sum) Encode(record *codec.Encoder) {
	record.Uint(s.Hi)
	record.Uint(s.Lo)
}

// DecodeSum takes a Sum from a record.
func DecodeSum(record *codec.Decoder) Sum { return Sum{Hi: record.Uint(), Lo: record.Uint()} }
