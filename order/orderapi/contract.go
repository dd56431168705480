package orderapi

import (
	"encoding/json"
	"net/http"

	"ordertally/order"
	"ordertally/shared/event"
	"ordertally/shared/httpserver"
	"ordertally/shared/openapi"
	"ordertally/shared/outbox"
)

const title = "Ordertally: orders"

const says = "Accepts orders and publishes each exactly once. Amounts are minor units of the currency. Errors are application/problem+json " +
	"(RFC 9457); clients tell them apart by code. Every request may send traceparent (W3C)."

// The types of answers and requests that are not marshalled from one Go type.
type (
	placedOrder struct {
		event.Order
		Publication order.Publication `json:"publication"`
	}
	orderPage struct {
		Orders []placedOrder `json:"orders"`
		Next   string        `json:"next_cursor,omitempty" doc:"Left out on the last page."`
	}
	parkedPage struct {
		Parked []ParkedMessage `json:"parked"`
		Next   string          `json:"next_cursor,omitempty" doc:"Left out on the last page."`
	}
	retried struct {
		N int `json:"retried"`
	}
	discarded struct {
		N int `json:"discarded"`
	}
	adopted struct {
		N int `json:"adopted"`
	}
)

var (
	uuid   = &openapi.Schema{Type: "string", Format: "uuid"}
	moment = &openapi.Schema{Type: "string", Format: "date-time"}
)

func limitParameter() openapi.Parameter {
	limit := openapi.Integer(1)
	most := float64(maxLimit)
	limit.Maximum = &most
	limit.Default = defaultLimit
	return openapi.Parameter{Name: "limit", Says: "Most entries of the page.", Schema: limit}
}

var cursorParameter = openapi.Parameter{Name: "cursor", Says: "next_cursor of the page before, with the same filters.", Schema: openapi.String(1, 0)}

// orderBody is what a request for an order may have. Beyond the schema: each lines[].quantity times unit_price and the total fit
// 64 bits, placed_at is not in the future, no control characters.
func orderBody() openapi.Named {
	bounded := func(low, high float64) *openapi.Schema {
		return &openapi.Schema{Type: "integer", Format: "int64", Minimum: &low, Maximum: &high}
	}
	object := func(required []string, properties map[string]*openapi.Schema) *openapi.Schema {
		return &openapi.Schema{Type: "object", Required: required, Properties: properties, AdditionalProperties: false}
	}
	price := openapi.Integer(0)
	price.Format = "int64"
	price.Extensions = map[string]any{"maximum": json.RawMessage("9223372036854775807")} // as a float64 it would be one more
	line := object([]string{"sku", "quantity", "unit_price"}, map[string]*openapi.Schema{
		"sku": openapi.String(1, order.MaxSKU), "description": openapi.String(0, order.MaxDescription),
		"quantity": bounded(1, order.MaxQuantity), "unit_price": price,
	})
	metadata := openapi.String(0, order.MaxMetadataValue)
	draft := object([]string{"currency", "lines"}, map[string]*openapi.Schema{
		"reference": openapi.String(0, order.MaxReference), "customer_id": openapi.String(0, order.MaxCustomerID),
		"currency":  {Type: "string", Pattern: "^[A-Z]{3}$", Description: "ISO 4217, one that has minor units.", Examples: []any{"GBP"}},
		"lines":     {Type: "array", Items: openapi.Ref("DraftLine"), MinItems: new(1), MaxItems: new(order.MaxLines)},
		"placed_at": {Type: "string", Format: "date-time", Description: "1970 to now; now when it is left out. More than 24 h ago needs orders:backfill."},
		"metadata":  {Type: "object", AdditionalProperties: metadata, MaxProperties: new(order.MaxMetadata)},
	})
	return openapi.Named{Name: "OrderDraft", Schema: draft, Parts: []openapi.Named{{Name: "DraftLine", Schema: line}}}
}

