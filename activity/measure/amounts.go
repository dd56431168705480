package measure

import (
	"slices"
	"strings"

	"ordertally/shared/boltdb/codec"
)

// amounts is the State of kinds that add up an amount of each event.
type amounts struct {
	groups []group  // in order of their names; amounts that are not kept apart have one without a name
	only   [1]group // room for the one that most have
}

// group is what the amounts of one currency added up to.
type group struct {
	name     string
	count    int64 // of events
	sum      Sum
	min, max int64 // of one event
}

func newAmounts() State {
	a := new(amounts)
	a.groups = a.only[:0]
	return a
}

// Add implements State.
func (a *amounts) Add(v *Value) {
	a.add(&group{name: v.Group, count: 1, sum: SumOf(v.Amount), min: v.Amount, max: v.Amount})
}

// Merge implements State.
func (a *amounts) Merge(other State) {
	if b, same := other.(*amounts); same {
		for i := range b.groups {
			a.add(&b.groups[i])
		}
	}
}

func (a *amounts) add(other *group) {
	at, found := slices.BinarySearchFunc(a.groups, other.name,
		func(g group, name string) int { return strings.Compare(g.name, name) })
	if !found {
		a.insert(at, *other)
		return
	}
	g := &a.groups[at]
	g.count += other.count
	g.sum = g.sum.Plus(other.sum)
	g.min, g.max = min(g.min, other.min), max(g.max, other.max)
}

func (a *amounts) insert(at int, g group) {
	a.groups = slices.Insert(a.groups, at, g)
	if len(a.groups) == len(a.only)+1 {
		a.only = [1]group{} // they have left: states of the same groups are equal
	}
}

// Encode implements State.
func (a *amounts) Encode(record *codec.Encoder) {
	record.Uint(uint64(len(a.groups)))
	for i := range a.groups {
		g := &a.groups[i]
		record.Text(g.name)
		record.Count(g.count)
		g.sum.Encode(record)
		record.Count(g.min)
		record.Count(g.max)
	}
}

// Decode implements State.
func (a *amounts) Decode(record *codec.Decoder) {
	for n := record.Len(); n > 0 && record.Err() == nil; n-- {
		g := group{
			name: record.Text(), count: record.Count(), sum: DecodeSum(record),
			min: record.Count(), max: record.Count(),
		}
		if last := len(a.groups) - 1; g.count == 0 || last >= 0 && a.groups[last].name >= g.name {
			record.Fail()
		}
		a.insert(len(a.groups), g)
	}
}

// Render implements State: the sum, or the sums by currency.
func (a *amounts) Render(m *Measure) any {
	return grouped(m, a.groups, func(g *group) Sum { return g.sum })
}

// Details implements State.
func (a *amounts) Details(m *Measure) any {
	return grouped(m, a.groups, func(g *group) spread {
		return spread{g.count, g.min, g.sum.Float() / float64(g.count), g.max}
	})
}

// grouped returns one thing of the only group, or of each by name.
func grouped[T any](m *Measure, groups []group, of func(*group) T) any {
	all := make(map[string]T, len(groups))
	for i := range groups {
		all[groups[i].name] = of(&groups[i])
	}
	if m.By == "" {
		return all[""]
	}
	return all
}

// spread is how the amounts of events lie.
type spread struct {
	Count int64   `json:"count"`
	Min   int64   `json:"min"`
	Mean  float64 `json:"mean"`
	Max   int64   `json:"max"`
}

// spreadForm describes a spread.
func spreadForm(m *Measure) Form {
	return m.by(Form{Type: Object, Name: "GroupStats", Members: []Member{
		{Name: "count", Least: 1, Form: Form{Type: Integer, Says: "How many events have the measure.", Example: 1}},
		{Name: "min", Form: Form{Type: Integer, Says: "The least of an event, in the measure's unit.", Example: 3564}},
		{Name: "mean", Form: Form{Type: Number, Says: "The sum divided by count.", Example: 3564}},
		{Name: "max", Form: Form{Type: Integer, Says: "The largest of an event.", Example: 3564}},
	}}, "By "+string(m.By)+".", nil)
}
