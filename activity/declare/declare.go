// Package declare reads activities as they are declared in the settings file:
//
//	activities:
//	  - name: ORDER_CANCELLED            # in the API and in the file
//	    topic: order.cancelled.v1
//	    type: ORDER_CANCELLED            # of its events; leave it out to count whatever is on the topic
//	    type-at: type                    # where the type is; default header:ce_type
//	    id: event_id                     # default header:ce_id
//	    time: cancelled_at               # RFC 3339; default header:ce_time
//	    subject: order_id                # what the event is about; leave it out when it is about nothing
//	    schema: urn:example:1            # the ce_dataschema to insist on; leave it out to take any
//	    measures:
//	      refunds: sum(refund.amount) by refund.currency
//	    dimensions:
//	      reason: reason
//	    rules:
//	      - refund.amount >= 0
//
// A place is the path of a member of the JSON value, or header:NAME for a record header. Paths are names with dots between;
// the measures and rules are those of package measure. ORDER_CREATED, the activity that is always there, is declared the
// same way, in order_created.yaml.
package declare

import (
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"

	"ordertally/activity"
	"ordertally/activity/measure"
	"ordertally/shared/cloudevent"
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

// declaration is one activity as it is written.
type declaration struct {
	Name       string            `yaml:"name"`
	Topic      string            `yaml:"topic"`
	Type       string            `yaml:"type"`
	TypeAt     string            `yaml:"type-at"`
	Schema     string            `yaml:"schema"`
	ID         string            `yaml:"id"`
	Time       string            `yaml:"time"`
	Subject    string            `yaml:"subject"`
	Measures   map[string]string `yaml:"measures"`
	Dimensions map[string]string `yaml:"dimensions"`
	Rules      []string          `yaml:"rules"`
}

// OrderCreated returns the activity that counts the orders of the order service, read from that topic.
func OrderCreated(topic string) activity.Definition {
	defs, err := Parse(string(orderCreated))
	if err != nil {
		panic(fmt.Sprintf("declare: order_created.yaml: %v", err))
	}
	defs[0].Topic = topic
	for i := range defs[0].Dimensions {
		defs[0].Dimensions[i].Single = true // an order's metadata are one object
	}
	return defs[0]
}

// With returns the definitions of a service: the default one first, unless a declared one has its name, then the declared, each
// told which types on its topic are another's.
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

// Parse reads a YAML list of activities. The error says which one is wrong, and how to write it.
func Parse(text string) ([]activity.Definition, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	for _, tk := range lexer.Tokenize(text) {
		if tk.Type == token.AnchorType || tk.Type == token.AliasType { // a few of them can stand for gigabytes
			return nil, fmt.Errorf("activities: line %d has a YAML anchor or alias: write the values out, or put quotes around a text that begins with & or *", tk.Position.Line)
		}
	}
	var list []declaration
	if err := yaml.UnmarshalWithOptions([]byte(text), &list, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("activities must be a list of name, topic, type, type-at, schema, id, time, subject, measures, dimensions, rules: %s",
			yaml.FormatError(err, false, false))
	}
	if len(list) > MaxActivities {
		return nil, fmt.Errorf("%d activities are declared; at most %d can be", len(list), MaxActivities)
	}
	defs := make([]activity.Definition, 0, len(list))
	for i := range list {
		def, err := list[i].definition()
		if err != nil {
			return nil, fmt.Errorf("activity %.80q: %w", list[i].Name, err)
		}
		if slices.ContainsFunc(defs, func(d activity.Definition) bool { return d.Name == def.Name }) {
			return nil, fmt.Errorf("activity %q is declared twice", def.Name)
		}
		defs = append(defs, def)
	}
	return defs, nil
}

var (
	nameForm  = regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,63}$`)
	topicForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,249}$`)
)

// reserved are the names that an answer has itself.
var reserved = []string{"activity", "day", "tz", "from", "to", "by", "days", "periods", "count", "first", "last", "stats", "dimensions", "hours",
	"hour", "minutes", "minute", "as_of", "lag", "final", "partial", "unavailable", "starts_at", "ends_at", "value", "rest", "not_told_apart", "digest"}

func (d *declaration) definition() (activity.Definition, error) {
	none := activity.Definition{}
	def := activity.Definition{Name: d.Name, Topic: d.Topic, Type: d.Type, Schema: d.Schema}
	switch {
	case !nameForm.MatchString(d.Name):
		return none, errors.New("a name is written in capital letters, digits and underscores, at most 64, a letter first")
	case !topicForm.MatchString(d.Topic):
		return none, fmt.Errorf("topic: %.80q is not the name of a topic", d.Topic)
	case len(d.Measures) > maxMeasures || len(d.Dimensions) > maxDimensions || len(d.Rules) > maxRules:
		return none, fmt.Errorf("it may have %d measures, %d dimensions and %d rules at most", maxMeasures, maxDimensions, maxRules)
	}
	for _, p := range []struct {
		key, text, otherwise string
		place                *activity.Place
	}{
		{"type-at", d.TypeAt, "header:" + cloudevent.HeaderType, &def.TypeAt},
		{"id", d.ID, "header:" + cloudevent.HeaderID, &def.ID},
		{"time", d.Time, "header:" + cloudevent.HeaderTime, &def.At},
		{"subject", d.Subject, "", &def.Subject},
	} {
		place, err := parsePlace(p.text, p.otherwise)
		if err != nil {
			return none, fmt.Errorf("%s: %w", p.key, err)
		}
		*p.place = place
	}
	for _, name := range slices.Sorted(maps.Keys(d.Measures)) {
		m, err := measure.Parse(name, d.Measures[name])
		if err == nil && slices.Contains(reserved, name) {
			err = errors.New("that name has another meaning in answers; choose another")
		}
		if err != nil {
			return none, fmt.Errorf("measures: %s: %w", name, err)
		}
		def.Measures = append(def.Measures, m)
	}
	for _, name := range slices.Sorted(maps.Keys(d.Dimensions)) {
		path, err := measure.ParsePath(d.Dimensions[name])
		if err == nil {
			err = measure.CheckName(name)
		}
		if err != nil {
			return none, fmt.Errorf("dimensions: %s: %w", name, err)
		}
		def.Dimensions = append(def.Dimensions, measure.Dimension{Name: name, Path: path})
	}
	for _, text := range d.Rules {
		rule, err := measure.ParseRule(text)
		if err != nil {
			return none, fmt.Errorf("rules: %w", err)
		}
		def.Rules = append(def.Rules, rule)
	}
	return def, nil
}

func parsePlace(text, otherwise string) (activity.Place, error) {
	if text == "" {
		text = otherwise
	}
	if text == "" {
		return activity.Place{}, nil
	}
	if header, found := strings.CutPrefix(text, "header:"); found {
		if header == "" || len(header) > 200 {
			return activity.Place{}, errors.New("write header:NAME with the name of a record header")
		}
		return activity.Place{Header: header}, nil
	}
	path, err := measure.ParsePath(text)
	return activity.Place{Path: path}, err
}
