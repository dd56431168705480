package runs

import (
	"encoding/binary"
	"math/bits"
)

// A filter tells that a run does not have a hash. It keeps 16 bits of each hash, in order, so a wrong yes has a chance
// of one in 65,536. It takes 18.5 bits an entry.
//
// A run of n entries has n buckets. As a fraction, a hash times n is a bucket, and what is behind the point begins with
// the 16 bits that are kept. Buckets are in pieces of pieceBuckets, each a record:
//
//	for each 64 buckets, how many hashes of the piece come before: 4 bytes; for the first, how many there are
//	for each bucket a 1 bit for each hash, then a 0 bit
//	the 16 bits of each hash

const (
	pieceBuckets = 1 << 14
	pieceGroups  = pieceBuckets / 64
)

// place returns the bucket of a hash, and the bits that are kept.
func place(hash []byte, buckets uint64) (bucket uint64, kept uint16) {
	bucket, fraction := bits.Mul64(binary.BigEndian.Uint64(hash), buckets)
	return bucket, uint16(fraction >> 48)
}

// filterWriter makes the pieces of a filter from hashes in ascending order.
type filterWriter struct {
	buckets uint64
	pieces  [][]byte

	piece  uint64 // being made
	unary  []uint64
	ones   [pieceGroups]uint32
	bit    uint64 // the next of unary
	bucket uint64 // the last one that was ended is the one before
	kept   []uint16
}

func (f *filterWriter) add(hash []byte) {
	bucket, kept := place(hash, f.buckets)
	for bucket/pieceBuckets > f.piece {
		f.flush()
	}
	f.endBefore(bucket % pieceBuckets)
	f.push(1)
	f.kept = append(f.kept, kept)
}

// endBefore ends the buckets of the piece before one.
func (f *filterWriter) endBefore(bucket uint64) {
	for ; f.bucket < bucket; f.bucket++ {
		f.push(0)
		if next := f.bucket + 1; next%64 == 0 && next < pieceBuckets {
			f.ones[next/64] = uint32(len(f.kept)) //nolint:gosec // a run has fewer entries
		}
	}
}

func (f *filterWriter) push(bit uint64) {
	if f.bit%64 == 0 {
		f.unary = append(f.unary, 0)
	}
	f.unary[f.bit/64] |= bit << (f.bit % 64)
	f.bit++
}

func (f *filterWriter) flush() {
	f.endBefore(pieceBuckets)
	b := make([]byte, 0, 4*pieceGroups+8*len(f.unary)+2*len(f.kept))
	f.ones[0] = uint32(len(f.kept)) //nolint:gosec // a run has fewer entries
	for _, n := range f.ones {
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	for _, word := range f.unary {
		b = binary.LittleEndian.AppendUint64(b, word)
	}
	for _, k := range f.kept {
		b = binary.LittleEndian.AppendUint16(b, k)
	}
	f.pieces = append(f.pieces, b)
	f.piece++
	f.unary, f.kept, f.ones = f.unary[:0], f.kept[:0], [pieceGroups]uint32{}
	f.bit, f.bucket = 0, 0
}

// finish returns the pieces.
func (f *filterWriter) finish() [][]byte {
	for f.piece < piecesOf(f.buckets) {
		f.flush()
	}
	return f.pieces
}

// piecesOf returns how many pieces a filter has.
func piecesOf(buckets uint64) uint64 { return (buckets + pieceBuckets - 1) / pieceBuckets }

// pieceHas reports whether a piece may have a hash with that bucket, which is one of the piece, and these kept bits.
func pieceHas(piece []byte, bucket uint64, kept uint16) bool {
	count, before := uint64(binary.LittleEndian.Uint32(piece)), uint64(0)
	if group := bucket / 64; group > 0 {
		before = uint64(binary.LittleEndian.Uint32(piece[4*group:]))
	}
	unary := piece[4*pieceGroups:]
	at := bucket/64*64 + before // bits of the groups before
	for skip := bucket % 64; skip > 0; {
		word := binary.LittleEndian.Uint64(unary[at/64*8:]) >> (at % 64)
		left := 64 - at%64
		ones := uint64(bits.OnesCount64(word)) //nolint:gosec // at most 64
		if left-ones < skip {
			skip -= left - ones
			before += ones
			at += left
			continue
		}
		for {
			ones = uint64(bits.OnesCount8(uint8(word))) //nolint:gosec // its lowest bits
			if left < 8 || 8-ones >= skip {
				break
			}
			skip -= 8 - ones
			before += ones
			at, word, left = at+8, word>>8, left-8
		}
		for ; skip > 0; at++ {
			skip -= 1 - word&1
			before += word & 1
			word >>= 1
		}
	}
	kepts := unary[(pieceBuckets+count+63)/64*8:]
	for ; binary.LittleEndian.Uint64(unary[at/64*8:])>>(at%64)&1 == 1; at++ {
		if binary.LittleEndian.Uint16(kepts[2*before:]) == kept {
			return true
		}
		before++
	}
	return false
}
