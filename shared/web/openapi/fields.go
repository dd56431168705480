package openapi

import (
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"ordertally/shared/text/fieldtext"
)

// describeFields describes the members of the schemas that were made of Go structures.
func (d *document) describeFields() {
	for name, schema := range d.registry.Map() {
		of := d.registry.TypeFromRef(schemaRef + name)
		if of != nil && of.Kind() == reflect.Struct && !d.told[of] {
			d.told[of] = true
			describeFields(d.registry, of, schema)
		}
	}
}

// OfStruct returns the schema of a Go structure. Its members are described by the comments of the fields.
func OfStruct(registry huma.Registry, of reflect.Type) *Schema {
	s := huma.SchemaFromType(registry, of)
	describeFields(registry, of, s)
	return s
}

// describeFields describes the members that a structure gives to a schema. Its own fields come last, because they hide
// embedded ones.
func describeFields(registry huma.Registry, of reflect.Type, schema *Schema) {
	var own []reflect.StructField
	for i := range of.NumField() {
		if field := of.Field(i); field.Anonymous && memberName(field) == "" {
			describeFields(registry, field.Type, schema)
		} else if schema.Properties[memberName(field)] != nil {
			own = append(own, field)
		}
	}
	for _, field := range own {
		// huma reads texts from tags only.
		text := fieldtext.Of(of, field.Name)
		tag := string(field.Tag) + " doc:" + strconv.Quote(text.Says)
		if text.Example != "" {
			tag += " example:" + strconv.Quote(text.Example)
		}
		field.Tag = reflect.StructTag(tag)
		schema.Properties[memberName(field)] = huma.SchemaFromField(registry, field, field.Name)
	}
}

// memberName returns the name of a field in JSON, or "" when its tag does not say it.
func memberName(field reflect.StructField) string {
	name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
	return name
}
