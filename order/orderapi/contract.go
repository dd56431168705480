package orderapi

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"time"

	"ordertally/order"
	"ordertally/shared/auth/keyapi"
	"ordertally/shared/event"
	"ordertally/shared/outbox"
	"ordertally/shared/parked"
	"ordertally/shared/parked/parkedapi"
	"ordertally/shared/web"
	"ordertally/shared/web/openapi"
	"ordertally/shared/web/problem"
)

const title = "Ordertally: orders"

const says = "Accepts orders and publishes each exactly once. Amounts are whole numbers of minor units of their " +
	"currency: 255 GBP is 2.55 pounds. Times are RFC 3339; " +
	"in the path and the query of a request write + as %2B."

// The types of answers and requests that are not marshalled from one Go type.
type (
	placedOrder struct {
		event.Order
		PlacedBy    string            `json:"placed_by,omitzero" doc:"Who placed the order: key: and the name of an API key, or token: and the subject of a token. Left out when it is not known, and in the answer to the placement." example:"key:shop"`
		Status      order.Status      `json:"status,omitzero" doc:"What became of the order. Left out in the answer to the placement."`
		CancelledAt time.Time         `json:"cancelled_at,omitzero" doc:"When the order was cancelled. Left out otherwise." example:"2010-12-01T09:26:00Z"`
		CancelledBy string            `json:"cancelled_by,omitzero" doc:"Who cancelled the order, as in placed_by. Left out when it is not cancelled, or that is not known." example:"key:shop"`
		Reason      string            `json:"reason,omitzero" doc:"Why the order was cancelled, at most 512 characters. Left out when no reason was given." example:"ordered twice"`
		Publication order.Publication `json:"publication" doc:"How far the order's message got."`
	}
	orderPage struct {
		Orders  []placedOrder `json:"orders" doc:"The newest first."`
		Corrupt []string      `json:"corrupt,omitempty" format:"uuid" doc:"Ids of orders on this page that are left out because their records are damaged. They count towards the limit. Left out when there are none."`
		Next    string        `json:"next_cursor,omitempty" doc:"The cursor of the next page. Left out on the last one."`
	}
	waitingPage struct {
		Waiting []WaitingMessage `json:"waiting" doc:"In the order in which they were refused."`
		Corrupt []uint64         `json:"corrupt,omitempty" doc:"Sequence numbers of messages on this page that are left out because their records are damaged, so their ids are not known. They count towards the limit; a parked message may be among them. Left out when there are none."`
		Next    string           `json:"next_cursor,omitempty" doc:"Where the next page begins. Left out on the last page. A short page is not necessarily the last."`
	}
	reclaimed struct {
		N int `json:"reclaimed" minimum:"0" doc:"How many messages will be published from this file." example:"1"`
	}
)

var (
	uuid = &openapi.Schema{Type: "string", Format: "uuid",
		Description: "A UUID as the service gave it; any other text is one of nothing.",
		Examples:    []any{"01890a5d-ac96-774b-8000-a8b45f0c6d21"}}
	moment = &openapi.Schema{Type: "string", Format: "date-time"}
)

