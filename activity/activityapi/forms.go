package activityapi

import (
	"slices"

	"ordertally/activity/measure"
	"ordertally/shared/web/openapi"
)

// schemaOf is the schema of a form. An object stands among the parts, and is referred to by its name.
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

// typed is the bare schema of a form.
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

// objectOf is the schema of an object.
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

// anyFigure is the figure of a measure that is not known here.
func anyFigure() openapi.Named {
	made := &openapi.Schema{
		Description: "The figure of a measure, under its name: a number, or numbers by currency, in minor units. " +
			"They may " +
			"exceed 64 bits.",
	}
	seen := map[string]bool{}
	for _, kind := range measure.Kinds() {
		for _, m := range declarations(kind) {
			bare := typed(kind.Form(&m))
			number, byCurrency := bare.Type, bare.Type == "object"
			if of, isMap := bare.AdditionalProperties.(*openapi.Schema); isMap {
				number = of.Type
			}
			if seen[bare.Type+number] {
				continue
			}
			seen[bare.Type+number] = true
			alternative := &openapi.Schema{Type: number}
			if byCurrency {
				alternative = &openapi.Schema{Type: "object", AdditionalProperties: alternative}
			}
			made.AnyOf = append(made.AnyOf, alternative)
		}
	}
	return openapi.Named{Name: "Figure", Schema: made}
}

// declarations are measures of a kind, declared in each way that there is.
func declarations(kind *measure.Kind) []measure.Measure {
	all := []measure.Measure{{Kind: kind}}
	if kind.By {
		all = append(all, measure.Measure{Kind: kind, By: "currency"})
	}
	return all
}

// details are the schemas of what else is known of figures.
func details() (parts []any) {
	var names []string
	for _, kind := range measure.Kinds() {
		form := kind.Details(&measure.Measure{Kind: kind})
		if !slices.Contains(names, form.Name) {
			names, parts = append(names, form.Name), append(parts, objectOf(form))
		}
	}
	return parts
}
