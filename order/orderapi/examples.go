package orderapi

import (
	"net/http"
	"time"

	"ordertally/order"
	"ordertally/order/ack"
	"ordertally/shared/event"
	"ordertally/shared/uuidv7"
)

// orderDraft is a request for an order.
type orderDraft struct {
	Source     string            `json:"source"`
	Reference  string            `json:"reference"`
	CustomerID string            `json:"customer_id"`
	Currency   string            `json:"currency"`
	Lines      []event.Line      `json:"lines"`
	Metadata   map[string]string `json:"metadata"`
}

// The order that the document shows, as a request and as an answer.
var (
	exampleTime = time.Date(2010, 12, 1, 8, 26, 0, 0, time.UTC)

	exampleLines = []event.Line{
		{SKU: "85123A", Description: "WHITE HANGING HEART T-LIGHT HOLDER", Quantity: 6, UnitPrice: 255},
		{SKU: "71053", Description: "WHITE METAL LANTERN", Quantity: 6, UnitPrice: 339},
	}
	exampleMetadata = map[string]string{"country": "United Kingdom"}

	exampleDraft = orderDraft{"online-retail", "536365", "17850", "GBP", exampleLines, exampleMetadata}

	exampleOrder = placedOrder{
		Order: event.Order{
			ID:         "01890a5d-ac96-774b-8000-a8b45f0c6d21",
			Source:     "online-retail",
			Reference:  "536365",
			CustomerID: "17850",
			Currency:   "GBP",
			Lines:      exampleLines,
			Total:      3564,
			PlacedAt:   exampleTime,
			Metadata:   exampleMetadata,
		},
		known: known{
			PlacedBy: "key:shop",
			Status:   order.StatusPlaced,
			Publication: order.Publication{State: order.Published, Attempts: new(1),
				At: exampleTime.Add(12 * time.Millisecond)},
		},
	}

	// 01890a5d-ac96-774b-8000-000000000001
	exampleMessageID = uuidv7.ID{0x01, 0x89, 0x0a, 0x5d, 0xac, 0x96, 0x77, 0x4b, 0x80, 15: 0x01}

	exampleMessage = order.MessageDelivery{
		Type:  event.TypeCreated,
		State: order.Published, MessageID: exampleMessageID, Sequence: 7,
		Lineage: "01890a5d-ac96-774b-8000-000000000002", Attempts: new(1),
		CommittedAt: exampleTime, PublishedAt: exampleTime.Add(12 * time.Millisecond), Topic: event.Topic,
		Partition: new(int32(3)), Offset: new(int64(41)),
	}

	exampleCounting = Counting{Messages: []MessageCounting{{
		Type: event.TypeCreated, MessageID: exampleMessageID, State: "counted",
		CountedAt: exampleTime.Add(29 * time.Millisecond),
	}}}

	exampleDelivery = order.Delivery{
		MessageDelivery: exampleMessage, Messages: []order.MessageDelivery{exampleMessage},
	}
)

// cancelled is the answer to a cancellation.
func cancelled() placedOrder {
	o := exampleOrder
	o.Status, o.CancelledAt, o.CancelledBy = order.StatusCancelled, exampleTime.Add(time.Hour), "key:shop"
	o.Reason = "ordered twice"
	return o
}

// justPlaced is the answer to a placement: its message is not published yet.
func justPlaced() placedOrder {
	placed := exampleOrder
	placed.PlacedBy, placed.Status = "", ""
	placed.Publication = order.Publication{State: order.Pending, Attempts: new(0)}
	return placed
}

// exampleLine is the line of a batch.
var exampleLine = struct {
	IdempotencyKey string `json:"idempotency_key"`
	orderDraft
}{"cart-4711", exampleDraft}

// lineAnswer is the answer to it.
func lineAnswer() batchAnswer {
	placed := justPlaced()
	return batchAnswer{Status: http.StatusCreated, Line: 1, Order: &placed, Durability: ack.Local}
}
