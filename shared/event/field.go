package event

import (
	"maps"
	"slices"
	"strconv"
	"time"
)

// Field is one member of the JSON object for a T. The lists of fields are the only place that says what the objects
// have. The encoder, the decoder of requests, the hash of a request and all schemas are made from them.
type Field[T any] struct {
	Name     string
	Presence Presence
	// Number stands for the field in stored orders, from 1 to 63. It never changes. A field without one is not in them:
	// the store keeps it elsewhere.
	Number int
	// Of returns a pointer to the value: *string, *int64, *time.Time, *[]Line or *map[string]string.
	Of func(*T) any
	// Form is the form of a string.
	Form Form
	// Min and Max bound a number, the characters of a string, or the entries of a list or map. In a request, an
	// optional string may be empty, which means the same as leaving it out.
	Min, Max int64
	// Doc describes the field, and Asked describes it for a request; "" for the same.
	Doc, Asked string
	Example    any
}

// Presence says when a field is present.
type Presence int

// The presences.
const (
	Required  Presence = iota // always
	Optional                  // left out if empty
	Defaulted                 // always; a request may leave it out
	Computed                  // always; a request must not have it
)

// Form is the form of a string.
type Form int

// The forms.
const (
	Plain    Form = iota // no control characters
	Free                 // no control characters but tabs
	UUID                 // of version 7, in lower case
	Currency             // an ISO 4217 code
)

// appendObject appends v as a JSON object.
func appendObject[T any](b []byte, fields []Field[T], v *T) []byte {
	b = append(b, '{')
	for i := range fields {
		b = fields[i].append(b, v)
	}
	return append(b, '}')
}

func (f *Field[T]) append(b []byte, v *T) []byte {
	switch value := f.Of(v).(type) {
	case *string:
		if *value == "" && f.Presence == Optional {
			return b
		}
		return quote(f.begin(b), *value)
	case *int64:
		return strconv.AppendInt(f.begin(b), *value, 10)
	case *time.Time:
		b = append(f.begin(b), '"')
		return append(value.UTC().AppendFormat(b, time.RFC3339Nano), '"')
	case *[]Line:
		b = append(f.begin(b), '[')
		for i := range *value {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendObject(b, LineFields, &(*value)[i])
		}
		return append(b, ']')
	case *map[string]string:
		if len(*value) == 0 && f.Presence == Optional {
			return b
		}
		return appendTexts(f.begin(b), *value)
	}
	panic("event: field " + f.Name + " has a type that cannot be encoded")
}

// begin appends the comma, unless the object is empty yet, and the name.
func (f *Field[T]) begin(b []byte) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	b = append(append(b, '"'), f.Name...)
	return append(b, '"', ':')
}

func appendTexts(b []byte, texts map[string]string) []byte {
	b = append(b, '{')
	for i, key := range slices.Sorted(maps.Keys(texts)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(quote(b, key), ':')
		b = quote(b, texts[key])
	}
	return append(b, '}')
}
