package activity

import (
	"time"

	"ordertally/activity/measure"
)

// Definition is an activity: which messages it counts, where it finds their facts, and what it keeps. Package declare
// reads it from settings.
type Definition struct {
	Name   string // in the API and in the store, such as ORDER_CREATED
	Topic  string // the topic it reads
	Type   string // of its messages; others are poison, see Others. "" counts every message of the topic
	Schema string // the ce_dataschema it understands, another version being poison; "" takes any

	TypeAt  FactPath // of a message's type
	ID      FactPath // of its id, which stays the same when it is sent again
	At      FactPath // of the time it happened; zero if that is the record's time
	AtForm  TimeForm
	Subject FactPath // of the id of what it is about, such as an order; zero if there is none

	Measures   []measure.Measure   // in order of their names
	Dimensions []measure.Dimension // in order of their names
	Rules      []measure.Rule

	// Source is the ce_source whose unknown types are passed over: a newer release of that program may send them.
	// Elsewhere an unknown type is poison. "" is none.
	Source string

	// Others are types on the same topic that other activities count: they are passed over. OthersPark says that
	// unknown types are left to an activity that is declared earlier.
	Others     []string
	OthersPark bool
}

// TimeForm says how a time is written. The zero TimeForm is RFC 3339, or nearly so, with an offset.
type TimeForm struct {
	Record bool          // it is the record's own timestamp
	Unit   time.Duration // it is a number of these since 1970
	Zone   Zone          // of a time without an offset
}

// FactPath leads to a fact of a message: to a record header, or into the JSON value. The zero FactPath leads nowhere.
type FactPath struct {
	Header string
	Path   measure.Path
}

// String returns the path as it is declared.
func (p FactPath) String() string {
	if p.Header != "" {
		return "header:" + p.Header
	}
	return string(p.Path)
}