// orderBody is what a request for an order may have. Beyond the schema: each lines[].quantity times unit_price and the
// total fit 64 bits, placed_at is at most 5 s ahead, no control characters.
func orderBody() openapi.Named {
	object := func(required []string, properties map[string]*openapi.Schema) *openapi.Schema {
		return &openapi.Schema{Type: "object", Required: required, Properties: properties, AdditionalProperties: false}
	}
	quantity, price := openapi.Integer(1), openapi.Integer(0)
	quantity.Maximum = new(float64(order.MaxQuantity))
	// as a float64 it would be one more
	price.Extensions = map[string]any{"maximum": json.RawMessage("9223372036854775807")}
	line := object([]string{"sku", "quantity", "unit_price"}, map[string]*openapi.Schema{
		"sku": openapi.Said(openapi.String(1, order.MaxSKU), "The article's number. No control characters.",
			"85123A"),
		"description": openapi.Said(openapi.String(0, order.MaxDescription),
			"The article in words. No control characters but tabs. May be left out.",
			"WHITE HANGING HEART T-LIGHT HOLDER"),
		"quantity": openapi.Said(quantity,
			"How many units. Times unit_price it must fit 64 bits, and so must the sum over all lines.", 6),
		"unit_price": openapi.Said(price,
			"The price of one unit in minor units of the currency: 255 GBP is 2.55 pounds.", 255),
	})
	line.Description = "One position of an order."
	draft := object([]string{"currency", "lines"}, map[string]*openapi.Schema{
		"source": openapi.Said(
			openapi.String(1, order.MaxSource),
			"Where the reference comes from, such as a shop or an export. An order with a source needs a reference, "+
				"and the reference is unique in its source for ever, whoever "+
				"sends it: the same order again is a replay, another order with it is a 409. No control characters. "+
				"May be left out.",
			"online-retail",
		),
		"reference": openapi.Said(
			openapi.String(0, order.MaxReference),
			"The caller's own name for the order; without a source it need not be unique. No control characters. May "+
				"be left out.",
			"536365",
		),
		"customer_id": openapi.Said(
			openapi.String(0, order.MaxCustomerID),
			"Who orders. No control characters. Leave it out for guests.",
			"17850",
		),
		"currency": {
			Type:    "string",
			Pattern: "^[A-Z]{3}$",
			Description: "ISO 4217 code of all amounts. The currency must have minor units and must have been active " +
				"when the order was placed. A withdrawn code has the minor units that it had last.",
			Examples: []any{"GBP"},
		},
		"lines": {
			Type:        "array",
			Items:       openapi.Ref("DraftLine"),
			MinItems:    new(1),
			MaxItems:    new(order.MaxLines),
			Description: "What is ordered. The order of the lines is kept.",
		},
		"placed_at": openapi.Said(
			moment,
			"When the order was placed, from 1970 to now. Now is the default, and replaces a time up to 5 s ahead of "+
				"the service's clock. A time more than 24 h ago needs the scope orders:backfill.",
			"2010-12-01T08:26:00Z",
		),
		"metadata": {
			Type: "object", AdditionalProperties: openapi.String(0, order.MaxMetadataValue),
			MaxProperties: new(order.MaxMetadata),
			Description:   "Entries of the caller's own, with names of 1 to 64 characters. May be left out.",
			Examples:      []any{exampleMetadata},
		},
	})
	draft.DependentRequired = map[string][]string{"source": {"reference"}}
	draft.Description = "An order to be placed. The service sets id, total, placed_by and publication, and does not " +
		"accept them."
	return openapi.Named{Name: "OrderDraft", Schema: draft,
		Parts: []any{openapi.Named{Name: "DraftLine", Schema: line}}}
}

func keyParameter(says string) openapi.Parameter {
	return openapi.Parameter{
		Name:   headerKey,
		Says:   "1 to 255 visible ASCII characters, the caller's own name for this request. " + says,
		Schema: &openapi.Schema{Type: "string", Pattern: "^[!-~]{1,255}$", Examples: []any{"cart-4711"}},
	}
}

func cancellationBody() openapi.Named {
	return openapi.Named{Name: "OrderCancellation", Schema: &openapi.Schema{
		Type: "object", Description: "Why an order is cancelled.", AdditionalProperties: false,
		Properties: map[string]*openapi.Schema{
			"reason": openapi.Said(openapi.String(0, order.MaxReason),
				"Why. No control characters but tabs. May be left out.", "ordered twice"),
		},
	}}
}