// operations describe the routes, by method and path.
func operations() map[string]openapi.Operation {
	id := map[string]*openapi.Schema{"id": uuid}
	class := openapi.Enum(outbox.Classes()...)
	pages := map[string]string{"Link": "The next page, rel=next."}
	return map[string]openapi.Operation{
		"POST /v1/orders": {
			ID: "placeOrder", Summary: "Place an order.",
			Description: "The answer comes when the order and its message are on disk. With an Idempotency-Key the request may be repeated: the first order is answered again.",
			Headers:     []openapi.Parameter{{Name: headerKey, Says: "1 to 255 visible ASCII characters, the caller's own name for this request.", Schema: &openapi.Schema{Type: "string", Pattern: "^[!-~]{1,255}$"}}},
			Body:        orderBody(), Status: http.StatusCreated, Answer: placedOrder{},
			AnswerHeaders: map[string]string{"Location": "The order's path.", headerReplayed: "true, when the order was placed by an earlier request."},
		},
		"GET /v1/orders": {
			ID: "listOrders", Summary: "List orders, the newest first.", Description: "A page may have fewer orders than the limit and still have a next one.",
			Query: []openapi.Parameter{
				{Name: "customer_id", Says: "Only this customer's.", Schema: openapi.String(1, order.MaxCustomerID)},
				{Name: "placed_from", Says: "Placed then or later.", Schema: moment}, {Name: "placed_to", Says: "Placed before.", Schema: moment},
				limitParameter(), cursorParameter,
			},
			Answer: orderPage{}, AnswerHeaders: pages,
		},
		"GET /v1/orders/{id}":          {ID: "getOrder", Summary: "One order.", Path: id, Answer: placedOrder{}},
		"GET /v1/orders/{id}/delivery": {ID: "getDelivery", Summary: "How an order's message got on, down to partition and offset.", Path: id, Answer: order.Delivery{}},
		"GET /v1/orders/digests": {
			ID: "listDigests", Summary: "Sums of the published orders by the quarter hour they were placed in.", Query: []openapi.Parameter{cursorParameter}, Answer: digestsAnswer{},
		},
		"GET /v1/outbox":        {ID: "getOutbox", Summary: "How the outbox stands, and what was found amiss.", Answer: outbox.Report{}},
		"POST /v1/outbox/adopt": {ID: "adopt", Summary: "Publish what was left to another copy of the file.", Body: reasonBody(true), Answer: adopted{}},
		"GET /v1/outbox/parked": {
			ID: "listParked", Summary: "List the parked messages, in the order written.",
			Query: []openapi.Parameter{
				{Name: "class", Says: "Only those that failed with this class.", Schema: class}, {Name: "order_id", Says: "Only this order's.", Schema: openapi.String(0, 0)},
				{Name: "failed_before", Says: "Only those whose last failure is older.", Schema: moment}, limitParameter(), cursorParameter,
			},
			Answer: parkedPage{}, AnswerHeaders: pages,
		},
		"GET /v1/outbox/parked/{id}":          {ID: "getParked", Summary: "One parked message with its payload and history.", Path: id, Answer: parkedWhole{}},
		"POST /v1/outbox/parked/{id}/retry":   {ID: "retryParked", Summary: "Publish a parked message again.", Path: id, Body: reasonBody(false), Answer: retried{}},
		"POST /v1/outbox/parked/{id}/discard": {ID: "discardParked", Summary: "Give a parked message up, for ever.", Path: id, Body: reasonBody(true), Answer: discarded{}},
		"POST /v1/outbox/retry":               {ID: "retryAllParked", Summary: "Publish all parked messages again that the filter selects.", Body: filterBody(false), Answer: retried{}},
		"POST /v1/outbox/discard":             {ID: "discardAllParked", Summary: "Give all parked messages up that the filter selects, for ever.", Body: filterBody(true), Answer: discarded{}},
	}
}

// reasonBody is the body of a decision about one message.
func reasonBody(required bool) *openapi.Schema {
	s := &openapi.Schema{Type: "object", Properties: map[string]*openapi.Schema{"reason": openapi.String(0, httpserver.MaxReason)}, AdditionalProperties: false}
	if required {
		s.Properties["reason"], s.Required = openapi.String(1, httpserver.MaxReason), []string{"reason"}
	}
	return s
}

// filterBody is the body of a decision about many: either a filter, or "all".
func filterBody(reason bool) *openapi.Schema {
	s := reasonBody(reason)
	s.Properties["class"], s.Properties["order_id"] = openapi.Enum(outbox.Classes()...), openapi.String(1, 0)
	s.Properties["failed_before"] = moment
	openapi.FilterOrAll(s, "class", "order_id", "failed_before")
	return s
}
