package activity

import (
	"time"

	"ordertally/activity/measure"
)

// Definition is an activity: which messages it counts, where their facts are, and what is kept of them. Package declare
// reads it from settings.
type Definition struct {
	Name   string // in the API and in the store, such as ORDER_CREATED
	Topic  string // the topic it reads
	Type   string // of its messages; others are poison, see Others. "" counts whatever is on the topic
	Schema string // the ce_dataschema it understands, another version being poison; "" takes any

	TypeAt  Place // where a message's type is
	ID      Place // where its id is, which stays when it is sent again
	At      Place // where the time it happened at is; nowhere when it is the record's
	AtForm  TimeForm
	Subject Place // where the id of what it is about is, such as the order's; zero when there is none

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

// Place is where a fact of a message is: in a record header, or in its JSON value. The zero Place is nowhere.
type Place struct {
	Header string
	Path   measure.Path
}

// String returns the place as it is declared.
func (p Place) String() string {
	if p.Header != "" {
		return "header:" + p.Header
	}
	return string(p.Path)
}
