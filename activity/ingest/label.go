package ingest

import (
	"ordertally/activity"
	"ordertally/activity/measure"
)

// label reads the values of a dimension. It never fails: an event without a text there is counted without one.
func (d *decoder) label(dimension int, e *activity.Event) {
	at := &d.dimensions[dimension]
	var table *measure.Table
	if at.split != nil && at.split.elements() {
		table = d.elements(at, e)
	} else if e.Labels[dimension], table = d.texts(at, e); table == nil {
		return
	}
	if e.Splits == nil {
		e.Splits = make([]*measure.Table, len(d.dimensions))
	}
	e.Splits[dimension] = table
}

// texts returns the only text, or "". An event with several counts under each of them.
func (d *decoder) texts(at *dimensionFields, e *activity.Event) (only string, table *measure.Table) {
	s := &d.fields[at.value]
	var event measure.Tally
	for i := range s.values {
		v := &s.values[i]
		switch {
		case v.parent || v.absent():
			continue
		case only == "":
			only = d.word(v.text)
			continue
		case string(v.text) == only:
			continue
		case table == nil:
			event.Add(d.def.Measures, e.Values)
			table = new(measure.Table)
			table.At(only).Merge(&event)
		}
		if row := table.At(d.word(v.text)); row == &table.Rest || row.Count == 0 {
			row.Merge(&event)
		}
	}
	return only, table
}

// elements counts the objects of an event by their texts, with the sums of what is inside them.
func (d *decoder) elements(at *dimensionFields, e *activity.Event) *measure.Table {
	table := new(measure.Table)
	told := at.split.fields
	before := make([]int32, len(told))
	object := measure.Tally{Count: 1, Sums: make([]measure.NamedSum, len(at.inside))}
	for ends := at.split.ends; len(ends) > 0; ends = ends[len(told):] {
		for i, measured := range at.inside {
			object.Sums[i] = measure.NamedSum{
				Measure: d.def.Measures[measured].Name, Group: e.Values[measured].Group,
				Sum: measure.SumOf(d.fields[told[i+1]].part(before[i+1], ends[i+1])),
			}
		}
		d.object(table, d.fields[told[0]].values[before[0]:ends[0]], &object)
		copy(before, ends)
	}
	return table
}

// object counts one object under each text that it has.
func (d *decoder) object(table *measure.Table, values []scalar, object *measure.Tally) {
	var known map[string]bool // of an object with several
	first := true
	for i := range values {
		v := &values[i]
		if v.parent || v.absent() {
			continue
		}
		if first && i == len(values)-1 {
			table.At(d.word(v.text)).Merge(object)
			return
		}
		if text := d.word(v.text); !known[text] {
			if known == nil {
				known = make(map[string]bool)
			}
			known[text], first = true, false
			table.At(text).Merge(object)
		}
	}
	if first {
		table.At("").Merge(object)
	}
}

// part adds up some of the amounts. Their sum is known to fit.
func (f *field) part(from, to int32) int64 {
	var sum int64
	for i := from; i < to; i++ {
		n, err := f.number(&f.values[i])
		if err == nil {
			sum += n
		}
	}
	return sum
}
