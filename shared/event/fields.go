package event

import "math"

// The limits that are also needed outside the lists below.
const (
	MaxSource        = 64
	MaxReference     = 128
	MaxCustomerID    = 128
	MaxReason        = 512
	MaxMetadataKey   = 64
	MaxMetadataValue = 512
)

// OrderFields are the members of an order, in the order written. See "A field of ORDER_CREATED" in CONTRIBUTING.md.
var OrderFields = []Field[Order]{
	{
		Name: "id", Presence: Computed, Form: UUID, Of: func(o *Order) any { return &o.ID },
		Doc: "The order's id, a UUID of version 7. Later orders have greater ids. Of a message, also the " +
			"record's key and its ce_subject.",
		Example: "01890a5d-ac96-774b-8000-a8b45f0c6d21",
	},
	{
		Name: "source", Number: 1, Presence: Optional, Min: 1, Max: MaxSource,
		Of: func(o *Order) any { return &o.Source },
		Doc: "Where the reference comes from. Left out when none was given. An order with a source has a reference, " +
			"and no other order of that source has the same.",
		Asked: "Where the reference comes from, such as a shop or an export. An order with a source needs a " +
			"reference, " +
			"and the reference is unique in its source for ever, whoever sends it: the same order again is a replay, " +
			"another order with it is a 409. No control characters. May be left out.",
		Example: "online-retail",
	},
	{
		Name: "reference", Number: 2, Presence: Optional, Max: MaxReference,
		Of:  func(o *Order) any { return &o.Reference },
		Doc: "The caller's own name for the order. Left out when none was given.",
		Asked: "The caller's own name for the order; without a source it need not be unique. No control characters. " +
			"May be left out.",
		Example: "536365",
	},
	{
		Name: "customer_id", Number: 3, Presence: Optional, Max: MaxCustomerID,
		Of:      func(o *Order) any { return &o.CustomerID },
		Doc:     "Who ordered. Left out for guests.",
		Asked:   "Who orders. No control characters. Leave it out for guests.",
		Example: "17850",
	},
	{
		Name: "currency", Number: 4, Form: Currency, Of: func(o *Order) any { return &o.Currency },
		Doc: "ISO 4217 code of every amount of the order.",
		Asked: "ISO 4217 code of all amounts. The currency must have minor units and must have been active when the " +
			"order was placed. A withdrawn code has the minor units that it had last.",
		Example: "GBP",
	},
	{
		Name: "lines", Number: 5, Min: 1, Max: 2_000, Of: func(o *Order) any { return &o.Lines },
		Doc:   "What was ordered, in the caller's order.",
		Asked: "What is ordered. The order of the lines is kept.",
	},
	{
		Name: "total", Number: 6, Presence: Computed, Max: math.MaxInt64, Of: func(o *Order) any { return &o.Total },
		Doc:     "The sum of quantity times unit_price over the lines, in minor units. Needs 64 bits.",
		Example: 1530,
	},
	{
		Name: "placed_at", Presence: Defaulted, Of: func(o *Order) any { return &o.PlacedAt },
		Doc: "When the order was placed, in UTC, to the nanosecond at most. From 1970 to the time of the commit: it " +
			"can be years before a record's timestamp.",
		Asked: "When the order was placed, from 1970 to now. Now is the default, and replaces a time up to 5 s ahead " +
			"of " +
			"the service's clock. A time more than 24 h ago needs the scope orders:backfill.",
		Example: "2010-12-01T08:26:00Z",
	},
	{
		Name: "metadata", Number: 7, Presence: Optional, Max: 32, Of: func(o *Order) any { return &o.Metadata },
		Doc:     "The caller's own entries. Left out when there are none.",
		Asked:   "Entries of the caller's own, with names of 1 to 64 characters. May be left out.",
		Example: map[string]string{"country": "United Kingdom"},
	},
}

// LineFields are the members of a line, in the order written.
var LineFields = []Field[Line]{
	{
		Name: "sku", Number: 1, Min: 1, Max: 64, Of: func(l *Line) any { return &l.SKU },
		Doc: "The article's number. No control characters.", Example: "85123A",
	},
	{
		Name: "description", Number: 2, Presence: Optional, Form: Free, Max: 512,
		Of:      func(l *Line) any { return &l.Description },
		Doc:     "The article in words. Left out when empty.",
		Asked:   "The article in words. No control characters but tabs. May be left out.",
		Example: "WHITE HANGING HEART T-LIGHT HOLDER",
	},
	{
		Name: "quantity", Number: 3, Min: 1, Max: 1_000_000_000, Of: func(l *Line) any { return &l.Quantity },
		Doc:     "How many units.",
		Asked:   "How many units. Times unit_price it must fit 64 bits, and so must the sum over all lines.",
		Example: 6,
	},
	{
		Name: "unit_price", Number: 4, Max: math.MaxInt64, Of: func(l *Line) any { return &l.UnitPrice },
		Doc:     "The price of one unit in minor units of the currency: 255 GBP is 2.55 pounds. Needs 64 bits.",
		Example: 255,
	},
}

// CancellationFields are the members of a cancellation, in the order written.
var CancellationFields = []Field[Cancellation]{
	{
		Name: "order_id", Presence: Computed, Form: UUID, Of: func(c *Cancellation) any { return &c.OrderID },
		Doc:     "The order's id, a UUID of version 7. Also the record's key and its ce_subject.",
		Example: "01890a5d-ac96-774b-8000-a8b45f0c6d21",
	},
	{
		Name: "reason", Presence: Optional, Form: Free, Max: MaxReason,
		Of:      func(c *Cancellation) any { return &c.Reason },
		Doc:     "Why the order was cancelled. Left out when no reason was given.",
		Asked:   "Why the order is cancelled. No control characters but tabs. May be left out.",
		Example: "ordered twice",
	},
	{
		Name: "cancelled_at", Presence: Computed, Of: func(c *Cancellation) any { return &c.CancelledAt },
		Doc:     "When the order was cancelled, in UTC. Not before placed_at.",
		Example: "2010-12-02T09:00:00Z",
	},
	{
		Name: "placed_at", Presence: Computed, Of: func(c *Cancellation) any { return &c.PlacedAt },
		Doc: "When the order was placed, as in its ORDER_CREATED.", Example: "2010-12-01T08:26:00Z",
	},
	{
		Name: "currency", Presence: Computed, Form: Currency, Of: func(c *Cancellation) any { return &c.Currency },
		Doc: "ISO 4217 code of every amount of the order.", Example: "GBP",
	},
	{
		Name: "total", Presence: Computed, Max: math.MaxInt64, Of: func(c *Cancellation) any { return &c.Total },
		Doc: "The order's total in minor units. Needs 64 bits.", Example: 1530,
	},
	{
		Name: "lines", Presence: Computed, Min: 1, Max: 2_000, Of: func(c *Cancellation) any { return &c.Lines },
		Doc: "The order's lines.",
	},
}
