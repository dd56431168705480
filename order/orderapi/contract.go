package orderapi

import (
	"maps"
	"net/http"
	"slices"

	"ordertally/order"
	"ordertally/order/ack"
	"ordertally/shared/auth/keyapi"
	"ordertally/shared/backup/backupapi"
	"ordertally/shared/event"
	"ordertally/shared/outbox"
	"ordertally/shared/parked/parkedapi"
	"ordertally/shared/service/history"
	"ordertally/shared/web"
	"ordertally/shared/web/openapi"
	"ordertally/shared/web/problem"
)

const title = "Ordertally: orders"

const says = "Accepts orders and publishes each exactly once. Amounts are whole numbers of minor units of their " +
	"currency: 255 GBP is 2.55 pounds. Times are RFC 3339; " +
	"in the path and the query of a request write + as %2B."

// The types of requests and answers that are not marshalled from one Go type.
type (
	orderPage struct {
		// The newest first.
		Orders []placedOrder `json:"orders"`
		// Ids of orders on this page that are left out because their records are damaged. They count towards the limit.
		// Left out when there are none.
		Corrupt []string `json:"corrupt,omitempty" format:"uuid"`
		// The cursor of the next page. Left out on the last one.
		Next string `json:"next_cursor,omitempty"`
	}
	waitingPage struct {
		// In the order in which they were refused.
		Waiting []WaitingMessage `json:"waiting"`
		// Sequence numbers of messages on this page that are left out because their records are damaged, so their ids
		// are not known. They count towards the limit; a parked message may be among them. Left out when there are
		// none.
		Corrupt []uint64 `json:"corrupt,omitempty"`
		// Where the next page begins. Left out on the last page. A short page is not necessarily the last.
		Next string `json:"next_cursor,omitempty"`
	}
)

var (
	uuid = &openapi.Schema{Type: "string", Format: "uuid",
		Description: "A UUID as the service gave it; any other text is one of nothing.",
		Examples:    []any{"01890a5d-ac96-774b-8000-a8b45f0c6d21"}}
	moment = &openapi.Schema{Type: "string", Format: "date-time"}
)

// orderBody is what a request for an order may contain. Some rules are not in the schema. Each lines[].quantity times
// unit_price, and the total, must fit in 64 bits. placed_at is at most 5 s ahead. Control characters are not allowed.
func orderBody() openapi.Named {
	draft := askedSchema(event.OrderFields)
	draft.DependentRequired = map[string][]string{"source": {"reference"}}
	draft.Description = "An order to be placed. The service sets id, total, placed_by and publication, and does not " +
		"accept them."
	line := askedSchema(event.LineFields)
	line.Description = "One position of an order."
	return openapi.Named{Name: "OrderDraft", Schema: draft,
		Parts: []any{openapi.Named{Name: "DraftLine", Schema: line}}}
}

// lineBody is what a line of a batch may contain.
func lineBody() openapi.Named {
	line := askedSchema(event.OrderFields)
	line.DependentRequired = map[string][]string{"source": {"reference"}}
	line.Description = "A line of a batch: an order to be placed, with its idempotency key."
	key := openapi.String(1, order.MaxKey)
	key.Pattern, key.Examples = keyPattern, []any{"cart-4711"}
	key.Description = "1 to 255 visible ASCII characters, the caller's own name for this order, as the header " +
		"Idempotency-Key has for one that comes alone."
	line.Properties[order.MemberKey] = key
	return openapi.Named{Name: "BatchLine", Schema: line, Parts: []any{orderBody()}}
}

const keyPattern = "^[!-~]{1,255}$"

func keyParameter(says string) openapi.Parameter {
	return openapi.Parameter{
		Name:   headerKey,
		Says:   "1 to 255 visible ASCII characters, the caller's own name for this request. " + says,
		Schema: &openapi.Schema{Type: "string", Pattern: keyPattern, Examples: []any{"cart-4711"}},
	}
}

var (
	preferParameter = openapi.Parameter{
		Name: headerPrefer,
		Says: "durability=kafka asks that the answer comes when the message is committed in Kafka (RFC 7240). If " +
			"Kafka " +
			"does not confirm it in time, the answer is a 503 not_replicated. Other preferences are ignored.",
		Schema: &openapi.Schema{Type: "string", Examples: []any{"durability=kafka"}},
	}
	batchPreferParameter = openapi.Parameter{
		Name: headerPrefer,
		Says: "return=minimal asks for the id of each order instead of the order. " + preferParameter.Says,
		Schema: &openapi.Schema{Type: "string",
			Examples: []any{appliedKafka, appliedMinimal, appliedBoth}},
	}
	durabilityHeader = openapi.Header{
		Name: headerDurability, Required: true,
		Says: "Where the message is known to be: on the service's disk (local), or committed in Kafka as well " +
			"(kafka).",
		Schema: openapi.Enum("kafka", "local"),
	}
	appliedHeader = openapi.Header{
		Name: headerApplied, Says: "durability=kafka, when the request preferred that. Left out otherwise.",
		Schema: openapi.Enum(appliedKafka),
	}
	batchAppliedHeader = openapi.Header{
		Name: headerApplied, Says: "The preferences that hold for all lines. Left out if there are none.",
		Schema: openapi.Enum(appliedKafka, appliedMinimal, appliedBoth),
	}
)

