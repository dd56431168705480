package activity

import (
	"slices"
	"time"

	"ordertally/activity/measure"
	"ordertally/shared/event/setdigest"
)

// Event is what the statistics need to know of one message.
type Event struct {
	At     time.Time        // when it happened, by its own account
	Digest setdigest.Digest // of what it is about, such as the order's id; zero when the activity declares none
	Values []measure.Value  // of each measure
	Labels []string         // of each dimension, "" when it has none
	// Splits has what the event adds to the table of a dimension, if it has several values of it, or if the dimension
	// splits the elements of an array. It has nil for other dimensions, and is nil if there are only such.
	Splits []*measure.Table
}

// Totals is what was counted in some span of time. The zero Totals is nothing.
type Totals struct {
	Count       int64
	First, Last time.Time        // of the events; zero when there is none
	Digest      setdigest.Digest // of the events' subjects
	Figures     []measure.Figure // of the measures, in order of their names
	Tables      []measure.Table  // of the dimensions, in order of their names
	// Minutes are the parts of a quarter hour. Totals of anything longer have none.
	Minutes *Minutes
	Changed Changed
}

// Changed says when totals changed last. They are the same in every later answer.
type Changed struct {
	At   time.Time       // of the commit that counted the last of them; zero when it is not known
	Next map[int32]int64 // for each partition that contributed, the offset after the last message that did
}

// Merge makes c the later of both changes.
func (c *Changed) Merge(other *Changed) {
	if other.At.After(c.At) {
		c.At = other.At
	}
	for partition, next := range other.Next {
		c.note(partition, next)
	}
}

func (c *Changed) note(partition int32, next int64) {
	if c.Next == nil {
		c.Next = make(map[int32]int64)
	}
	c.Next[partition] = max(c.Next[partition], next)
}

// Minutes are the minutes of a quarter hour.
type Minutes [quarterSeconds / 60]measure.Tally

// Begin makes room in the totals of a quarter hour for all that the activity declares. What it no longer declares
// stays.
func (t *Totals) Begin(def *Definition) {
	if t.Minutes == nil {
		t.Minutes = new(Minutes)
	}
	for i := range def.Measures {
		t.Figures, _ = measure.FigureOf(t.Figures, def.Measures[i].Name, def.Measures[i].Kind)
	}
	tables := make([]measure.Table, len(def.Dimensions))
	for i, d := range def.Dimensions {
		tables[i].Name = d.Name
	}
	t.Tables = measure.MergeTables(t.Tables, tables)
}

// Add counts one event of that activity, in its quarter hour, after Begin.
func (t *Totals) Add(def *Definition, e *Event) {
	t.Count++
	t.span(e.At, e.At)
	t.Digest = t.Digest.Plus(e.Digest)
	at := 0 // both are in order of their names, and Begin saw to it that each measure has a figure
	for i := range def.Measures {
		for t.Figures[at].Name != def.Measures[i].Name {
			at++
		}
		t.Figures[at].Add(&e.Values[i])
	}
	at = 0
	for i := range def.Dimensions {
		for t.Tables[at].Name != def.Dimensions[i].Name {
			at++
		}
		if e.Splits != nil && e.Splits[i] != nil {
			t.Tables[at].Add(e.Splits[i])
		} else {
			t.Tables[at].At(e.Labels[i]).Add(def.Measures, e.Values)
		}
	}
	minute := floorDiv(e.At.Unix(), 60) - int64(QuarterOf(e.At))*int64(len(t.Minutes))
	t.Minutes[minute].Add(def.Measures, e.Values)
}

func (t *Totals) span(first, last time.Time) {
	if t.First.IsZero() || !first.IsZero() && first.Before(t.First) {
		t.First = first
	}
	if last.After(t.Last) {
		t.Last = last
	}
}

// Merge adds what other counted, but for its minutes. Other is not changed.
func (t *Totals) Merge(other *Totals) {
	t.Count += other.Count
	t.span(other.First, other.Last)
	t.Digest = t.Digest.Plus(other.Digest)
	t.Figures = measure.MergeFigures(t.Figures, other.Figures)
	t.Tables = measure.MergeTables(t.Tables, other.Tables)
	t.Changed.Merge(&other.Changed)
}

// Figure returns what the measure of that name added up to, or nil if nothing of it was counted.
func (t *Totals) Figure(name string) *measure.Figure {
	at := slices.IndexFunc(t.Figures, func(f measure.Figure) bool { return f.Name == name })
	if at < 0 {
		return nil
	}
	return &t.Figures[at]
}
