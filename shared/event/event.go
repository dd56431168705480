// Package event is the contract of the order service's messages: topic, key, types and payloads. The order service
// writes them, consumers read them, and neither imports the other.
//
// Package cloudevent has the envelope around the payload.
package event

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"ordertally/shared/uuidv7"
)

// What every envelope has.
const (
	Topic       = "order.activity.v1"
	Source      = "/ordertally/order"
	ContentType = "application/json"
)

// The types of messages, and the schema of each payload.
const (
	TypeCreated     = "ORDER_CREATED"
	SchemaCreated   = "urn:ordertally:schema:order-created:1"
	TypeCancelled   = "ORDER_CANCELLED"
	SchemaCancelled = "urn:ordertally:schema:order-cancelled:1"
)

// Types returns the types of messages with their schemas.
func Types() map[string]string {
	return map[string]string{TypeCreated: SchemaCreated, TypeCancelled: SchemaCancelled}
}

// Line is one line of an order.
type Line struct {
	SKU         string `json:"sku"`
	Description string `json:"description,omitzero"`
	Quantity    int64  `json:"quantity"`
	UnitPrice   int64  `json:"unit_price"` // minor units
}

// Order is the payload of ORDER_CREATED: the order as it was placed. OrderFields describes its members.
type Order struct {
	ID         string            `json:"id"`
	Source     string            `json:"source,omitzero"`
	Reference  string            `json:"reference,omitzero"`
	CustomerID string            `json:"customer_id,omitzero"`
	Currency   string            `json:"currency"`
	Lines      []Line            `json:"lines"`
	Total      int64             `json:"total"` // minor units
	PlacedAt   time.Time         `json:"placed_at"`
	Metadata   map[string]string `json:"metadata,omitempty"`
}

// Cancellation is the payload of ORDER_CANCELLED: what was cancelled, and when. CancellationFields describes its
// members.
type Cancellation struct {
	OrderID     string    `json:"order_id"`
	Reason      string    `json:"reason,omitzero"`
	CancelledAt time.Time `json:"cancelled_at"`
	PlacedAt    time.Time `json:"placed_at"` // this and the next ones are of the order
	Currency    string    `json:"currency"`
	Total       int64     `json:"total"`
	Lines       []Line    `json:"lines"`
}

// idStart is the offset of the id in an encoded order.
const idStart = len(`{"id":"`)

// Encode returns the payload of o. The id may be missing, because the store assigns it last: see SetID.
func Encode(o *Order) []byte {
	return appendOrder(make([]byte, 0, 192+len(o.Lines)*96), o)
}

// Append appends the payload of o to b, as Encode returns it.
func Append(b []byte, o *Order) []byte { return appendOrder(b, o) }

// noID takes the place of an id that is not known yet.
var noID = strings.Repeat(" ", uuidv7.TextLen)

func appendOrder(b []byte, o *Order) []byte {
	id := noID
	if o.ID != "" {
		id = o.ID + noID[min(len(o.ID), uuidv7.TextLen):]
	}
	b = quote(append(b, `{"id":`...), id)
	for i := range OrderFields[1:] { // the first one is the id
		b = OrderFields[1+i].append(b, o)
	}
	return append(b, '}')
}

var buffers = sync.Pool{New: func() any { return new([]byte) }}

// Encodes reports whether payload is what Encode returns for o, whatever the ids are.
func Encodes(o *Order, payload []byte) bool {
	const idEnd = idStart + uuidv7.TextLen
	buffer, _ := buffers.Get().(*[]byte)
	again := appendOrder((*buffer)[:0], o)
	*buffer = again
	defer buffers.Put(buffer)
	return len(payload) == len(again) && bytes.Equal(payload[:idStart], again[:idStart]) &&
		bytes.Equal(payload[idEnd:], again[idEnd:])
}

// SetID writes id into an encoded order, in place.
func SetID(payload []byte, id uuidv7.ID) { id.PutText(IDText(payload)) }

// IDText returns the id in an encoded order, as text. It shares the payload's memory.
func IDText(payload []byte) []byte {
	return payload[idStart : idStart+uuidv7.TextLen : idStart+uuidv7.TextLen]
}

// EncodeCancellation returns the payload of c.
func EncodeCancellation(c *Cancellation) []byte {
	return appendObject(make([]byte, 0, 256+len(c.Lines)*96), CancellationFields, c)
}

func quote(b []byte, s string) []byte {
	b, err := jsontext.AppendQuote(b, s)
	if err != nil {
		panic("event: text that is not UTF-8 passed validation: " + err.Error())
	}
	return b
}

// Decode reads a whole payload. It ignores unknown members, so that the order service may add some.
func Decode(payload []byte) (Order, error) {
	var o Order
	if err := json.Unmarshal(bytes.TrimSpace(payload), &o); err != nil {
		return Order{}, fmt.Errorf("decode %s: %w", TypeCreated, err)
	}
	return o, nil
}
