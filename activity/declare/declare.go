// Package declare reads activities as they are declared in the settings file:
//
//	activities:
//	  - name: ORDER_REFUNDED            # in the API and in the file
//	    topic: order.refunded.v1
//	    type: ORDER_REFUNDED            # of its events; leave it out to count whatever is on the topic
//	    type-at: type                    # where the type is; default header:ce_type
//	    id: event_id                     # default header:ce_id
//	    time: refunded_at               # when it happened; default header:ce_time
//	    subject: order_id                # what the event is about; leave it out when it is about nothing
//	    schema: urn:example:1            # the ce_dataschema to insist on; leave it out to take any
//	    measures:
//	      refunds: sum(refund.amount) by refund.currency
//	    dimensions:
//	      reason: reason
//	    rules:
//	      - refund.amount >= 0
//
// The time is written as in RFC 3339, or nearly so (a space for the T, +0000 or +00 for the offset). Otherwise its
// declaration says how:
//
//	time: payload.ts_ms unit=ms          # a number since 1970, in s, ms or us
//	time: placed zone=Europe/London      # a time without an offset is of that zone
//	time: record                         # the record's own timestamp
//
// A place is the path of a member of the JSON value, or header:NAME for a record header. Paths are names with dots
// between; the measures and rules are those of package measure. What the order service publishes is declared the same
// way, in shipped.yaml.
package declare

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"

	"ordertally/activity"
	"ordertally/shared/event"
)

//go:embed shipped.yaml
var shipped []byte

// What settings may declare.
const (
	MaxActivities = 20
	maxMeasures   = 16
	maxDimensions = 4
	maxRules      = 16
)

// Shipped returns the activities that count what the order service publishes to that topic, ORDER_CREATED first.
func Shipped(topic string) []activity.Definition {
	defs, err := Parse(string(shipped))
	if err != nil {
		panic(fmt.Sprintf("declare: shipped.yaml: %v", err))
	}
	for i := range defs {
		defs[i].Topic, defs[i].Source = topic, event.Source
		for j := range defs[i].Dimensions {
			defs[i].Dimensions[j].Single = true // an order's metadata are one object
		}
	}
	return defs
}

// OrderCreated returns the first of the shipped activities.
func OrderCreated(topic string) activity.Definition { return Shipped(topic)[0] }

// With returns the definitions of a service: the shipped ones, each unless a declared one has its name, then the other
// declared ones. Each is told which types on its topic are another's.
func With(shipped, declared []activity.Definition) []activity.Definition {
	all := slices.Clone(shipped)
	for _, def := range declared {
		same := func(other activity.Definition) bool { return other.Name == def.Name }
		if at := slices.IndexFunc(all, same); at >= 0 {
			all[at] = def
		} else {
			all = append(all, def)
		}
	}
	for i := range all {
		for j := range all {
			if i == j || all[i].Topic != all[j].Topic {
				continue
			}
			all[i].Others = append(all[i].Others, all[j].Type)
			all[i].OthersPark = all[i].OthersPark || j < i
		}
	}
	return all
}

// Text is the setting of the activities: what Parse reads.
type Text string

// Check refuses what Parse does.
func (t Text) Check() error {
	_, err := Parse(string(t))
	return err
}

// All returns the shipped activities, of that topic, and those that the text declares. One that it declares again has
// its declaration.
func (t Text) All(topic string) ([]activity.Definition, error) {
	declared, err := Parse(string(t))
	return With(Shipped(topic), declared), err
}

// Parse reads a YAML list of activities. The error has a line for each fault: the line of the text, the activity and
// the setting that is wrong, and how to write it.
func Parse(text string) ([]activity.Definition, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	for _, tk := range lexer.Tokenize(text) {
		if tk.Type == token.AnchorType || tk.Type == token.AliasType { // a few of them can stand for gigabytes
			return nil, fmt.Errorf(
				"line %d has a YAML anchor or alias: write the values out, or put quotes around a text that begins "+
					"with & or *",
				tk.Position.Line,
			)
		}
	}
	items, err := readItems(text)
	if err != nil {
		return nil, err
	}
	var found faults
	if len(items) > MaxActivities {
		found.add(
			items[MaxActivities].line,
			"",
			"",
			fmt.Errorf("%d activities are declared; at most %d can be", len(items), MaxActivities),
		)
	}
	lines := make(map[string]int, len(items)) // of the activities, by name
	var defs []activity.Definition
	for i := range items {
		it := &items[i]
		it.faults = &found
		defs = append(defs, it.definition(lines))
	}
	if err := found.err(); err != nil {
		return nil, err
	}
	return defs, nil
}