// closedSets are the types whose values are listed.
func closedSets() []openapi.Closed {
	return []openapi.Closed{
		openapi.ClosedSet("How far an order's message got: pending (not published yet), waiting (refused, to be "+
			"tried again, or behind one that is), published, parked (refused too often, "+
			"an operator decides), discarded (given up by an operator), handed_over (left to another file, of which "+
			"this "+
			"one is a copy).", order.States()...),
		openapi.ClosedSet("What became of an order: placed, cancelled.", order.Statuses()...),
		openapi.ClosedSet("What kind of failure an error of Kafka is.", outbox.Classes()...),
		openapi.ClosedSet(
			"The state of the relay's connection to Kafka: idle (no relay runs), connecting, waiting (for other "+
				"programs' transactions to end, see held_back), up, down (disconnected; the relay keeps trying), "+
				"fenced (another process took over).",
			outbox.LinkStates()...),
		openapi.ClosedSet(
			"The kind of incident: recovered (published by a process that died before it recorded that), "+
				"watermark_lost "+
				"(Kafka lost the watermark), log_recreated (the topic was recreated), "+
				"republished (the topic had lost messages), forked (the file is a copy and went on under a new "+
				"lineage), fenced (a copy took over), partitions_missing (the topic has fewer partitions than "+
				"messages go "+
				"to).",
			outbox.IncidentKinds()...),
	}
}

// contract is what the document is made of.
func contract() openapi.API {
	rules := make([]string, 0, len(order.Rules()))
	for _, rule := range order.Rules() {
		rules = append(rules, string(rule))
	}
	all := operations()
	maps.Copy(all, keyapi.Operations())
	parked := (&api{}).parked()
	maps.Copy(all, parked.Operations())
	maps.Copy(all, parked.AuditOperation())
	return openapi.API{
		Title:      title,
		Says:       says,
		Routes:     (&api{}).routes(),
		Operations: all,
		Closed:     slices.Concat(closedSets(), keyapi.ClosedSets(), parkedapi.ClosedSets()),
		Rules:      rules,
		Problems:   []problem.Kind{problem.KindInvalidParameter, problem.KindUnavailable},
	}
}

