package activityapi

import (
	"time"

	"ordertally/activity"
	"ordertally/activity/measure"
)

// topValues is how many values of a dimension an answer lists. The others are added up in one row, the rest.
const topValues = 100

// addFigures adds the count and the figure of each measure. A figure is a number, or numbers by currency.
func (o *object) addFigures(def *activity.Definition, t *activity.Totals) {
	o.add("count", t.Count)
	for i := range def.Measures {
		m := &def.Measures[i]
		o.add(m.Name, figureOf(m, t.Figure(m.Name)))
	}
}

// figureOf returns the figure of a measure. A measure without events has one too.
func figureOf(m *measure.Measure, f *measure.Figure) any {
	if f == nil {
		return m.Kind.New().Render(m)
	}
	return f.Render(m)
}

// addDetails adds what is known of the events besides their figures.
func (o *object) addDetails(def *activity.Definition, t *activity.Totals) {
	if t.Count > 0 {
		o.add("first", t.First.UTC().Format(time.RFC3339Nano))
		o.add("last", t.Last.UTC().Format(time.RFC3339Nano))
	}
	stats := object{}
	for i := range def.Measures {
		m := &def.Measures[i]
		if f := t.Figure(m.Name); f != nil {
			stats.add(m.Name, f.Details(m))
		}
	}
	o.add("stats", stats)
}

// addDimensions adds the values of each dimension, with what was counted of them.
func (o *object) addDimensions(def *activity.Definition, t *activity.Totals) {
	dimensions := object{}
	for i := range def.Dimensions {
		dimensions.add(def.Dimensions[i].Name, rowsOf(def, t, &def.Dimensions[i]))
	}
	o.add("dimensions", dimensions)
}

// rowsOf returns the values of a dimension, most events first. If there are too many, the last row is the sum of
// the others.
func rowsOf(def *activity.Definition, t *activity.Totals, d *measure.Dimension) []object {
	list := []object{}
	for i := range t.Tables {
		if t.Tables[i].Name != d.Name {
			continue
		}
		rows, rest := t.Tables[i].Top(topValues)
		for j := range rows {
			row := object{{"value", rows[j].Value}}
			row.addTally(def, &rows[j].Tally, d)
			list = append(list, row)
		}
		if rest.Count > 0 {
			row := object{{"value", "other"}, {"rest", true}}
			if untold := t.Tables[i].Rest.Count; untold > 0 {
				row.add("not_told_apart", untold)
			}
			row.addTally(def, &rest, d)
			list = append(list, row)
		}
	}
	return list
}

// addTally adds the count and the sums of a minute, or of one value of a dimension. If the elements of an array were
// counted, it leaves out the sums that belong to the whole event.
func (o *object) addTally(def *activity.Definition, t *measure.Tally, d *measure.Dimension) {
	o.add("count", t.Count)
	for i := range def.Measures {
		m := &def.Measures[i]
		if !m.Kind.Sums {
			continue
		}
		sum, found := t.Render(m)
		if found || d == nil || d.Has(m) {
			o.add(m.Name, sum)
		}
	}
}
