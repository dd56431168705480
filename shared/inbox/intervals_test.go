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
		var stretches ascending
		model := make(map[uint64]bool)
		for range rapid.IntRange(0, 30).Draw(t, "adds") {
			first := uint64(rapid.IntRange(0, 60).Draw(t, "first"))
			last := first + uint64(rapid.IntRange(0, 6).Draw(t, "more"))
			set.add(interval{first, last})
			stretches.add(interval{first, last})
			for slot := first; slot <= last; slot++ {
				model[slot] = true
			}
			for slot := range uint64(70) {
				if set.has(slot) != model[slot] {
					t.Fatalf("%v: has(%d) is %v", set, slot, set.has(slot))
				}
				if stretches.has(slot) != model[slot] {
					t.Fatalf("%+v: has(%d) is %v", stretches, slot, stretches.has(slot))
				}
			}
			for i := 1; i < len(set); i++ {
				if set[i-1].last+1 >= set[i].first {
					t.Fatalf("%v: neighbours touch or are out of order", set)
				}
			}
		}
		if all := stretches.all(); !slices.Equal(all, set) {
			t.Fatalf("got %v of stretches, want %v", all, set)
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

// Long stretches are joined as a whole.
func TestAscending_JoinsLongStretches(t *testing.T) {
	var set ascending
	for from := range uint64(4) {
		for slot := 1 + from; slot <= 4000; slot += 4 {
			if set.has(slot) {
				t.Fatalf("%d is there before it was added", slot)
			}
			set.add(interval{slot, slot})
			if !set.has(slot) {
				t.Fatalf("%d is missing", slot)
			}
		}
	}
	if got := set.all(); !slices.Equal(got, intervals{{1, 4000}}) {
		t.Fatalf("%d intervals, want one", len(got))
	}
}