// operations describe the routes, by method and path.
func operations() map[string]openapi.Operation {
	id := map[string]*openapi.Schema{"id": uuid}
	plain, pages := openapi.Fresh(), openapi.FreshPage()
	missing := []problem.Kind{kindNoOrder}
	large := []problem.Kind{web.KindOverloaded}
	return map[string]openapi.Operation{
		"POST /v1/orders": {
			ID: "placeOrder", Summary: "Place an order.",
			Description: "The answer comes when the order and its message are on disk. With an Idempotency-Key the " +
				"request may be repeated for 30 days: the first order is answered again, " +
				"with Idempotent-Replayed. A request with a source and a reference may be repeated for ever, with " +
				"any key or none, by anybody. With neither, a request whose answer was lost may have placed an " +
				"order. " +
				"Requests are compared as values: white space, the order of members and the spelling of numbers, " +
				"texts and times do not matter.",
			Headers: []openapi.Parameter{keyParameter("Keys belong to their caller.")},
			Body:    orderBody(), BodyExample: exampleDraft, Status: http.StatusCreated, Answer: placedOrder{},
			AnswerExample: justPlaced(),
			AnswerHeaders: []openapi.Header{
				openapi.Fresh()[0], {Name: "Location", Says: "The order's path.", Required: true,
					Schema: &openapi.Schema{Type: "string", Pattern: "^/v1/orders/",
						Examples: []any{"/v1/orders/" + exampleOrder.ID}}},
				{Name: headerReplayed, Says: "true, when the order was placed by an earlier request. Left out " +
					"otherwise.", Schema: openapi.Enum("true")},
			},
			Problems: []problem.Kind{
				problem.KindMalformedJSON,
				kindInvalidKey,
				kindInvalidOrder,
				kindKeyReused,
				kindReferenceTaken,
				kindOrderTooLarge,
				kindOverloaded,
				problem.KindOutcomeUnknown,
				problem.KindDiskFull,
				problem.KindReadOnly,
				problem.KindCorrupt,
			},
		},
		"GET /v1/orders": {
			ID: "listOrders", Summary: "List orders, the newest first.",
			Description: "A page may have fewer orders than the limit, even none, and still have a next one: go on " +
				"until there is no next_cursor.",
			Query: []openapi.Parameter{
				{
					Name:   "source",
					Says:   "Only the order with this source and reference; reference is then required.",
					Schema: openapi.String(1, order.MaxSource),
				},
				{
					Name:   "reference",
					Says:   "Only orders with this reference.",
					Schema: openapi.String(1, order.MaxReference),
				},
				{Name: "customer_id", Says: "Only this customer's.", Schema: openapi.String(1, order.MaxCustomerID)},
				{Name: "placed_from", Says: "Placed then or later.", Schema: moment},
				{Name: "placed_to", Says: "Placed before; not earlier than placed_from.", Schema: moment},
				openapi.Limit(), openapi.Cursor(),
			},
			Answer: orderPage{}, AnswerExample: orderPage{Orders: []placedOrder{exampleOrder},
				Next: "AQGJCl2slndLgACotF8MbSE3m_Ck"}, AnswerHeaders: pages, Problems: large,
		},
		"GET /v1/orders/{id}": {
			ID:            "getOrder",
			Summary:       "One order.",
			Path:          id,
			Answer:        placedOrder{},
			AnswerExample: exampleOrder,
			AnswerHeaders: plain,
			Problems:      append(append(large, problem.KindCorrupt), missing...),
		},
		"POST /v1/orders/{id}/cancel": {
			ID: "cancelOrder", Summary: "Cancel an order.",
			Description: "The answer comes when the cancellation and its message are on disk. An order is cancelled " +
				"once. With an Idempotency-Key the request may be repeated: it is answered again, with " +
				"Idempotent-Replayed. Without the key that cancelled the order, a request for a cancelled order is a " +
				"409. The order as it was placed, its message and the answers to its placement stay as they are.",
			Path: id, Headers: []openapi.Parameter{keyParameter("They are of one order and one caller.")},
			Body: cancellationBody(), BodyOptional: true,
			BodyExample: map[string]string{"reason": cancelled().Reason},
			Answer:      placedOrder{}, AnswerExample: cancelled(),
			AnswerHeaders: []openapi.Header{openapi.Fresh()[0], {
				Name: headerReplayed, Says: "true, when an earlier request with the same key cancelled the order. " +
					"Left out otherwise.", Schema: openapi.Enum("true"),
			}},
			Problems: append([]problem.Kind{
				problem.KindMalformedJSON, kindInvalidKey, kindInvalidCancellation, kindAlreadyCancelled,
				kindOverloaded,
				problem.KindOutcomeUnknown, problem.KindDiskFull, problem.KindReadOnly, problem.KindCorrupt,
			}, missing...),
		},
		"GET /v1/orders/{id}/delivery": {
			ID: "getDelivery", Summary: "How an order's messages got on, down to partition and offset.", Path: id,
			Answer: order.Delivery{}, AnswerExample: exampleDelivery, AnswerHeaders: plain, Problems: missing,
		},
		"GET /v1/orders/digests": {
			ID: "listDigests", Summary: "Sums of the published orders by the quarter hour they were placed in.",
			Query: []openapi.Parameter{openapi.Cursor()}, Answer: digestsAnswer{}, AnswerHeaders: plain,
		},
		"GET /v1/outbox": {ID: "getOutbox", Summary: "The state of the outbox, and its newest incidents.",
			Answer: outbox.Report{}, AnswerHeaders: plain},
		"POST /v1/outbox/reclaim": {
			ID: "reclaim", Summary: "Publish the messages that were handed over to another copy of the file.",
			Description: "For when the disk of that copy is gone: while it is there, it publishes them itself.",
			Body:        parkedapi.Reason(parked.Reclaim), Answer: reclaimed{}, AnswerHeaders: openapi.Fresh(),
			Problems: parkedapi.Problems(),
		},
		"GET /v1/outbox/waiting": {
			ID:            "listWaiting",
			Summary:       "List the messages that were refused and will be retried, and those that wait behind one.",
			Query:         []openapi.Parameter{openapi.Limit(), openapi.Cursor()},
			Answer:        waitingPage{},
			AnswerHeaders: pages,
		},
	}
}
