package activityapi

import (
	"reflect"
	"slices"

	"ordertally/activity/measure"
	"ordertally/shared/web/openapi"
)

// schemaOf returns the schema of a form. An object is a schema of its own, and is referred to by name.
func schemaOf(form measure.Form) *openapi.Schema {
	if form.Type == measure.Object {
		return openapi.Ref(form.Name)
	}
	schema := typed(form)
	schema.Description = form.Says
	if form.Type == measure.Wide {
		schema.Description += " It may exceed 64 bits."
	}
	if form.Example != nil {
		schema.Examples = []any{form.Example}
	}
	return schema
}

// typed returns the schema of a form without its description.
func typed(form measure.Form) *openapi.Schema {
	switch form.Type {
	case measure.Wide:
		return &openapi.Schema{Type: "integer", Minimum: new(0.0)}
	case measure.Number:
		return &openapi.Schema{Type: "number", Format: "double", Minimum: new(0.0)}
	case measure.Boolean:
		return &openapi.Schema{Type: "boolean"}
	case measure.Map:
		return &openapi.Schema{Type: "object", AdditionalProperties: schemaOf(*form.Of)}
	case measure.Integer, measure.Object:
	}
	return openapi.Integer(0)
}

// objectOf returns the schema of an object.
func objectOf(form measure.Form) openapi.Named {
	made := &openapi.Schema{Type: "object", Description: form.Says, AdditionalProperties: false,
		Properties: map[string]*openapi.Schema{}}
	for _, member := range form.Members {
		schema := schemaOf(member.Form)
		if member.Least > 0 {
			schema.Minimum = new(float64(member.Least))
		}
		made.Properties[member.Name] = schema
		if !member.Optional {
			made.Required = append(made.Required, member.Name)
		}
	}
	return openapi.Named{Name: form.Name, Schema: made}
}

// anyFigure returns the schema of a figure whose measure is not known.
func anyFigure() openapi.Named {
	made := &openapi.Schema{Description: "The figure of a measure, under its name: a number, or numbers by currency, " +
		"in " +
		"minor units. They may exceed 64 bits."}
	add := func(form measure.Form) {
		schema := bare(form)
		same := func(other *openapi.Schema) bool { return reflect.DeepEqual(other, schema) }
		if !slices.ContainsFunc(made.AnyOf, same) {
			made.AnyOf = append(made.AnyOf, schema)
		}
	}
	for _, kind := range measure.Kinds() {
		add(kind.Form(&measure.Measure{}))
		if kind.By {
			add(kind.Form(&measure.Measure{By: "currency"}))
		}
	}
	return openapi.Named{Name: "Figure", Schema: made}
}

// bare returns the schema of a form with its types only.
func bare(form measure.Form) *openapi.Schema {
	schema := &openapi.Schema{Type: typed(form).Type}
	if form.Of != nil {
		schema.AdditionalProperties = bare(*form.Of)
	}
	return schema
}

// objects returns the schemas of the details of the activity's measures.
func (s shape) objects() (parts []any) {
	if s.def == nil {
		return nil
	}
	var names []string
	for i := range s.def.Measures {
		form := s.def.Measures[i].Kind.Details(&measure.Measure{})
		if !slices.Contains(names, form.Name) {
			names, parts = append(names, form.Name), append(parts, objectOf(form))
		}
	}
	return parts
}
