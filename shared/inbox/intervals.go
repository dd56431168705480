package inbox

import (
	"math"
	"slices"
)

// interval is a run of slots, with both ends included.
type interval struct{ first, last uint64 }

// joins reports whether a and b overlap or touch.
func (a interval) joins(b interval) bool { return reaches(a.last, b.first) && reaches(b.last, a.first) }

// reaches reports whether no slot lies between last and first.
func reaches(last, first uint64) bool { return last == math.MaxUint64 || first <= last+1 }

func (a interval) union(b interval) interval {
	return interval{min(a.first, b.first), max(a.last, b.last)}
}

// intervals is a set of slots. Its runs are in order and do not touch.
type intervals []interval

// last returns the highest slot. There must be one.
func (s intervals) last() uint64 { return s[len(s)-1].last }

func (s intervals) has(slot uint64) bool {
	at := s.search(slot)
	return at < len(s) && s[at].first <= slot
}

// add adds a run to the set and joins it with those that it touches.
func (s *intervals) add(run interval) {
	from := s.search(run.first - min(run.first, 1)) // the first run that ends late enough to touch
	to := from
	for ; to < len(*s) && (*s)[to].joins(run); to++ {
		run = run.union((*s)[to])
	}
	*s = slices.Replace(*s, from, to, run)
}

// union returns the slots of both sets. It shares no memory with them.
func union(a, b intervals) intervals {
	all := make(intervals, 0, len(a)+len(b))
	for len(a)+len(b) > 0 {
		from := &a
		if len(a) == 0 || len(b) > 0 && b[0].first < a[0].first {
			from = &b
		}
		run := (*from)[0]
		*from = (*from)[1:]
		if n := len(all); n > 0 && all[n-1].joins(run) {
			all[n-1] = all[n-1].union(run)
		} else {
			all = append(all, run)
		}
	}
	return all
}

// ascending is a set of slots whose runs mostly come in long ascending stretches, as those of a partition do. Putting
// each into its place among those of other partitions would move half of them every time.
type ascending struct {
	joined intervals
	tail   intervals // the newest stretch
}

// fewRuns is how long a stretch must be to be joined as a whole.
const fewRuns = 32

func (a *ascending) has(slot uint64) bool { return a.tail.has(slot) || a.joined.has(slot) }

func (a *ascending) add(run interval) {
	if n := len(a.tail); n > 0 {
		switch last := &a.tail[n-1]; {
		case run.first <= last.last:
			a.all()
		case reaches(last.last, run.first):
			last.last = run.last
			return
		}
	}
	a.tail = append(a.tail, run)
}

// all returns the whole set.
func (a *ascending) all() intervals {
	if len(a.tail) < fewRuns {
		for _, run := range a.tail {
			a.joined.add(run)
		}
	} else {
		a.joined = union(a.joined, a.tail)
	}
	a.tail = a.tail[:0]
	return a.joined
}

// search returns the index of the first run that ends at slot or later.
func (s intervals) search(slot uint64) int {
	at, _ := slices.BinarySearchFunc(s, slot, func(run interval, slot uint64) int {
		if run.last < slot {
			return -1
		}
		return 1
	})
	return at
}
