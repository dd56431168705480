package measure

import (
	"slices"
	"strings"

	"ordertally/shared/boltdb/codec"
)

// Kind is a way to add up what the events of an activity have at a path. Each kind has a file of its own here, and a
// line in kinds; nothing else tells kinds apart.
type Kind struct {
	// Word names the kind in declarations. It never changes.
	Word string
	// Code names the kind in files. It never changes, and no other kind gets it.
	Code byte
	// Says what it adds up, in a few words, for documents.
	Says string
	// By allows "by PATH" in a declaration: the figure is then kept apart by currency.
	By bool
	// Objects allows a path that leads to objects. Others must lead to texts or numbers.
	Objects bool
	// Sums says that minutes and the values of a dimension have the measure too, as sums of Value.Amount.
	Sums bool

	// Read sets v to what one event adds. It returns an error of found's methods as it is: the event cannot be counted.
	Read func(found Found, v *Value) error
	// New returns the state of a figure without events.
	New func() State
	// Form describes what State.Render returns for a measure.
	Form func(m *Measure) Form
	// Details describes what State.Details returns.
	Details func(m *Measure) Form
}

// kinds are all kinds, in the order of the documents.
var kinds = []*Kind{Count, Total, Distinct}

// Kinds returns all kinds.
func Kinds() []*Kind { return slices.Clone(kinds) }

// KindOf returns the kind with that code in files, nil if there is none.
func KindOf(code byte) *Kind {
	for _, kind := range kinds {
		if kind.Code == code {
			return kind
		}
	}
	return nil
}

// Usage returns how the kind is declared.
func (k *Kind) Usage() []string {
	usage := []string{k.Word + "(path)"}
	if k.By {
		usage = append(usage, k.Word+"(path) by path")
	}
	return usage
}

// State is what the values of a measure have added up to. Only its own kind knows what is in it.
type State interface {
	// Add adds what one event has.
	Add(v *Value)
	// Merge adds what another state added up to, and leaves that as it is. It is one of the same kind: a store refuses
	// a declaration that gives a name another kind. Nothing is added otherwise.
	Merge(other State)
	// Encode appends the state to a record, Decode reads it into a new one.
	Encode(record *codec.Encoder)
	Decode(record *codec.Decoder)
	// Render returns the figure as an answer has it, in the Form of the kind, and Details what else is known of it. Of
	// no events the figure is 0 or an empty map. Details is then left out of answers, and must not panic.
	Render(m *Measure) any
	Details(m *Measure) any
}

// Value is what one event adds to one measure.
type Value struct {
	Amount int64    // of a count or sum; not negative
	Group  string   // the currency of the amount, "" for none
	Hash   uint64   // of a distinct text
	Known  bool     // false when the event has no such text
	More   []uint64 // of further texts, some of which may be the same
}

// Found is what one event has at the path of a measure. An error of it says why the event cannot be counted.
type Found interface {
	// Elements returns how many there are: the elements of arrays, and one for anything else that is not null.
	Elements() int64
	// Sum adds up whole numbers that are not negative. There must be one.
	Sum() (int64, error)
	// Group returns the currency by which the measure is kept apart, "" if it is not.
	Group() (string, error)
	// Len returns how many values there are, and Text one of them as a text, empty if it is null or not there.
	Len() int
	Text(i int) ([]byte, error)
}

// usage lists how measures are declared.
func usage() string {
	var all []string
	for _, kind := range kinds {
		all = append(all, kind.Usage()...)
	}
	last := len(all) - 1
	return strings.Join(all[:last], ", ") + " or " + all[last]
}
