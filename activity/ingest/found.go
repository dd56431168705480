package ingest

import (
	"ordertally/activity"
	"ordertally/activity/measure"
)

// found is what one event has for one measure. Its errors are an *activity.Poison, or say that a value has the wrong
// type. The decoder has one and uses it for every measure.
type found struct {
	decoder *decoder
	measure *measure.Measure
	field   *field
	by      *field // nil when the measure is not kept apart
}

var _ measure.Found = (*found)(nil)

// Elements implements measure.Found.
func (f *found) Elements() int64 { return f.field.elements }

// Sum implements measure.Found.
func (f *found) Sum() (int64, error) {
	sum, p := f.field.sum()
	if p != nil {
		return 0, p
	}
	return sum, nil
}

// Group implements measure.Found.
func (f *found) Group() (string, error) {
	if f.by == nil {
		return "", nil
	}
	currency, err := f.by.one()
	if err != nil {
		return "", err
	}
	if !isCurrency(currency) {
		return "", poison(activity.ReasonImpossible, "The %s is %.20q, want three upper-case letters.", f.measure.By,
			currency)
	}
	return f.decoder.word(currency), nil
}

// Len implements measure.Found.
func (f *found) Len() int { return len(f.field.values) }

// Text implements measure.Found.
func (f *found) Text(i int) ([]byte, error) {
	v := &f.field.values[i]
	if v.parent {
		return nil, &errKind{f.field.path, "a text"}
	}
	return v.text, nil
}
