package main

import (
	"context"
	"io"
	"maps"
	"slices"

	"ordertally/client/orders"
	"ordertally/shared/text/output"
	"ordertally/shared/text/safetext"
)

type getCmd struct {
	remote
	// The order's id.
	ID string `arg:"" name:"id"`
	output.Watch
}

// Run writes the order to standard output.
func (c *getCmd) Run(ctx context.Context) error { return c.Watch.Run(ctx, safetext.Stdout(), c.run) }

func (c *getCmd) run(ctx context.Context, out io.Writer) error {
	shop, err := c.orders()
	if err != nil {
		return err
	}
	defer shop.Close()
	found, err := shop.GetOrder(ctx, c.ID)
	if err != nil {
		return err
	}
	return c.Write(out, found.Raw, func(out io.Writer) error { return writeOrder(out, &found.Value) })
}

// writeOrder writes an order as people read it: what it is, and its lines.
func writeOrder(out io.Writer, o *orders.PlacedOrder) error {
	about := output.NewTable()
	about.Row(output.Said("order"), o.ID)
	about.Row(output.Said("status"), o.Status)
	about.Row(output.Said("placed"), o.PlacedAt)
	if o.PlacedBy != "" {
		about.Row(output.Said("by"), o.PlacedBy)
	}
	if !o.CancelledAt.IsZero() {
		about.Row(output.Said("cancelled"), o.CancelledAt)
	}
	for _, optional := range [][2]string{{"cancelled by", o.CancelledBy}, {"reason", o.Reason}, {"source", o.Source},
		{"reference", o.Reference}, {"customer", o.CustomerID}} {
		if optional[1] != "" {
			about.Row(output.Said(optional[0]), optional[1])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.Metadata)) {
		about.Row(name, o.Metadata[name])
	}
	about.Row(output.Said("total"), output.Said(output.MoneyOf(o.Currency, o.Total).String()))
	published := string(o.Publication.State)
	if !o.Publication.At.IsZero() {
		published += " at " + output.Time(o.Publication.At)
	}
	about.Row(output.Said("message"), output.Said(published))
	if err := about.Write(out); err != nil {
		return err
	}
	lines := output.NewTable("SKU", "QUANTITY", "UNIT PRICE", "DESCRIPTION")
	for i := range o.Lines {
		l := &o.Lines[i]
		lines.Row(l.SKU, l.Quantity, output.MoneyOf(o.Currency, l.UnitPrice), l.Description)
	}
	if err := output.Print(out, "\n"); err != nil {
		return err
	}
	return lines.Write(out)
}
