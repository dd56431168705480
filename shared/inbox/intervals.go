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
