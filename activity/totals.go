package activity

import (
	"slices"
	"time"

	"ordertally/activity/measure"
	"ordertally/shared/event/setdigest"
)

// Event has what the statistics need to know of one message.
type Event struct {
	At     time.Time        // when it happened, according to the message
	Digest setdigest.Digest // of its subject's id, such as an order's; zero if the activity declares no subject
	Values []measure.Value  // one for each measure
	Labels []string         // one for each dimension; "" if it has no value there
	// Splits has one entry for each dimension. It is what the event adds to the dimension's table if it has several
	// values there, or if the dimension splits the elements of an array. Other dimensions have nil. Splits is nil if
	// all have.
	Splits []*measure.Table
}

// Totals is what was counted in a span of time. The zero Totals is nothing.
type Totals struct {
	Count       int64
	First, Last time.Time        // of the events; zero if there are none
	Digest      setdigest.Digest // of the events' subjects
	Figures     []measure.Figure // of the measures, in order of their names
	Tables      []measure.Table  // of the dimensions, in order of their names
	// Minutes are the minutes of a quarter hour. Totals of a longer span have none.
	Minutes *Minutes
	Changed Changed
}

// Changed says when the totals changed last. Later answers about the same totals have the same Changed.
type Changed struct {
	At   time.Time       // when the last counted event was committed; zero if not known
	Next map[int32]int64 // for each partition that contributed, the offset after its last contribution
}

// Merge makes c the later of the two changes.
func (c *Changed) Merge(other *Changed) {
	if other.At.After(c.At) {
		c.At = other.At
	}
	for partition, next := range other.Next {
		c.note(partition, next)
	}
}

// By notes a contribution of a partition, with the offset after it.
func (c *Changed) By(at time.Time, partition int32, next int64) {
	if at.After(c.At) {
		c.At = at
	}
	c.note(partition, next)
}

func (c *Changed) note(partition int32, next int64) {
	if c.Next == nil {
		c.Next = make(map[int32]int64)
	}
	c.Next[partition] = max(c.Next[partition], next)
}

// Minutes are the minutes of a quarter hour.
type Minutes [quarterSeconds / 60]measure.Tally

// Begin makes room for everything that the activity declares. The totals are those of a quarter hour. What is no longer
// declared stays.
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

// Add counts one event in its quarter hour. The caller must call Begin first.
func (t *Totals) Add(def *Definition, e *Event) {
	t.Count++
	t.span(e.At, e.At)
	t.Digest = t.Digest.Plus(e.Digest)
	at := 0 // both are sorted by name, and Begin has made a figure for each measure
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

// Merge adds what other counted, except for its minutes. It does not change other.
func (t *Totals) Merge(other *Totals) {
	t.Count += other.Count
	t.span(other.First, other.Last)
	t.Digest = t.Digest.Plus(other.Digest)
	t.Figures = measure.MergeFigures(t.Figures, other.Figures)
	t.Tables = measure.MergeTables(t.Tables, other.Tables)
	t.Changed.Merge(&other.Changed)
}

// Figure returns the figure of a measure, or nil if nothing of it was counted.
func (t *Totals) Figure(name string) *measure.Figure {
	at := slices.IndexFunc(t.Figures, func(f measure.Figure) bool { return f.Name == name })
	if at < 0 {
		return nil
	}
	return &t.Figures[at]
}
