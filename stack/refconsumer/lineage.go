package refconsumer

import "slices"

// Lineage tells which numbers of a ce_lineage are dealt with: read, or never to be published.
type Lineage struct {
	covered []interval // ascending and disjoint
}

// interval is the numbers after From, up to and including To.
type interval struct{ From, To uint64 }

// Covers reports whether a number is dealt with.
func (l *Lineage) Covers(sequence uint64) bool {
	return slices.ContainsFunc(l.covered,
		func(known interval) bool { return known.From < sequence && sequence <= known.To })
}

// Cover adds what a record covers.
func (l *Lineage) Cover(previous, sequence uint64) {
	added := interval{previous, sequence}
	var apart []interval
	for _, known := range l.covered {
		if known.To < added.From || added.To < known.From {
			apart = append(apart, known)
			continue
		}
		added = interval{min(added.From, known.From), max(added.To, known.To)}
	}
	at := slices.IndexFunc(apart, func(known interval) bool { return known.From > added.From })
	if at < 0 {
		at = len(apart)
	}
	l.covered = slices.Insert(apart, at, added)
}

// Complete reports whether all numbers up to the highest are dealt with.
func (l *Lineage) Complete() bool {
	return len(l.covered) == 0 || len(l.covered) == 1 && l.covered[0].From == 0
}
