package measure

import (
	"cmp"
	"slices"
	"strings"
)

// Tally is what is kept of a minute, or of one value of a dimension: how many events, and their sums.
type Tally struct {
	Count int64
	Sums  []NamedSum // in order of measure, then group
}

// NamedSum is the sum of one measure and group.
type NamedSum struct {
	Measure, Group string
	Sum            Sum
}

// Add counts one event, whose values are those of the measures.
func (t *Tally) Add(measures []Measure, values []Value) {
	if t.Count++; t.Sums == nil {
		t.Sums = make([]NamedSum, 0, sums(measures))
	}
	for i := range measures {
		if measures[i].Kind.Sums {
			t.add(measures[i].Name, values[i].Group, SumOf(values[i].Amount))
		}
	}
}

// sums returns how many of the measures are sums.
func sums(measures []Measure) (n int) {
	for i := range measures {
		if measures[i].Kind.Sums {
			n++
		}
	}
	return n
}

// Merge adds what other counted.
func (t *Tally) Merge(other *Tally) {
	t.Count += other.Count
	for i := range other.Sums {
		s := &other.Sums[i]
		t.add(s.Measure, s.Group, s.Sum)
	}
}

// Render returns the sum of a measure, or its sums by currency, and whether there is one.
func (t *Tally) Render(m *Measure) (figure any, found bool) {
	sums := make(map[string]Sum)
	for i := range t.Sums {
		if s := &t.Sums[i]; s.Measure == m.Name {
			sums[s.Group] = s.Sum
		}
	}
	if m.By == "" {
		return sums[""], len(sums) > 0
	}
	return sums, len(sums) > 0
}

// add adds to the sum of a measure and group. There are few, so it looks at one after the other.
func (t *Tally) add(measure, group string, sum Sum) {
	for i := range t.Sums {
		s := &t.Sums[i]
		switch order := cmp.Or(strings.Compare(s.Measure, measure), strings.Compare(s.Group, group)); {
		case order == 0:
			s.Sum = s.Sum.Plus(sum)
			return
		case order > 0:
			t.Sums = slices.Insert(t.Sums, i, NamedSum{measure, group, sum})
			return
		}
	}
	t.Sums = append(t.Sums, NamedSum{measure, group, sum})
}

// What a table keeps.
const (
	// MaxRows is how many values of a dimension are kept apart in a quarter hour of a partition.
	MaxRows = 1000
	// MaxRowBytes is the longest value that is kept apart.
	MaxRowBytes = 128
)

// Table is what was counted of each value of a dimension. The first MaxRows values that were met have rows; Rest counts
// the others. So its size is bounded, whatever the events say.
type Table struct {
	Name string
	Rows []Row // in order of their values
	Rest Tally
}

// Row is what was counted of one value.
type Row struct {
	Value string
	Tally
}

// At returns where to count a value.
func (t *Table) At(value string) *Tally {
	at, found := slices.BinarySearchFunc(t.Rows, value,
		func(r Row, value string) int { return strings.Compare(r.Value, value) })
	switch {
	case found:
	case len(t.Rows) >= MaxRows || len(value) > MaxRowBytes:
		return &t.Rest
	default:
		t.Rows = slices.Insert(t.Rows, at, Row{Value: value})
	}
	return &t.Rows[at].Tally
}

// Add counts what one event has of a dimension. Values without a row, and without room for one, are counted in Rest.
func (t *Table) Add(event *Table) {
	for i := range event.Rows {
		t.At(event.Rows[i].Value).Merge(&event.Rows[i].Tally)
	}
	t.Rest.Merge(&event.Rest)
}

// Merge adds all rows of another table. It is for answers, which are cut to their Top.
func (t *Table) Merge(other *Table) {
	merged := make([]Row, 0, max(len(t.Rows), len(other.Rows)))
	mine, theirs := t.Rows, other.Rows
	for len(mine) > 0 && len(theirs) > 0 {
		switch order := strings.Compare(mine[0].Value, theirs[0].Value); {
		case order < 0:
			merged, mine = append(merged, mine[0]), mine[1:]
		case order > 0:
			merged, theirs = append(merged, theirs[0].clone()), theirs[1:]
		default:
			mine[0].Merge(&theirs[0].Tally)
			merged, mine, theirs = append(merged, mine[0]), mine[1:], theirs[1:]
		}
	}
	merged = append(merged, mine...)
	for i := range theirs {
		merged = append(merged, theirs[i].clone())
	}
	t.Rows = merged
	t.Rest.Merge(&other.Rest)
}

func (r *Row) clone() Row {
	c := *r
	c.Sums = slices.Clone(r.Sums)
	return c
}

// Top returns the n rows with the most events, largest first, and the rest as one.
func (t *Table) Top(n int) (rows []Row, rest Tally) {
	rows = slices.Clone(t.Rows)
	slices.SortStableFunc(rows, func(a, b Row) int { return cmp.Compare(b.Count, a.Count) })
	rest.Merge(&t.Rest)
	for i := n; i < len(rows); i++ {
		rest.Merge(&rows[i].Tally)
	}
	return rows[:min(n, len(rows))], rest
}

// MergeTables adds tables to others, both in order of their names.
func MergeTables(to, from []Table) []Table {
	for i := range from {
		at, found := slices.BinarySearchFunc(to, from[i].Name,
			func(t Table, name string) int { return strings.Compare(t.Name, name) })
		if !found {
			to = slices.Insert(to, at, Table{Name: from[i].Name})
		}
		to[at].Merge(&from[i])
	}
	return to
}
