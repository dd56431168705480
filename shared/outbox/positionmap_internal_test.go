package outbox

import (
	"math/rand/v2"
	"testing"
)

func TestPositionMap_FindsEachSlotAndNoOther(t *testing.T) {
	const seed = 1
	random := rand.New(rand.NewPCG(seed, seed))
	next := map[int32]int64{0: 7, 1: 1 << 40, 300: 0}
	partitions := []int32{0, 1, 300}
	var records []StoredRecord
	slot := uint64(1 << 33)
	for range 5000 {
		slot += 1 + random.Uint64N(3)
		p := partitions[random.IntN(3)]
		next[p] += 1 + random.Int64N(2)*random.Int64N(100) // other programs write to the partitions too
		records = append(records, StoredRecord{Slot: slot, Position: Position{Partition: p, Offset: next[p]}})
	}
	m := newPositionMap(records)
	if perSlot := float64(len(m)) / 5000; perSlot > 4 {
		t.Errorf("%.1f bytes a slot", perSlot)
	}
	known := map[uint64]Position{}
	for _, s := range records {
		known[s.Slot] = s.Position
	}
	for s := records[0].Slot - 2; s <= slot+2; s++ {
		want, stands := known[s]
		if got, found := m.find(s); found != stands || got != want {
			t.Fatalf("slot %d: %+v %v, want %+v %v", s, got, found, want, stands)
		}
	}
	for cut := range m[:50] { // a damaged map must not panic
		m[:cut].find(slot)
	}
}
