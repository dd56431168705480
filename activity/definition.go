package activity

import (
	"time"

	"ordertally/activity/measure"
)

// Definition is an activity: which messages it counts, where their facts are, and what is kept. Package declare reads
// it from settings.
type Definition struct {
	Name   string // in the API and in the store, such as ORDER_CREATED
	Topic  string // the topic it reads
	Type   string // of its messages; others are poison, but see Others. "" counts every message of the topic
	Schema string // the ce_dataschema it understands; other versions are poison. "" accepts any

	TypeAt  FactPath // of a message's type
	ID      FactPath // of its id, which stays the same if the message is sent again
	At      FactPath // of the time it happened; zero if the record's time is meant
	AtForm  TimeForm
	Subject FactPath // of the id of its subject, such as an order; zero if it has none

	Measures   []measure.Measure   // in order of their names
	Dimensions []measure.Dimension // in order of their names
	Rules      []measure.Rule

	// Source is a ce_source. Unknown types from it are passed over, because a newer release of that program may send
	// them. Unknown types from elsewhere are poison. "" matches no source.
	Source string

	// Others lists types on the same topic that other activities count. They are passed over. OthersPark leaves unknown
	// types to an activity that is declared earlier.
	Others     []string
	OthersPark bool
}

// TimeForm says how a time is written. The zero TimeForm is RFC 3339, or nearly so, with an offset.
type TimeForm struct {
	Record bool          // it is the record's timestamp
	Unit   time.Duration // it is a number of these units since 1970
	Zone   Zone          // of a time without an offset
}

// FactPath leads to a fact of a message: to a header of the record, or into its JSON value. The zero FactPath leads
// nowhere.
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