func cancellationBody() openapi.Named {
	body := askedSchema(event.CancellationFields)
	body.Description = "Why an order is cancelled."
	return openapi.Named{Name: "OrderCancellation", Schema: body}
}

// closedSets are the types whose values are listed.
func closedSets() []openapi.Closed {
	return []openapi.Closed{
		openapi.ClosedSet("How far an order's message got: pending (not published yet), waiting (refused, to be "+
			"tried again, or behind one that is), published, parked (refused too often, "+
			"an operator decides), discarded (given up by an operator).", order.States()...),
		openapi.ClosedSet("What became of an order: placed, cancelled.", order.Statuses()...),
		openapi.ClosedSet("What became of an order that was handed over: known (nothing was missing), wanted (not "+
			"known: "+
			"offer it with its placement), adopted (it or its cancellation was stored), superseded (another order has "+
			"its key or reference), refused.", order.HandoverResults()...),
		openapi.ClosedSet("What the activity service knows about a message: counted; parked (it cannot be counted); "+
			"late (it may have been counted and forgotten; an operator decides); conflict (another message had its "+
			"id; an operator decides); unknown (not read yet, never sent, or forgotten); unanswered (the service said "+
			"nothing).", countingStates()...),
		openapi.ClosedSet("What kind of failure an error of Kafka is.", outbox.Classes()...),
		openapi.ClosedSet("Where an order is known to be: local (on the service's disk), kafka (committed in Kafka as "+
			"well).", ack.Durabilities()...),
		openapi.ClosedSet("What a request gets when Kafka does not confirm its order: local (the order is answered "+
			"all "+
			"the same), keyless (a 503 if the request can be repeated), refuse (a 503).", ack.Fallbacks()...),
		openapi.ClosedSet(
			"The state of the relay's connection to Kafka: idle (no relay runs), connecting, waiting (for other "+
				"programs' transactions to end, see held_back), up, down (disconnected; the relay keeps trying), "+
				"fenced (another service took over).",
			outbox.LinkStates()...),
		openapi.ClosedSet(
			"The kind of incident: recovered (published by a process that died before it recorded that), "+
				"watermark_lost "+
				"(Kafka lost the watermark), log_recreated (the topic was recreated), "+
				"republished (the topic had lost messages), forked (the file was overtaken and went on under a new "+
				"lineage), fenced (another service took over), superseded (orders that were handed over belong to "+
				"keys of "+
				"others), partitions_missing (the topic has fewer partitions "+
				"than "+
				"messages go "+
				"to).",
			outbox.IncidentKinds()...),
	}
}

