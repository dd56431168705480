package main

import (
	"context"

	"go.etcd.io/bbolt"

	"ordertally/bench/report"
	"ordertally/bench/sample"
	"ordertally/bench/stores"
)

// measureSize fills a file as 64 writers would, and divides what its pages take by the orders. Pages that the file has
// and does not use yet count too, but not the room at its end that bbolt takes in advance.
func measureSize(ctx context.Context, b *bench, r *report.Row) error {
	const part = 5 // of the orders of the row full-file
	orders := max(1, b.orders/part)
	dir, err := b.newDir()
	if err != nil {
		return err
	}
	store, err := stores.OpenOrdertally(ctx, dir)
	if err != nil {
		return err
	}
	var numbers stores.Numbers
	if err := stores.Fill(ctx, store, &numbers, orders); err != nil {
		_ = store.Close() // the first error is told
		return err
	}
	if err := checkCount(store, orders); err != nil {
		return err
	}
	db, err := bbolt.Open(store.Path, 0o600, &bbolt.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // it was only read
	err = db.View(func(tx *bbolt.Tx) error {
		r.Add("Ordertally", "bytes", float64(tx.Size())/float64(orders))
		return nil
	})
	r.Figures = append(r.Figures, report.Figure{
		Name: "an order, with all that stands for it", Series: "Ordertally", Goal: 900, AtMost: true,
	})
	r.Note("%s orders, whose payload is %d bytes each, with an idempotency key, a customer and a reference.",
		report.Number(float64(orders)),
		sample.PayloadBytes)
	return err
}
