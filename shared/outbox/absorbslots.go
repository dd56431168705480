package outbox

import (
	"cmp"
	"math"
	"slices"

	"go.etcd.io/bbolt"
)

// SlotSpan is a run of slots, with both ends included.
type SlotSpan struct {
	First uint64 `json:"first"`
	Last  uint64 `json:"last"`
}

// Slots returns how many slots there are.
func (s SlotSpan) Slots() uint64 { return s.Last - s.First + 1 }

// cut divides s after slot.
func (s SlotSpan) cut(slot uint64) (before, after SlotSpan) {
	return SlotSpan{s.First, min(s.Last, slot)}, SlotSpan{slot + 1, s.Last}
}

// foundSlots is a set of slots. A block holds 64 Ki neighbours.
type foundSlots map[uint64]*[1024]uint64

func (s foundSlots) add(slot uint64) {
	block := s[slot>>16]
	if block == nil {
		block = new([1024]uint64)
		s[slot>>16] = block
	}
	block[slot>>6&1023] |= 1 << (slot & 63)
}

func (s foundSlots) has(slot uint64) bool {
	block := s[slot>>16]
	return block != nil && block[slot>>6&1023]&(1<<(slot&63)) != 0
}

// missing returns the slots from first to last that are not in the set.
func (s foundSlots) missing(first, last uint64) (runs []SlotSpan) {
	for slot := first; slot <= last; {
		block := s[slot>>16]
		step, absent := uint64(1), !s.has(slot)
		switch {
		case block == nil:
			step = 1<<16 - slot&0xffff
		case slot&63 == 0 && block[slot>>6&1023] == math.MaxUint64:
			step = 64
		}
		end := min(slot+step-1, last)
		switch n := len(runs); {
		case !absent:
		case n > 0 && runs[n-1].Last+1 == slot:
			runs[n-1].Last = end
		default:
			runs = append(runs, SlotSpan{slot, end})
		}
		slot += step
	}
	return runs
}

// spans is a set of slots, as runs in order that do not touch.
type spans []SlotSpan

func newSpans(runs []SlotSpan) (s spans) {
	slices.SortFunc(runs, func(a, b SlotSpan) int { return cmp.Compare(a.First, b.First) })
	for _, run := range runs {
		if n := len(s); n > 0 && run.First <= s[n-1].Last+1 {
			s[n-1].Last = max(s[n-1].Last, run.Last)
			continue
		}
		s = append(s, run)
	}
	return s
}

// part is a part of a run that lies within the set, or outside it.
type part struct {
	SlotSpan
	known bool
}

// split divides a run where the set begins and ends.
func (s spans) split(run SlotSpan) (parts []part) {
	from, _ := slices.BinarySearchFunc(s, run.First, func(known SlotSpan, slot uint64) int {
		return cmp.Compare(known.Last, slot)
	})
	next := run.First
	for _, known := range s[from:] {
		if known.First > run.Last {
			break
		}
		if known.First > next {
			parts = append(parts, part{SlotSpan{next, known.First - 1}, false})
		}
		inside := SlotSpan{max(known.First, next), min(known.Last, run.Last)}
		parts = append(parts, part{inside, true})
		next = inside.Last + 1
	}
	if next <= run.Last {
		parts = append(parts, part{SlotSpan{next, run.Last}, false})
	}
	return parts
}

// spread finds out over how many partitions messages were spread (rule P9). Each record rules out the numbers by which
// it would be elsewhere.
type spread struct {
	against []SlotSpan // number of partitions less one -> the first and last slot that rule it out; zero for none
}

func newSpread(partitions int) spread { return spread{make([]SlotSpan, partitions)} }

func (s *spread) add(slot uint64, key []byte, partition int32) {
	hash := int64(murmur2(key) & 0x7fffffff)
	for i := range s.against {
		if hash%int64(i+1) == int64(partition) {
			continue
		}
		if a := &s.against[i]; a.First == 0 {
			*a = SlotSpan{slot, slot}
		} else {
			a.First, a.Last = min(a.First, slot), max(a.Last, slot)
		}
	}
}

// store stores the numbers of partitions. It knows two at most: the one of the first messages and the one of the last.
// If several are possible, it is the one that the file has, or else the largest. base is the last slot that the file
// knows the number of.
func (s *spread) store(root *bbolt.Bucket, base uint64) error {
	known, err := loadCounts(root)
	if err != nil || len(s.against) == 0 {
		return err
	}
	if n := int(known.newest()); n > 0 && n <= len(s.against) && s.against[n-1].First == 0 {
		return nil
	}
	last := 0
	for i := range s.against {
		if s.against[i].Last <= s.against[last].Last {
			last = i
		}
	}
	from := max(s.against[last].Last, base) + 1
	counts := root.Bucket(countsBucket)
	if from == 1 || known.newest() > 0 {
		return putSealed(counts, slotKey(from), partitionKey(int32(last+1)))
	}
	first := 0
	for i := range s.against[:last+1] {
		if a := s.against[i]; a.First == 0 || a.First >= s.against[first].First && s.against[first].First != 0 {
			first = i
		}
	}
	if err := putSealed(counts, slotKey(1), partitionKey(int32(first+1))); err != nil {
		return err
	}
	if first == last {
		return nil
	}
	return putSealed(counts, slotKey(from), partitionKey(int32(last+1)))
}