// Contract is what the document and the pages about problems are made from. Its handlers do not serve.
func Contract() openapi.API {
	rules := make([]string, 0, len(order.Rules()))
	for _, rule := range order.Rules() {
		rules = append(rules, string(rule))
	}
	all := operations()
	maps.Copy(all, keyapi.Operations())
	maps.Copy(all, backupapi.Operations())
	maps.Copy(all, history.Operations())
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
	elsewhere := []openapi.Reply{{
		Status: http.StatusPermanentRedirect,
		Says:   "Another order stands for this one, which was placed again in another file. Location leads to it.",
		Headers: []openapi.Header{openapi.Fresh()[0], {Name: "Location", Says: "The same path of the other order.",
			Required: true, Schema: &openapi.Schema{Type: "string", Pattern: "^/v1/orders/"}}},
	}}
	return map[string]openapi.Operation{
		"POST /v1/orders": {
			ID: "placeOrder", Summary: "Place an order.",
			Description: "The answer comes when the order and its message are on disk, or if the service or the " +
				"request says so, when the message is committed in Kafka as well; Order-Durability tells. With an " +
				"Idempotency-Key the " +
				"request may be repeated for 30 days: the first order is answered again, " +
				"with Idempotent-Replayed. A request with a source and a reference may be repeated for ever, with " +
				"any key or none, by anybody. With neither, a request whose answer was lost may have placed an " +
				"order. " +
				"Requests are compared as values: white space, the order of members and the spelling of numbers, " +
				"texts and times do not matter.",
			Headers: []openapi.Parameter{keyParameter("Keys belong to their caller."), preferParameter},
			Body:    orderBody(), BodyExample: exampleDraft, Status: http.StatusCreated, Answer: placedOrder{},
			AnswerExample: justPlaced(),
			AnswerHeaders: []openapi.Header{
				openapi.Fresh()[0], {Name: "Location", Says: "The order's path.", Required: true,
					Schema: &openapi.Schema{Type: "string", Pattern: "^/v1/orders/",
						Examples: []any{"/v1/orders/" + exampleOrder.ID}}},
				{Name: headerReplayed, Says: "true, when the order was placed by an earlier request. Left out " +
					"otherwise.", Schema: openapi.Enum("true")},
				durabilityHeader, appliedHeader,
			},
			Problems: []problem.Kind{
				problem.KindMalformedJSON,
				kindInvalidKey,
				kindInvalidOrder,
				kindKeyReused,
				kindReferenceTaken,
				kindOrderTooLarge,
				kindOverloaded,
				kindNotReplicated,
				problem.KindOutcomeUnknown,
				problem.KindDiskFull,
				problem.KindReadOnly,
				problem.KindCorrupt,
			},
		},
		"GET /v1/orders": {
			ID: "listOrders", Summary: "List orders, the newest first.",
			Description: "A page may have fewer orders than the limit, even none, and still have a next one: go on " +
				"until there is no next_cursor. All filters match whole values. source, reference, customer_id and " +
				"status=cancelled have an index; with the others each page looks at 10,000 orders at most.",
			Query: []openapi.Parameter{
				{
					Name:   "source",
					Says:   "Only the order with this source and reference; reference is then required.",
					Schema: openapi.String(1, event.MaxSource),
				},
				{
					Name:   "reference",
					Says:   "Only orders with this reference.",
					Schema: openapi.String(1, event.MaxReference),
				},
				{Name: "customer_id", Says: "Only this customer's.", Schema: openapi.String(1, event.MaxCustomerID)},
				{Name: "placed_from", Says: "Placed then or later.", Schema: moment},
				{Name: "placed_to", Says: "Placed before; not earlier than placed_from.", Schema: moment},
				{Name: "status", Says: "Only orders with this status.", Schema: openapi.Enum(order.Statuses()...)},
				{Name: "publication", Says: "Only orders whose own message got this far. pending includes waiting; " +
					"an " +
					"order's publication calls both pending.",
					Schema: openapi.Enum(order.States()...)},
				{Name: "currency", Says: "Only orders in this currency, an ISO 4217 code in upper case.",
					Schema: &openapi.Schema{Type: "string", Pattern: currencyPattern, Examples: []any{"GBP"}}},
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
			Replies:       elsewhere,
			Problems:      append(append(large, problem.KindCorrupt), missing...),
		},
		"POST /v1/orders/{id}/cancel": {
			ID: "cancelOrder", Summary: "Cancel an order.",
			Description: "The answer comes when the cancellation and its message are on disk. An order is cancelled " +
				"once. With an Idempotency-Key the request may be repeated: it is answered again, with " +
				"Idempotent-Replayed. Without the key that cancelled the order, a request for a cancelled order is a " +
				"409. The order as it was placed, its message and the answers to its placement stay as they are.",
			Path: id, Headers: []openapi.Parameter{keyParameter("They are of one order and one caller."),
				preferParameter},
			Body: cancellationBody(), BodyOptional: true,
			BodyExample: map[string]string{"reason": cancelled().Reason},
			Answer:      placedOrder{}, AnswerExample: cancelled(),
			AnswerHeaders: []openapi.Header{openapi.Fresh()[0], {
				Name: headerReplayed, Says: "true, when an earlier request with the same key cancelled the order. " +
					"Left out otherwise.", Schema: openapi.Enum("true"),
			}, durabilityHeader, appliedHeader},
			Replies: elsewhere,
			Problems: append([]problem.Kind{
				problem.KindMalformedJSON, kindInvalidKey, kindInvalidCancellation, kindAlreadyCancelled,
				kindOverloaded, kindNotReplicated,
				problem.KindOutcomeUnknown, problem.KindDiskFull, problem.KindReadOnly, problem.KindCorrupt,
			}, missing...),
		},
		"GET /v1/orders/{id}/delivery": {
			ID: "getDelivery", Summary: "How an order's messages got on, down to partition and offset.", Path: id,
			Answer: order.Delivery{}, AnswerExample: exampleDelivery, AnswerHeaders: plain, Replies: elsewhere,
			Problems: missing,
		},
		"GET /v1/orders/{id}/counting": {
			ID: "getCounting", Summary: "Whether and when an order's messages were counted.", Path: id,
			Description: "The order service asks the activity service that activity-url names, with the caller's own " +
				"credential, for a second at most. A message that it learns nothing about is unanswered, and the " +
				"detail says why. The credential is sent only over https, or to the same machine.",
			Answer: Counting{}, AnswerExample: exampleCounting, AnswerHeaders: plain, Replies: elsewhere,
			Problems: missing,
		},
		"POST /v1/orders:batch": {
			ID: "placeBatch", Summary: "Place many orders.",
			Description: "A line of the body is an order as for POST /v1/orders, with idempotency_key beside its " +
				"members if it has a key; at most 10,000 lines and 64 MiB, a line 1 MiB. Each line is placed or " +
				"refused " +
				"by itself and has one line in the answer, in the same order. Blank lines have none. The same order " +
				"placed alone or in a batch is a replay of the other, also within a batch. Answers come while the " +
				"body is still read: read them while you send. With more than 256 lines a client that does not is " +
				"cut off. Each line counts as a request for limits of rate and for admission. A refused line does " +
				"not " +
				"refuse those behind it. What ends a batch early is told by its last line: neither that line nor one " +
				"behind it was placed. If the answer is cut short, send the lines without an answer again, with the " +
				"same keys.",
			Headers: []openapi.Parameter{batchPreferParameter},
			Body:    lineBody(), BodyMedia: typeNDJSON, BodyExample: exampleLine,
			Media: typeNDJSON, Answer: batchAnswer{}, AnswerExample: lineAnswer(),
			AnswerHeaders: []openapi.Header{openapi.Fresh()[0], batchAppliedHeader},
			Problems: []problem.Kind{
				problem.KindMalformedJSON, kindInvalidKey, kindTooManyLines, kindOverloaded,
				// these are in lines
				kindInvalidOrder, kindKeyReused, kindReferenceTaken, kindOrderTooLarge, kindNotReplicated,
				problem.KindOutcomeUnknown, problem.KindDiskFull, problem.KindReadOnly, problem.KindCorrupt,
			},
		},
		"POST /v1/orders:handover": {
			ID: "handOver", Summary: "Take over orders of a file that is not served any more.",
			Description: "What is missing is stored in one transaction, and published. Repeated, it changes nothing. " +
				"An order whose key, or source and reference, belongs to another order is superseded: its id answers " +
				"308 from then on. An offer without a placement only asks whether its order is known. `order " +
				"handover` " +
				"makes these requests.",
			Body: handoverBody{}, Answer: handoverAnswer{}, AnswerHeaders: openapi.Fresh(),
			Problems: []problem.Kind{
				problem.KindMalformedJSON, kindInvalidHandover, problem.KindOutcomeUnknown, problem.KindDiskFull,
				problem.KindReadOnly, problem.KindCorrupt,
			},
		},
		"GET /v1/orders/digests": {
			ID: "listDigests", Summary: "Sums of the published orders by the quarter hour they were placed in.",
			Query: []openapi.Parameter{openapi.Cursor()}, Answer: digestsAnswer{}, AnswerHeaders: plain,
		},
		"GET /v1/outbox": {ID: "getOutbox", Summary: "The state of the outbox, and its newest incidents.",
			Answer: Report{}, AnswerHeaders: plain},
		"POST /v1/outbox/partitions": {
			ID: "growPartitions", Summary: "Spread new messages over more partitions.",
			Description: "For when partitions were added to the topic. Messages from the next sequence number on go " +
				"to all of " +
				"them; earlier ones keep theirs, also when they are sent again. The number only grows.",
			Body: &openapi.Schema{Type: "object", AdditionalProperties: false, Required: []string{"partitions"},
				Properties: map[string]*openapi.Schema{
					"partitions": openapi.Said(openapi.Integer(1), "How many there are to be."),
				}},
			BodyExample: map[string]int{"partitions": 6},
			Answer:      spread{}, AnswerHeaders: openapi.Fresh(), Problems: parkedapi.Problems(),
		},
		"POST /v1/orders/republish": {
			ID: "republish", Summary: "Publish the messages of a range of orders once more.",
			Description: "For consumers that lost what they had, or came later. Each message keeps its id and its " +
				"sequence number, so consumers that have it refuse it. Its record has the present time and the " +
				"header ordertally_republished. Messages that are not published are left out. Live messages go " +
				"first. It ends with the request; repeating it does no harm.",
			Query: []openapi.Parameter{
				{Name: "placed_from", Says: "Orders placed then or later.", Schema: moment, Required: true},
				{Name: "placed_to", Says: "Orders placed before; later than placed_from.", Schema: moment,
					Required: true},
			},
			Media: "application/x-ndjson", AnswerHeaders: openapi.Fresh(),
			Answer: openapi.Said(openapi.String(0, 0), "A line each second, and one at the end, with what was done so "+
				"far: orders, messages, days, first_placed_at, last_placed_at, looked_at, left_out by state, refused, "+
				"damaged, and kafka, the state of the connection. The last line has done true, or an error; without "+
				"either the answer was cut short."),
			Problems: []problem.Kind{kindRepublishing, problem.KindReadOnly},
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
