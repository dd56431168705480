package measure

import (
	"slices"
	"strings"
)

// Value is what one event adds to one measure.
type Value struct {
	Amount int64    // of a count or sum; not negative
	Group  string   // the currency of the amount, "" for none
	Hash   uint64   // of a distinct text
	Known  bool     // false when the event has no such text
	More   []uint64 // of further texts, some of which may be the same
}

// Figure is what one measure added up to. Its zero value, with the measure's name and kind, is nothing.
type Figure struct {
	Name string
	Kind Kind
	// of a count or sum, in order of their names; a measure that is not kept apart has one without a name
	Groups []Group
	Sketch Sketch // of distinct texts
}

// Group is what the amounts of one currency added up to.
type Group struct {
	Name     string
	Count    int64 // of events
	Sum      Sum
	Min, Max int64 // of one event
}

// Mean returns the amount of an event on average.
func (g *Group) Mean() float64 { return g.Sum.Float() / float64(g.Count) }

// Add adds the value of one event.
func (f *Figure) Add(v *Value) {
	if f.Kind == Distinct {
		if v.Known {
			f.Sketch.Add(v.Hash)
		}
		for _, hash := range v.More {
			f.Sketch.Add(hash)
		}
		return
	}
	f.merge(&Group{Name: v.Group, Count: 1, Sum: SumOf(v.Amount), Min: v.Amount, Max: v.Amount})
}

// Merge adds what another figure of the same measure added up to.
func (f *Figure) Merge(other *Figure) {
	for i := range other.Groups {
		f.merge(&other.Groups[i])
	}
	f.Sketch.Merge(&other.Sketch)
}

func (f *Figure) merge(other *Group) {
	at, found := slices.BinarySearchFunc(f.Groups, other.Name,
		func(g Group, name string) int { return strings.Compare(g.Name, name) })
	if !found {
		f.Groups = slices.Insert(f.Groups, at, *other)
		return
	}
	g := &f.Groups[at]
	g.Count += other.Count
	g.Sum = g.Sum.Plus(other.Sum)
	g.Min, g.Max = min(g.Min, other.Min), max(g.Max, other.Max)
}

// MergeFigures adds figures to others, both in order of their names.
func MergeFigures(to, from []Figure) []Figure {
	for i := range from {
		at, found := slices.BinarySearchFunc(to, from[i].Name,
			func(f Figure, name string) int { return strings.Compare(f.Name, name) })
		if !found {
			to = slices.Insert(to, at, Figure{Name: from[i].Name, Kind: from[i].Kind})
		}
		to[at].Merge(&from[i])
	}
	return to
}
