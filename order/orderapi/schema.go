package orderapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"ordertally/order"
	"ordertally/shared/event"
	"ordertally/shared/web/openapi"
)

// All schemas of orders are built from the lists of fields in package event: for requests, answers and messages.

// placedOrder is an order in an answer.
type placedOrder struct {
	event.Order
	known
}

// known is what an answer says about an order besides the order itself.
type known struct {
	// Who placed the order: key: and the name of an API key, or token: and the subject of a token. Left out when it is
	// not known, and in the answer to the placement.
	// Example: key:shop
	PlacedBy string `json:"placed_by,omitzero"`
	// What became of the order. Left out in the answer to the placement.
	Status order.Status `json:"status,omitzero"`
	// When the order was cancelled. Left out otherwise.
	// Example: 2010-12-01T09:26:00Z
	CancelledAt time.Time `json:"cancelled_at,omitzero"`
	// Who cancelled the order, as in placed_by. Left out when it is not cancelled, or that is not known.
	// Example: key:shop
	CancelledBy string `json:"cancelled_by,omitzero"`
	// Why the order was cancelled, at most 512 characters. Left out when no reason was given.
	// Example: ordered twice
	Reason string `json:"reason,omitzero"`
	// How far the order's message got.
	Publication order.Publication `json:"publication"`
}

// Schema implements huma.SchemaProvider.
func (placedOrder) Schema(registry huma.Registry) *huma.Schema {
	const name = "PlacedOrder"
	if registry.Map()[name] == nil {
		registry.Map()["Line"] = writtenSchema(event.LineFields, nil)
		s := writtenSchema(event.OrderFields, openapi.Ref("Line"))
		rest := openapi.OfStruct(registry, reflect.TypeFor[known]())
		maps.Copy(s.Properties, rest.Properties)
		s.Required = append(s.Required, rest.Required...)
		registry.Map()[name] = s
	}
	return openapi.Ref(name)
}

// MessageSchema returns the JSON Schema of a message type, in draft 2020-12.
func MessageSchema(kind string) ([]byte, error) {
	line := writtenSchema(event.LineFields, nil)
	s := map[string]*openapi.Schema{
		event.TypeCreated:   writtenSchema(event.OrderFields, line),
		event.TypeCancelled: writtenSchema(event.CancellationFields, line),
	}[kind]
	if s == nil {
		return nil, fmt.Errorf("%s is not a type of messages that has a schema", kind)
	}
	s.Extensions = map[string]any{
		"$schema": "https://json-schema.org/draft/2020-12/schema",
		"$id":     event.Types()[kind],
	}
	s.Title = kind + ", version 1"
	s.Description = "The payload of a message on " + event.Topic + ". Members may be added, so do not refuse those " +
		"that are not described here."
	text, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("schema of %s: %w", kind, err)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, text, "", "  "); err != nil {
		return nil, fmt.Errorf("schema of %s: %w", kind, err)
	}
	return append(indented.Bytes(), '\n'), nil
}

// askedSchema is the schema of the fields that a request may have.
func askedSchema[T any](fields []event.Field[T]) *openapi.Schema {
	s := &openapi.Schema{Type: "object", Properties: map[string]*openapi.Schema{}, AdditionalProperties: false}
	for i := range fields {
		f := &fields[i]
		if f.Presence == event.Computed {
			continue
		}
		if f.Presence == event.Required {
			s.Required = append(s.Required, f.Name)
		}
		p := property(f, openapi.Ref("DraftLine"))
		if f.Asked != "" {
			p.Description = f.Asked
		}
		s.Properties[f.Name] = p
	}
	return s
}

// writtenSchema is the schema of the fields as they are written. line is the schema of a line.
func writtenSchema[T any](fields []event.Field[T], line *openapi.Schema) *openapi.Schema {
	s := &openapi.Schema{Type: "object", Properties: map[string]*openapi.Schema{}}
	for i := range fields {
		f := &fields[i]
		p := property(f, line)
		switch {
		case f.Presence != event.Optional:
			s.Required = append(s.Required, f.Name)
		case p.Type == "string": // an empty string is left out
			p.MinLength = new(1)
		case p.Type == "object":
			p.MinProperties = new(1)
		}
		switch pattern := patterns[f.Form]; {
		case p.Format == "date-time":
			p.Pattern = `^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z$`
		case p.Type == "string":
			p.Pattern = pattern
		case p.Type == "object":
			p.AdditionalProperties = &openapi.Schema{Type: "string", MaxLength: new(event.MaxMetadataValue),
				Pattern: patterns[event.Free]}
			p.Extensions = map[string]any{"propertyNames": map[string]any{
				"minLength": 1, "maxLength": event.MaxMetadataKey, "pattern": patterns[event.Plain],
			}}
		}
		s.Properties[f.Name] = p
	}
	return s
}

// patterns apply to what is written. Texts in a request are checked by value, so its schema has no patterns.
var patterns = map[event.Form]string{
	event.Plain:    `^[^\x00-\x1f\x7f-\x9f]*$`,
	event.Free:     `^[^\x00-\x08\x0a-\x1f\x7f-\x9f]*$`,
	event.UUID:     `^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`,
	event.Currency: currencyPattern,
}

const currencyPattern = `^[A-Z]{3}$`

// property is the part of a field's schema that requests and written orders have in common.
func property[T any](f *event.Field[T], line *openapi.Schema) *openapi.Schema {
	var v T
	s := &openapi.Schema{}
	switch f.Of(&v).(type) {
	case *string:
		s = openapi.String(int(f.Min), int(f.Max))
		switch f.Form {
		case event.UUID:
			s.Format = "uuid"
		case event.Currency:
			s.Pattern = currencyPattern
		}
	case *int64:
		s = openapi.Integer(float64(f.Min))
		if f.Max == math.MaxInt64 { // as a float64 it would be one too large
			s.Extensions = map[string]any{"maximum": json.RawMessage("9223372036854775807")}
		} else {
			s.Maximum = new(float64(f.Max))
		}
	case *time.Time:
		s.Type, s.Format = "string", "date-time"
	case *[]event.Line:
		s.Type, s.Items, s.MinItems, s.MaxItems = "array", line, new(int(f.Min)), new(int(f.Max))
	case *map[string]string:
		s.Type, s.AdditionalProperties = "object", openapi.String(0, event.MaxMetadataValue)
		s.MaxProperties = new(int(f.Max))
	}
	s.Description = strings.TrimSpace(f.Doc)
	if f.Example != nil {
		s.Examples = []any{f.Example}
	}
	return s
}
