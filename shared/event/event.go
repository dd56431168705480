// Package event is the contract of the order service's messages: topic, key, types and payloads. The order service
// writes it, every consumer reads it, and neither imports the other.
//
// The envelope around the payload is package cloudevent's.
package event

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"ordertally/shared/uuidv7"
)

// What every message carries in its envelope.
const (
	Topic       = "order.activity.v1"
	Source      = "/ordertally/order"
	ContentType = "application/json"
)

// The types of messages, each with the schema of its payload.
const (
	TypeCreated     = "ORDER_CREATED"
	SchemaCreated   = "urn:ordertally:schema:order-created:1"
	TypeCancelled   = "ORDER_CANCELLED"
	SchemaCancelled = "urn:ordertally:schema:order-cancelled:1"
)

// Line is one position of an order.
type Line struct {
	SKU         string `json:"sku" doc:"The article's number, 1 to 64 characters." example:"85123A"`
	Description string `json:"description,omitzero" doc:"The article in words, at most 512 characters. Left out when empty." example:"WHITE HANGING HEART T-LIGHT HOLDER"`
	Quantity    int64  `json:"quantity" minimum:"1" maximum:"1000000000" doc:"How many units." example:"6"`
	UnitPrice   int64  `json:"unit_price" minimum:"0" doc:"The price of one unit in minor units of the order's currency: 255 GBP is 2.55 pounds. Up to 2^63-1." example:"255"`
}

// Order is the payload of ORDER_CREATED: the order as the API answers it, without its publication.
type Order struct {
	ID         string            `json:"id" format:"uuid" doc:"The order's id, a UUID of version 7. Later orders have greater ids." example:"01890a5d-ac96-774b-8000-a8b45f0c6d21"`
	Source     string            `json:"source,omitzero" doc:"Where the reference comes from, at most 64 characters. Left out when none was given." example:"online-retail"`
	Reference  string            `json:"reference,omitzero" doc:"The caller's own name for the order, at most 128 characters. Left out when none was given. An order with a source has one, and it is unique in that source." example:"536365"`
	CustomerID string            `json:"customer_id,omitzero" doc:"Who ordered, at most 128 characters. Left out for guests." example:"17850"`
	Currency   string            `json:"currency" pattern:"^[A-Z]{3}$" doc:"ISO 4217 code of every amount of the order." example:"GBP"`
	Lines      []Line            `json:"lines" doc:"What was ordered, in the caller's order, 1 to 2,000 lines."`
	Total      int64             `json:"total" minimum:"0" doc:"The sum of quantity times unit_price over the lines, in minor units. Up to 2^63-1." example:"1530"`
	PlacedAt   time.Time         `json:"placed_at" doc:"When the order was placed, in UTC, to the nanosecond." example:"2010-12-01T08:26:00Z"`
	Metadata   map[string]string `json:"metadata,omitempty" doc:"The caller's own entries, at most 32. Left out when there are none."`
}

// idStart is where the id's text begins in an encoded order.
const idStart = len(`{"id":"`)

// Encode returns the payload of o. The id, which the store assigns last, may still be missing: see SetID.
func Encode(o *Order) []byte {
	b := make([]byte, 0, 192+len(o.Lines)*96)
	b = append(b, `{"id":"`...)
	b = append(b, fmt.Sprintf("%-*s", uuidv7.TextLen, o.ID)...)
	b = append(b, '"')
	b = appendString(b, "source", o.Source)
	b = appendString(b, "reference", o.Reference)
	b = appendString(b, "customer_id", o.CustomerID)
	b = append(b, `,"currency":`...)
	b = quote(b, o.Currency)
	b = append(b, `,"lines":`...)
	b = appendLines(b, o.Lines)
	b = append(b, `,"total":`...)
	b = strconv.AppendInt(b, o.Total, 10)
	b = appendTime(b, "placed_at", o.PlacedAt)
	if len(o.Metadata) > 0 {
		b = append(b, `,"metadata":{`...)
		for i, key := range slices.Sorted(maps.Keys(o.Metadata)) {
			if i > 0 {
				b = append(b, ',')
			}
			b = quote(b, key)
			b = append(b, ':')
			b = quote(b, o.Metadata[key])
		}
		b = append(b, '}')
	}
	return append(b, '}')
}

// SetID writes id into an encoded order, in place.
func SetID(payload []byte, id uuidv7.ID) { id.PutText(payload[idStart : idStart+uuidv7.TextLen]) }

func appendLines(b []byte, lines []Line) []byte {
	b = append(b, '[')
	for i := range lines {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendLine(b, &lines[i])
	}
	return append(b, ']')
}

func appendTime(b []byte, name string, at time.Time) []byte {
	b = append(append(append(b, `,"`...), name...), `":"`...)
	b = at.UTC().AppendFormat(b, time.RFC3339Nano)
	return append(b, '"')
}

func appendLine(b []byte, l *Line) []byte {
	b = append(b, `{"sku":`...)
	b = quote(b, l.SKU)
	b = appendString(b, "description", l.Description)
	b = append(b, `,"quantity":`...)
	b = strconv.AppendInt(b, l.Quantity, 10)
	b = append(b, `,"unit_price":`...)
	b = strconv.AppendInt(b, l.UnitPrice, 10)
	return append(b, '}')
}

// appendString appends a member that is left out when it is empty.
func appendString(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(b, ',', '"')
	b = append(b, name...)
	b = append(b, '"', ':')
	return quote(b, value)
}

func quote(b []byte, s string) []byte {
	b, err := jsontext.AppendQuote(b, s)
	if err != nil {
		panic("event: text that is not UTF-8 passed validation: " + err.Error())
	}
	return b
}

// Decode reads a whole payload. Members that it does not know are passed over, so that the order service may add some.
func Decode(payload []byte) (Order, error) {
	var o Order
	if err := json.Unmarshal(bytes.TrimSpace(payload), &o); err != nil {
		return Order{}, fmt.Errorf("decode %s: %w", TypeCreated, err)
	}
	return o, nil
}
