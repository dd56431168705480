package inbox

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestIntervals_AreASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var set intervals
		model := make(map[uint64]bool)
		for range rapid.IntRange(0, 30).Draw(t, "adds") {
			first := uint64(rapid.IntRange(0, 60).Draw(t, "first"))
			last := first + uint64(rapid.IntRange(0, 6).Draw(t, "more"))
			set.add(interval{first, last})
			for slot := first; slot <= last; slot++ {
				model[slot] = true
			}
			for slot := range uint64(70) {
				if set.has(slot) != model[slot] {
					t.Fatalf("%v: has(%d) is %v", set, slot, set.has(slot))
				}
			}
			for i := 1; i < len(set); i++ {
				if set[i-1].last+1 >= set[i].first {
					t.Fatalf("%v: neighbours touch or are out of order", set)
				}
			}
		}
	})
}

func TestIntervals_ReachTheEnds(t *testing.T) {
	var set intervals
	set.add(interval{math.MaxUint64, math.MaxUint64})
	set.add(interval{0, 0})
	set.add(interval{1, math.MaxUint64 - 1})
	if want := (intervals{{0, math.MaxUint64}}); !slices.Equal(set, want) {
		t.Fatalf("got %v, want %v", set, want)
	}
}
