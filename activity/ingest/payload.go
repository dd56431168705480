package ingest

import (
	"errors"
	"fmt"
	"math/bits"
	"time"

	"ordertally/activity"
	"ordertally/activity/measure"
	"ordertally/shared/event/setdigest"
	"ordertally/shared/kafka"
)

// maxAhead is how much later than its record an event may have happened: clocks differ, but not by a day.
const maxAhead = 24 * time.Hour

// event reads the facts of a record whose value was read.
func (d *decoder) event(r *kafka.Record, e *activity.Event) *activity.Poison {
	impossible := func(format string, args ...any) *activity.Poison {
		return poison(activity.ReasonImpossible, format, args...)
	}
	var p *activity.Poison
	if e.At, p = d.moment(r); p != nil {
		return p
	}
	if e.At.Unix() < 0 {
		return impossible("It happened at %s, before 1970.", e.At.Format(time.RFC3339))
	}
	if e.At.After(r.Timestamp.Add(maxAhead)) {
		hint := ""
		if d.def.AtForm.Unit != 0 {
			hint = " Of the time, is its unit right?"
		}
		return impossible("It happened at %s, but was written at %s: more than %s before.%s",
			e.At.Format(time.RFC3339), r.Timestamp.UTC().Format(time.RFC3339), maxAhead, hint)
	}
	if d.def.Subject != (activity.FactPath{}) {
		subject, p := d.fact(r, d.def.Subject, d.subject)
		if p != nil {
			return p
		}
		if len(subject) > 0 {
			e.Digest = setdigest.Of(subject)
		}
	}
	for i := range d.rules {
		if p := d.check(&d.def.Rules[i], &d.rules[i]); p != nil {
			return p
		}
	}
	for i := range d.measures {
		if p := d.value(&d.def.Measures[i], d.measures[i], &e.Values[i]); p != nil {
			return p
		}
	}
	for i := range d.dimensions {
		d.label(i, e)
	}
	return nil
}

// value reads what the event adds to one measure.
func (d *decoder) value(m *measure.Measure, at measureFields, v *measure.Value) *activity.Poison {
	d.found.measure, d.found.field, d.found.by = m, &d.fields[at.values], nil
	if at.by >= 0 {
		d.found.by = &d.fields[at.by]
	}
	// Read is that of Count, Total or Distinct in package measure. It asks d.found for what it needs.
	err := m.Kind.Read(&d.found, v)
	if err == nil {
		return nil
	}
	if p, told := errors.AsType[*activity.Poison](err); told {
		return p
	}
	return poison(activity.ReasonMalformed, "%s", err)
}

// sum adds up the amounts of a field. There must be one.
func (f *field) sum() (int64, *activity.Poison) {
	if len(f.values) == 0 || len(f.values) == 1 && f.values[0].absent() {
		return 0, poison(activity.ReasonImpossible, "There is no %s.", f.path)
	}
	var sum int64
	for i := range f.values {
		n, err := f.number(&f.values[i])
		if err != nil {
			return 0, poison(activity.ReasonMalformed, "%s", err)
		}
		if n < 0 {
			return 0, poison(activity.ReasonImpossible, "The %s is %d, less than 0.", f.path, n)
		}
		if sum += n; sum < 0 {
			return 0, poison(activity.ReasonImpossible, "The sum of %s is more than 2^63-1.", f.path)
		}
	}
	return sum, nil
}

// check says what is wrong when a rule does not hold.
func (d *decoder) check(rule *measure.Rule, at *ruleFields) *activity.Poison {
	s := &d.fields[at.value]
	switch {
	case rule.Factors != nil:
		return d.checkProducts(rule, at)
	case rule.Exists && !s.exists():
		return poison(activity.ReasonImpossible, "It has no %s.", s.path)
	case rule.Exists:
		return nil
	}
	for i := range s.values {
		n, err := s.number(&s.values[i])
		if err != nil {
			return poison(activity.ReasonMalformed, "%s", err)
		}
		if n < rule.AtLeast {
			return poison(activity.ReasonImpossible, "The %s number %d is %d, less than %d.", s.path, i+1, n,
				rule.AtLeast)
		}
	}
	return nil
}

// exists reports whether there is a value that is not empty.
func (f *field) exists() bool {
	for i := range f.values {
		if v := &f.values[i]; v.parent || !v.absent() && len(v.text) > 0 {
			return true
		}
	}
	return false
}

func (d *decoder) checkProducts(rule *measure.Rule, at *ruleFields) *activity.Poison {
	want, p := d.fields[at.value].sum()
	if p != nil {
		return p
	}
	left, right := &d.fields[at.factors[0]], &d.fields[at.factors[1]]
	var sum int64
	for i := range max(len(left.values), len(right.values)) {
		a, errA := left.at(i)
		b, errB := right.at(i)
		for _, err := range []error{errA, errB} {
			if err != nil {
				return poison(activity.ReasonMalformed, "%s", err)
			}
		}
		product, fits := multiply(a, b)
		if sum += product; !fits || sum < 0 {
			return poison(activity.ReasonImpossible, "The sum of %s * %s is more than 2^63-1.", rule.Factors[0],
				rule.Factors[1])
		}
	}
	if sum != want {
		return poison(activity.ReasonImpossible, "The %s is %d, and %s * %s add up to %d.", rule.Path, want,
			rule.Factors[0], rule.Factors[1], sum)
	}
	return nil
}

func (f *field) at(i int) (int64, error) {
	if i >= len(f.values) {
		return 0, nil
	}
	n, err := f.number(&f.values[i])
	if err == nil && n < 0 {
		err = fmt.Errorf("the %s is %d, less than 0", f.path, n)
	}
	return n, err
}

func isCurrency(s []byte) bool {
	if len(s) != 3 {
		return false
	}
	for _, c := range s {
		if c < 'A' || c > 'Z' {
			return false
		}
	}
	return true
}

// multiply takes numbers that are not negative, and reports whether the product fits.
func multiply(a, b int64) (int64, bool) {
	hi, lo := bits.Mul64(uint64(a), uint64(b))  //nolint:gosec // not negative
	return int64(lo), hi == 0 && int64(lo) >= 0 //nolint:gosec // the sign shows what does not fit
}

// What is remembered of short texts.
const (
	maxWords   = 4096
	maxWordLen = 64
)

// word returns text as a string, the same one for the same text.
func (d *decoder) word(text []byte) string {
	if known, found := d.words[string(text)]; found {
		return known
	}
	word := string(text)
	if len(word) <= maxWordLen && len(d.words) < maxWords {
		d.words[word] = word
	}
	return word
}
