package openapi

import (
	"reflect"

	"github.com/danielgtaylor/huma/v2"
)

// Schema is a JSON Schema of draft 2020-12, which OpenAPI 3.1 uses.
type Schema = huma.Schema

// Integer is the schema of a 64-bit integer of at least low. One of any size has no format.
func Integer(low float64) *Schema { return &Schema{Type: "integer", Format: "int64", Minimum: &low} }

// String is the schema of a string of least to most characters; 0 is no bound.
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

// Enum is the schema of a string with one of those values.
func Enum[T ~string](values ...T) *Schema {
	s := &Schema{Type: "string"}
	for _, v := range values {
		s.Enum = append(s.Enum, string(v))
	}
	return s
}

// Said returns a copy of s with a description.
func Said(s *Schema, says string, examples ...any) *Schema {
	said := *s
	said.Description, said.Examples = says, examples
	return &said
}

// Closed is the closed set of values of a Go string type. Fields of the type refer to it by the type's name.
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

// closed stands in for T. By reflection alone, T could be any string.
type closed[T ~string] struct{}

// Schema implements huma.SchemaProvider.
func (closed[T]) Schema(huma.Registry) *Schema { return Ref(setName(reflect.TypeFor[T]())) }

// FilterOrAll makes s the schema of a request that either has at least one of those members or says "all": true.
func FilterOrAll(s *Schema, filter ...string) {
	s.Properties["all"] = &Schema{Type: "boolean",
		Description: "True selects everything; no filter may be given with it. False is the same as left out."}
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

// id stands in for uuidv7.ID. By reflection, that would be an array.
type id struct{}

// Schema implements huma.SchemaProvider.
func (id) Schema(huma.Registry) *Schema { return &Schema{Type: "string", Format: "uuid"} }

// integer stands in for big.Int. By reflection, that would be a string.
type integer struct{}

// Schema implements huma.SchemaProvider.
func (integer) Schema(huma.Registry) *Schema { return &Schema{Type: "integer"} }
