package orderstore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ordertally/order"
	"ordertally/order/orderstore"
	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/fliptest"
	"ordertally/shared/clock"
	"ordertally/shared/outbox"
)

// openAt opens the store of a file; the caller closes db.
func openAt(ctx context.Context, path string) (*boltdb.DB, *orderstore.Store, error) {
	db, err := boltdb.Open(path, boltdb.Options{Format: orderstore.Format})
	if err != nil {
		return nil, nil, err
	}
	box, err := outbox.Open(ctx, db, outbox.Config{Content: orderstore.Content})
	if err == nil {
		var store *orderstore.Store
		if store, err = orderstore.Open(ctx, db, box, clock.System{}, prometheus.NewRegistry()); err == nil {
			return db, store, nil
		}
	}
	return nil, nil, errors.Join(err, db.Close())
}

// readAndWrite reads all orders and their deliveries, and places one.
func readAndWrite(t *testing.T, path string) (read string, err error) {
	t.Helper()
	db, store, err := openAt(t.Context(), path)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var text strings.Builder
	for q := (order.Query{Limit: 200}); ; {
		page, err := store.List(t.Context(), q)
		if err != nil {
			return text.String(), err
		}
		for i := range page.Orders {
			o := &page.Orders[i]
			if fmt.Fprintln(&text, o.ID, string(o.Payload)); i%10 > 0 && os.Getenv("ORDERTALLY_FLIPS") == "" {
				continue // trying each of these is for the long run
			}
			one, err := store.Get(t.Context(), o.ID)
			if err != nil {
				return text.String(), err
			}
			delivery, err := store.Delivery(t.Context(), o.ID)
			if err != nil {
				return text.String(), err
			}
			fmt.Fprintln(&text, o.ID, string(one.Payload), one.Publication.State, delivery.Sequence, delivery.MessageID)
		}
		fmt.Fprintln(&text, page.Corrupt)
		if q.Before = page.Next; q.Before.String() == "00000000-0000-0000-0000-000000000000" {
			break
		}
	}
	for i := range int64(2) {
		if _, err := store.Place(t.Context(), request(100_000+i, true)); err != nil {
			return text.String(), err
		}
	}
	return text.String(), nil
}

// TestStore_NoFlippedBitOfItsStructureIsAWrongAnswer flips bits in page headers, tables of elements, branches, meta
// pages and the list of free pages.
func TestStore_NoFlippedBitOfItsStructureIsAWrongAnswer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "order.db")
	db, store, err := openAt(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	placed := make(chan error, 64)
	for range cap(placed) {
		placed <- nil
	}
	for i := range int64(2000) {
		if err := <-placed; err != nil {
			t.Fatal(err)
		}
		go func() { _, err := store.Place(context.Background(), request(i, i%2 == 0)); placed <- err }()
	}
	for range cap(placed) {
		if err := <-placed; err != nil {
			t.Fatal(err)
		}
	}
	// Most of the indexes are in runs, and the newest entries in the log.
	if err := orderstore.Reindex(t.Context(), db, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if db, store, err = openAt(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	for i := range int64(20) {
		if _, err := store.Place(t.Context(), request(5000+i, true)); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	fliptest.Run(t, path, 15, orderstore.Check, readAndWrite)
	t.Log("took", time.Since(began))
}
