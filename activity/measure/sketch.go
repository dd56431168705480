package measure

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"

	"github.com/cespare/xxhash/v2"

	"ordertally/shared/boltdb/codec"
)

// The size of a sketch. 2^12 registers have a standard error of 1.04/sqrt(2^12).
const (
	precision = 12
	registers = 1 << precision
	ranks     = 64 - precision // bits of a hash that say how rare it is
	denseSize = registers * 6 / 8
	maxExact  = denseSize / 8 // so many hashes take the room of all registers
)

// MaxExact is how many different texts a sketch counts exactly, but for two with the same 64-bit hash.
const MaxExact = maxExact

// RelativeError is the standard error of a sketch that holds more, as a share. Two counts of three are off by less.
const RelativeError = 1.04 / (1 << (precision / 2))

// Sketch counts different texts in at most 3 KiB. While they are few it counts exactly. Then it uses HyperLogLog
// (Flajolet and others, 2007) with the estimator of Ertl ("New cardinality estimation algorithms for HyperLogLog
// sketches", 2017), which needs no tables. Sketches of parts merge into that of the whole. The zero Sketch is empty.
type Sketch struct {
	hashes []uint64 // in order, while they are few
	ranks  []uint8  // of each register; nil while they are few
}

// Hash returns what to add for a text. Files hold hashes, so the function never changes.
func Hash(text []byte) uint64 { return xxhash.Sum64(text) }

// Add adds the hash of a text.
func (s *Sketch) Add(hash uint64) {
	if s.ranks != nil {
		s.register(hash)
		return
	}
	at, found := slices.BinarySearch(s.hashes, hash)
	if found {
		return
	}
	s.hashes = slices.Insert(s.hashes, at, hash)
	if len(s.hashes) > maxExact {
		s.condense()
	}
}

func (s *Sketch) condense() {
	s.ranks = make([]uint8, registers)
	for _, hash := range s.hashes {
		s.register(hash)
	}
	s.hashes = nil
}

func (s *Sketch) register(hash uint64) {
	rank := uint8(bits.LeadingZeros64(hash<<precision|1<<(precision-1)) + 1) //nolint:gosec // at most 53
	register := &s.ranks[hash>>ranks]
	*register = max(*register, rank)
}

// Merge adds all that other holds, which stays as it is.
func (s *Sketch) Merge(other *Sketch) {
	for _, hash := range other.hashes {
		s.Add(hash)
	}
	if other.ranks == nil {
		return
	}
	if s.ranks == nil {
		s.condense()
	}
	for i, rank := range other.ranks {
		s.ranks[i] = max(s.ranks[i], rank)
	}
}

// Count returns how many different texts were added: exactly up to MaxExact, then within about RelativeError.
func (s *Sketch) Count() int64 {
	if s.ranks == nil {
		return int64(len(s.hashes))
	}
	var histogram [ranks + 2]float64
	for _, rank := range s.ranks {
		histogram[rank]++
	}
	z := registers * tau(1-histogram[ranks+1]/registers)
	for k := ranks; k >= 1; k-- {
		z = (z + histogram[k]) / 2
	}
	z += registers * sigma(histogram[0]/registers)
	return int64(math.Round(registers * registers / (2 * math.Ln2) / z))
}

// sigma and tau are the series of Ertl's estimator (his equations 11 and 22).

func sigma(x float64) float64 {
	if x == 1 {
		return math.Inf(1)
	}
	sum := x
	for y := 1.0; ; y *= 2 {
		x *= x
		before := sum
		if sum += x * y; sum == before {
			return sum
		}
	}
}

func tau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	sum := 1 - x
	for y := 0.5; ; y /= 2 {
		x = math.Sqrt(x)
		before := sum
		if sum -= (1 - x) * (1 - x) * y; sum == before {
			return sum / 3
		}
	}
}

// Encode appends the sketch to a record: the number of hashes and the hashes, or MaxExact+1 and all registers in 6 bits
// each.
func (s *Sketch) Encode(record *codec.Encoder) {
	if s.ranks == nil {
		record.Uint(uint64(len(s.hashes)))
		for _, hash := range s.hashes {
			record.Uint64(hash)
		}
		return
	}
	record.Uint(maxExact + 1)
	for i := 0; i < registers; i += 4 {
		four := uint32(s.ranks[i])<<18 | uint32(s.ranks[i+1])<<12 | uint32(s.ranks[i+2])<<6 | uint32(s.ranks[i+3])
		record.Byte(byte(four >> 16)) //nolint:gosec // 24 bits in three bytes
		record.Byte(byte(four >> 8))  //nolint:gosec // likewise
		record.Byte(byte(four))       //nolint:gosec // likewise
	}
}

// Decode takes what Encode appended. The sketch must be empty; it shares no memory with the record.
func (s *Sketch) Decode(record *codec.Decoder) {
	count := record.Uint()
	if count <= maxExact {
		hashes := record.Raw(8 * int(count))
		if len(hashes) == 0 {
			return
		}
		s.hashes = make([]uint64, count)
		for i := range s.hashes {
			s.hashes[i] = binary.BigEndian.Uint64(hashes[8*i:])
			if i > 0 && s.hashes[i] <= s.hashes[i-1] {
				record.Fail()
			}
		}
		return
	}
	packed := record.Raw(denseSize)
	if count > maxExact+1 {
		record.Fail()
	}
	if record.Err() != nil {
		return
	}
	s.ranks = make([]uint8, registers)
	for i := 0; i < registers; i += 4 {
		four := uint32(packed[i/4*3])<<16 | uint32(packed[i/4*3+1])<<8 | uint32(packed[i/4*3+2])
		for j := range 4 {
			s.ranks[i+j] = uint8(four >> (18 - 6*j) & 63)
			if s.ranks[i+j] > ranks+1 {
				record.Fail()
			}
		}
	}
}

// Exact reports whether Count is exact.
func (s *Sketch) Exact() bool { return s.ranks == nil }
