package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"ordertally/client/orders"
	"ordertally/shared/settings"
	"ordertally/shared/text/output"
	"ordertally/shared/text/safetext"
)

type lsCmd struct {
	running
	output.RowsForm
	// Only orders with this reference.
	Reference string `placeholder:"TEXT"`
	// Only the order with this source and reference. Needs --reference.
	Source string `placeholder:"TEXT"`
	// Only this customer's.
	Customer string `name:"customer-id" placeholder:"ID"`
	// Only placed or cancelled orders.
	Status string `enum:",placed,cancelled" default:"" placeholder:"STATUS"`
	// Only orders whose message is in this state.
	Publication string `enum:",pending,waiting,published,parked,discarded" default:"" placeholder:"STATE"`
	// Only orders of this currency, such as GBP.
	Currency string `placeholder:"CODE"`
	// Orders placed then or later: a day such as 2026-03-01, which begins at midnight here, or a time with its offset.
	PlacedFrom moment `name:"placed-from" placeholder:"TIME"`
	// Orders placed before this time.
	PlacedTo moment `name:"placed-to" placeholder:"TIME"`
	// Orders on a page.
	Limit int64 `default:"50" range:"1..200"`
	// Continue where an earlier list ended (its next_cursor).
	Cursor string `placeholder:"CURSOR"`
	// All pages, one after the other.
	All bool
	output.Watch
}

// moment is a time on the command line.
type moment struct{ time.Time }

// UnmarshalText reads a day, which begins at midnight here, or a time of RFC 3339.
func (m *moment) UnmarshalText(text []byte) (err error) {
	if m.Time, err = time.ParseInLocation(time.DateOnly, string(text), time.Local); err == nil {
		return nil
	}
	if m.Time, err = time.Parse(time.RFC3339, string(text)); err != nil {
		return fmt.Errorf("%.40q is no time: want a day such as 2026-03-01, or a time with its offset such as "+
			"2026-03-01T12:00:00+01:00", text)
	}
	return nil
}

// String writes the time as UnmarshalText reads it; the zero time is "".
func (m moment) String() string {
	if m.IsZero() {
		return ""
	}
	return m.Format(time.RFC3339)
}

// Run writes the list to standard output. Off a table, where the next page begins goes to standard error.
func (c *lsCmd) Run(ctx context.Context) error {
	return c.Watch.Run(ctx, safetext.Stdout(), func(ctx context.Context, out io.Writer) error {
		return c.run(ctx, out, c.Notes())
	})
}

func (c *lsCmd) run(ctx context.Context, out, stderr io.Writer) error {
	switch {
	case c.Source != "" && c.Reference == "":
		return settings.WithExitCode(errors.New("--source needs --reference: it finds the one order with both"),
			settings.ExitUsage)
	case !c.PlacedTo.IsZero() && c.PlacedTo.Before(c.PlacedFrom.Time):
		return settings.WithExitCode(errors.New("--placed-to is before --placed-from"), settings.ExitUsage)
	case c.All && c.Output == "json":
		return settings.WithExitCode(errors.New("--all is many answers: take -o ndjson, one order a line"),
			settings.ExitUsage)
	}
	shop, err := c.orders()
	if err != nil {
		return err
	}
	defer shop.Close()
	params := orders.ListOrdersParams{Source: c.Source, Reference: c.Reference, CustomerID: c.Customer,
		Status: orders.ListOrdersParamsStatus(c.Status), Publication: orders.ListOrdersParamsPublication(c.Publication),
		Currency:   c.Currency,
		PlacedFrom: c.PlacedFrom.Time, PlacedTo: c.PlacedTo.Time, Limit: c.Limit, Cursor: c.Cursor}
	for first := true; ; first = false {
		page, err := shop.ListOrders(ctx, params)
		if err != nil {
			return err
		}
		params.Cursor = page.Value.NextCursor
		list := output.List[orders.PlacedOrder]{Answer: page.Raw, Member: "orders", Rows: page.Value.Orders,
			Columns: orderColumns, Headless: !first, More: "more: --cursor ", Notes: stderr}
		for _, id := range page.Value.Corrupt {
			list.Below = append(list.Below, "damaged: order "+id+": stop the service and run order check")
		}
		if !c.All {
			list.Next = params.Cursor
		}
		if err := list.Write(out, c.Output); err != nil || params.Cursor == "" || !c.All {
			return err
		}
	}
}

var orderColumns = []output.Column[orders.PlacedOrder]{
	{Title: "ID", Name: "id", Of: func(o *orders.PlacedOrder) any { return o.ID }},
	{Title: "PLACED", Name: "placed_at", Of: func(o *orders.PlacedOrder) any { return o.PlacedAt }},
	{Name: "source", Of: func(o *orders.PlacedOrder) any { return o.Source }},
	{Title: "REFERENCE", Name: "reference", Of: func(o *orders.PlacedOrder) any { return o.Reference }},
	{Title: "CUSTOMER", Name: "customer_id", Of: func(o *orders.PlacedOrder) any { return o.CustomerID }},
	{Title: "LINES", Name: "lines", Of: func(o *orders.PlacedOrder) any { return len(o.Lines) }},
	{Name: "currency", Of: func(o *orders.PlacedOrder) any { return o.Currency }},
	{Title: "TOTAL", Name: "total", Of: func(o *orders.PlacedOrder) any { return output.MoneyOf(o.Currency, o.Total) }},
	{Title: "STATUS", Name: "status", Of: func(o *orders.PlacedOrder) any { return o.Status }},
	{Title: "MESSAGE", Name: "publication", Of: func(o *orders.PlacedOrder) any { return o.Publication.State }},
}
