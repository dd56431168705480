// Package declare reads activities as they are declared in the settings file:
//
//	activities:
//	  - name: ORDER_CANCELLED            # in the API and in the file
//	    topic: order.cancelled.v1
//	    type: ORDER_CANCELLED            # of its events; leave it out to count whatever is on the topic
//	    type-at: type                    # where the type is; default header:ce_type
//	    id: event_id                     # default header:ce_id
//	    time: cancelled_at               # when it happened; default header:ce_time
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
// between; the measures and rules are those of package measure. ORDER_CREATED, the activity that is always there, is
// declared the same way, in order_created.yaml.
package declare

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"

	"ordertally/activity"
	"ordertally/shared/event"
)

//go:embed order_created.yaml
var orderCreated []byte

// What settings may declare.
const (
	MaxActivities = 20
	maxMeasures   = 16
	maxDimensions = 4
	maxRules      = 16
)

// OrderCreated returns the activity that counts the orders of the order service, read from that topic.
func OrderCreated(topic string) activity.Definition {
	defs, err := Parse(string(orderCreated))
	if err != nil {
		panic(fmt.Sprintf("declare: order_created.yaml: %v", err))
	}
	defs[0].Topic, defs[0].Source = topic, event.Source
	for i := range defs[0].Dimensions {
		defs[0].Dimensions[i].Single = true // an order's metadata are one object
	}
	return defs[0]
}

// With returns the definitions of a service: the default one first, unless a declared one has its name, then the
// declared, each told which types on its topic are another's.
func With(first activity.Definition, declared []activity.Definition) []activity.Definition {
	all := []activity.Definition{first}
	for _, def := range declared {
		if def.Name == first.Name {
			all[0] = def
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
