package openapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// shownMember is a member of a schema, a parameter or a header.
type shownMember struct {
	Name    string // with the names of the members around it, joined by dots
	In      string // for a parameter: path, query or header
	Must    string // "required", for an answer's header "always"; "" if it may be left out
	Type    []piece
	Limits  []string
	Says    string
	Example string
}

// piece is part of a type's name: a word or the name of a schema.
type piece struct{ Word, Schema string }

func memberOf(name string, s *Schema, required bool) shownMember {
	member := shownMember{Name: name, Type: typeOf(s), Limits: limitsOf(s), Says: s.Description}
	if required {
		member.Must = "required"
	}
	if len(s.Examples) > 0 {
		text, err := json.Marshal(s.Examples[0])
		if err != nil {
			panic("example of " + name + ": " + err.Error()) // it is part of the program
		}
		member.Example = string(text)
		if plain, ok := s.Examples[0].(string); ok {
			member.Example = plain
		}
	}
	return member
}

// membersOf lists a schema's members, the required ones first. After each come the members inside it, unless it refers
// to a named schema.
func membersOf(inside string, s *Schema) []shownMember {
	var list []shownMember
	names := slices.SortedFunc(maps.Keys(s.Properties), func(a, b string) int {
		if ra, rb := slices.Contains(s.Required, a), slices.Contains(s.Required, b); ra != rb {
			return map[bool]int{true: -1, false: 1}[ra]
		}
		return strings.Compare(a, b)
	})
	for _, name := range names {
		of := s.Properties[name]
		list = append(list, memberOf(inside+name, of, slices.Contains(s.Required, name)))
		list = append(list, membersOf(inside+name+".", of)...)
	}
	return list
}

// typeOf returns the type of a schema in words.
func typeOf(s *Schema) []piece {
	more, open := s.AdditionalProperties.(*Schema)
	switch {
	case s.Ref != "":
		return []piece{{Schema: s.Ref[strings.LastIndex(s.Ref, "/")+1:]}}
	case s.Items != nil:
		return append([]piece{{Word: "array of "}}, typeOf(s.Items)...)
	case open && len(s.Properties) == 0:
		return append([]piece{{Word: "object of "}}, typeOf(more)...)
	case len(s.AnyOf) > 0 && s.Type == "":
		var either []piece
		for i, one := range s.AnyOf {
			if i > 0 {
				either = append(either, piece{Word: " or "})
			}
			either = append(either, typeOf(one)...)
		}
		return either
	case s.Type == "":
		return []piece{{Word: "any JSON"}}
	case s.Type == "integer" && s.Format == "":
		return []piece{{Word: "integer of any size"}}
	case s.Format == "date-time", s.Format == "date", s.Format == "uuid":
		return []piece{{Word: s.Format}}
	}
	return []piece{{Word: s.Type}}
}

// limitsOf returns what else holds for a value, and its default.
func limitsOf(s *Schema) []string {
	var limits []string
	say := func(format string, args ...any) { limits = append(limits, fmt.Sprintf(format, args...)) }
	span := func(unit string, low, high any, hasLow, hasHigh bool) {
		if low == 1 && !hasHigh {
			unit = strings.TrimSuffix(strings.Replace(unit, "entries", "entry", 1), "s")
		}
		switch {
		case hasLow && hasHigh:
			say("%v to %v%s", low, high, unit)
		case hasLow:
			say("at least %v%s", low, unit)
		case hasHigh:
			say("at most %v%s", high, unit)
		}
	}
	number := func(f *float64) any {
		if f == nil {
			return nil
		}
		return int64(*f)
	}
	whole := func(n *int) any {
		if n == nil {
			return nil
		}
		return *n
	}
	most, exact := s.Extensions["maximum"].(json.RawMessage)
	if exact {
		span("", number(s.Minimum), string(most), s.Minimum != nil, true)
	} else {
		span("", number(s.Minimum), number(s.Maximum), s.Minimum != nil, s.Maximum != nil)
	}
	span(" characters", whole(s.MinLength), whole(s.MaxLength), s.MinLength != nil, s.MaxLength != nil)
	span(" entries", whole(s.MinItems), whole(s.MaxItems), s.MinItems != nil, s.MaxItems != nil)
	span(" entries", whole(s.MinProperties), whole(s.MaxProperties), s.MinProperties != nil, s.MaxProperties != nil)
	if len(s.Enum) > 0 {
		values := make([]string, 0, len(s.Enum))
		for _, value := range s.Enum {
			values = append(values, fmt.Sprintf("`%v`", value))
		}
		say("one of %s", strings.Join(values, ", "))
	}
	if s.Pattern != "" {
		say("pattern `%s`", s.Pattern)
	}
	if s.ContentEncoding != "" {
		say("%s", s.ContentEncoding)
	}
	if s.Default != nil {
		say("default %v", s.Default)
	}
	if s.Nullable {
		say("may be null")
	}
	if len(s.OneOf) > 0 {
		say("either a filter or `all`, not both")
	}
	for _, inner := range []any{s.Items, s.AdditionalProperties} {
		if of, ok := inner.(*Schema); ok && of != nil && of.Ref == "" {
			for _, limit := range limitsOf(of) {
				say("each %s", limit)
			}
		}
	}
	return limits
}
