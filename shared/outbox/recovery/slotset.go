package recovery

// slotSet is a set of slots, dense in parts: a word holds 64 neighbours.
type slotSet map[uint64]uint64

func (s slotSet) add(slot uint64) { s[slot/64] |= 1 << (slot % 64) }

func (s slotSet) has(slot uint64) bool { return s[slot/64]&(1<<(slot%64)) != 0 }
