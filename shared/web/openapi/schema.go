package openapi

import (
	"reflect"

	"github.com/danielgtaylor/huma/v2"
)

// Schema is a JSON Schema, of the draft that OpenAPI 3.1 uses (2020-12).
type Schema = huma.Schema

// Integer is the schema of a whole number of 64 bits in JSON, from low on. One of any size has no format.
func Integer(low float64) *Schema { return &Schema{Type: "integer", Format: "int64", Minimum: &low} }

// String is the schema of a text with bounds in characters, 0 for none.
func String(least, most int) *Schema {
	s := &Schema{Type: "string"}
	if least > 0 {
		s.MinLength = &least
	}
	if most > 0 {
		s.MaxLength = &most
	}
	return s
}

// Enum is the schema of one of some texts.
func Enum[T ~string](values ...T) *Schema {
	s := &Schema{Type: "string"}
	for _, v := range values {
		s.Enum = append(s.Enum, string(v))
	}
	return s
}

// Said returns a copy of s that says what it is.
func Said(s *Schema, says string, examples ...any) *Schema {
	said := *s
	said.Description, said.Examples = says, examples
	return &said
}

// Closed is a closed set of texts that the values of a Go type are taken from. Fields of the type refer to it by the
// type's name.
type Closed struct {
	of, stands reflect.Type
	name       string
	schema     *Schema
}

// ClosedSet returns the set of all values of T.
func ClosedSet[T ~string](says string, values ...T) Closed {
	t := reflect.TypeFor[T]()
	return Closed{of: t, stands: reflect.TypeFor[closed[T]](), name: setName(t), schema: Said(Enum(values...), says)}
}

func setName(t reflect.Type) string { return huma.DefaultSchemaNamer(t, "") }

// closed stands in for T, which reflection takes for any text.
type closed[T ~string] struct{}

// Schema implements huma.SchemaProvider.
func (closed[T]) Schema(huma.Registry) *Schema { return Ref(setName(reflect.TypeFor[T]())) }

// FilterOrAll makes s the schema of a request that names at least one of those members or says "all": true, and not
// both.
func FilterOrAll(s *Schema, filter ...string) {
	s.Properties["all"] = &Schema{Type: "boolean",
		Description: "Whoever means all has to say so: true, and no filter. False is the same as left out."}
	named := &Schema{}
	for _, name := range filter {
		named.AnyOf = append(named.AnyOf, &Schema{Required: []string{name}})
	}
	all := func(means bool) map[string]*Schema { return map[string]*Schema{"all": {Const: means}} }
	s.OneOf = []*Schema{
		{AnyOf: named.AnyOf, Properties: all(false)},
		{Required: []string{"all"}, Properties: all(true), Not: named},
	}
}

// integer stands in for big.Int, which reflection takes for a text.
type integer struct{}

// Schema implements huma.SchemaProvider.
func (integer) Schema(huma.Registry) *Schema { return &Schema{Type: "integer"} }
