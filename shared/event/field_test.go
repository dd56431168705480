package event_test

import (
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"ordertally/shared/event"
)

// The list has each field of the struct, in the same order and under the same name.
func TestFields_AreThoseOfTheStruct(t *testing.T) {
	agree(t, event.OrderFields)
	agree(t, event.LineFields)
	agree(t, event.CancellationFields)
}

func agree[T any](t *testing.T, fields []event.Field[T]) {
	t.Helper()
	var v T
	of := reflect.ValueOf(&v).Elem()
	if len(fields) != of.NumField() {
		t.Fatalf("%T has %d fields, its list %d", v, of.NumField(), len(fields))
	}
	for i := range fields {
		f, inStruct := &fields[i], of.Type().Field(i)
		name, _, _ := strings.Cut(inStruct.Tag.Get("json"), ",")
		if f.Name != name || f.Of(&v) != of.Field(i).Addr().Interface() {
			t.Errorf("field %d of %T: the struct has %s (%s), the list %s", i, v, inStruct.Name, name, f.Name)
		}
		if f.Doc == "" || strings.HasPrefix(f.Name, "_") {
			t.Errorf("field %s of %T is not described", f.Name, v)
		}
	}
}

// The golden messages show everything that a message can have.
func TestGolden_HasEveryField(t *testing.T) {
	hasAll(t, "order-created", event.OrderFields)
	hasAll(t, "order-cancelled", event.CancellationFields)
}

func hasAll[T any](t *testing.T, dir string, fields []event.Field[T]) {
	t.Helper()
	text, err := os.ReadFile("../../testdata/" + dir + "/valid/whole.json")
	if err != nil {
		t.Fatal(err)
	}
	in := json.NewDecoder(strings.NewReader(string(text)))
	var names, want []string
	depth := 0
	for token, err := in.Token(); err == nil; token, err = in.Token() {
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if name, isText := token.(string); depth == 1 && isText && slices.ContainsFunc(fields,
			func(f event.Field[T]) bool { return f.Name == name }) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for i := range fields {
		want = append(want, fields[i].Name)
	}
	if !slices.Equal(names, want) {
		t.Errorf("%s/valid/whole.json has %v, want %v", dir, names, want)
	}
}
