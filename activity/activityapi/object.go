package activityapi

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"ordertally/activity/measure"
)

// object is a JSON object whose members are not known at compile time. They keep their order.
type object []member

type member struct {
	name  string
	value any
}

// encoded is JSON.
type encoded []byte

// MarshalJSON returns it as it is.
func (e encoded) MarshalJSON() ([]byte, error) { return e, nil }

func (o *object) add(name string, value any) { *o = append(*o, member{name, value}) }

// MarshalJSON encodes the members in order.
func (o object) MarshalJSON() ([]byte, error) { return o.append(nil) }

func (o object) append(b []byte) ([]byte, error) {
	b = append(b, '{')
	var err error
	for i, m := range o {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendText(b, m.name), ':')
		if b, err = appendJSON(b, m.value); err != nil {
			return nil, fmt.Errorf("member %s: %w", m.name, err)
		}
	}
	return append(b, '}'), nil
}

// appendJSON appends what json.Marshal returns, without its detours for what most answers consist of: it reads again
// what a MarshalJSON returned.
func appendJSON(b []byte, value any) ([]byte, error) {
	switch v := value.(type) {
	case string:
		return appendText(b, v), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	case int:
		return strconv.AppendInt(b, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(b, v, 10), nil
	case measure.Sum:
		return appendSum(b, v), nil
	case map[string]measure.Sum:
		names := make([]string, 0, len(v))
		for name := range v {
			names = append(names, name)
		}
		slices.Sort(names)
		b = append(b, '{')
		for i, name := range names {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendSum(append(appendText(b, name), ':'), v[name])
		}
		return append(b, '}'), nil
	case encoded:
		return append(b, v...), nil
	case object:
		return v.append(b)
	case []object:
		return appendList(b, v, object.append)
	case []encoded:
		return appendList(b, v, func(e encoded, b []byte) ([]byte, error) { return append(b, e...), nil })
	}
	text, err := json.Marshal(value)
	return append(b, text...), err
}

func appendList[T any](b []byte, list []T, one func(T, []byte) ([]byte, error)) ([]byte, error) {
	b = append(b, '[')
	var err error
	for i := range list {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = one(list[i], b); err != nil {
			return nil, err
		}
	}
	return append(b, ']'), nil
}

func appendSum(b []byte, s measure.Sum) []byte {
	if s.Hi == 0 {
		return strconv.AppendUint(b, s.Lo, 10)
	}
	return append(b, s.String()...)
}

// appendText appends a text in quotes. Most need no escapes.
func appendText(b []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			quoted, err := json.Marshal(text)
			if err != nil {
				panic(err) // a text can always be encoded
			}
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, text...)
	return append(b, '"')
}
