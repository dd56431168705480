package settings

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// allowed are the values that a setting may have. nil allows any. They are written in the tag enum or the tag range:
//
//	range:"1ms..24h"       from 1 ms to 24 h, both included
//	range:"0.."            0 or more
//	range:"0, 1m.."        0, or 1 min or more
type allowed []span

// span is from low to high, or open without high. A word has no high either.
type span struct {
	low, high string
	isRange   bool
	unit      string
}

// parseAllowed reads the tags of a setting.
func parseAllowed(tag func(string) string) (all allowed) {
	for _, word := range strings.Split(tag("enum"), ",") {
		if word != "" {
			all = append(all, span{low: word})
		}
	}
	for _, text := range strings.Split(tag("range"), ",") {
		if text = strings.TrimSpace(text); text != "" {
			low, high, isRange := strings.Cut(text, "..")
			all = append(all, span{low, high, isRange, tag("unit")})
		}
	}
	return all
}

// has reports whether value is allowed. A nil list contains nothing.
func (a allowed) has(value reflect.Value) bool {
	return slices.ContainsFunc(a, func(s span) bool { return s.has(value) })
}

func (s span) has(value reflect.Value) bool {
	if value.Kind() == reflect.String {
		return value.String() == s.low
	}
	low, high := bound(value.Type(), s.low), value
	switch {
	case !s.isRange:
		high = low
	case s.high != "":
		high = bound(value.Type(), s.high)
	}
	return atMost(low, value) && atMost(value, high)
}

// bound reads the text of a bound. A bad bound is a bug in the program.
func bound(kind reflect.Type, text string) reflect.Value {
	value := reflect.New(kind).Elem()
	if err := set(value, text); err != nil {
		panic(fmt.Sprintf("settings: a range with the bound %q: %v", text, err))
	}
	return value
}

// atMost reports whether a is at most b. It is false for anything but numbers.
func atMost(a, b reflect.Value) bool {
	if a.CanInt() {
		return a.Int() <= b.Int()
	}
	return a.Float() <= b.Float()
}

// String is for the documentation: "1ms to 24h", "0, or 1m or more".
func (a allowed) String() string {
	texts := make([]string, len(a))
	for i, s := range a {
		texts[i] = s.low
		switch {
		case s.isRange && s.high == "":
			texts[i] += " or more"
		case s.isRange:
			texts[i] += " to " + s.high
		}
		if s.isRange && s.unit != "" {
			texts[i] += " " + s.unit
		}
	}
	if len(a) == 2 && a[1].isRange {
		return texts[0] + ", or " + texts[1]
	}
	return strings.Join(texts, ", ")
}

// refuses returns the message for a value that is not allowed.
func (a allowed) refuses(value reflect.Value) string {
	texts := make([]string, len(a))
	for i, s := range a {
		texts[i] = s.low
		switch {
		case s.isRange && s.high == "":
			texts[i] = shown(bound(value.Type(), s.low)) + " or more"
		case s.isRange:
			texts[i] = "between " + shown(bound(value.Type(), s.low)) + " and " + shown(bound(value.Type(), s.high))
		}
		if s.isRange && s.unit != "" {
			texts[i] += " " + s.unit
		}
	}
	switch len(texts) {
	case 1:
		return shown(value) + " is not " + texts[0]
	case 2:
		return shown(value) + " is neither " + texts[0] + " nor " + texts[1]
	}
	return shown(value) + " is none of " + strings.Join(texts, ", ")
}
