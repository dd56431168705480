package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"ordertally/order"
	"ordertally/order/orderstore"
	"ordertally/shared/boltdb"
	"ordertally/shared/clock"
	"ordertally/shared/event"
	"ordertally/shared/outbox"
)

// A compacted file stays usable: the orders are there, and slots continue.
func TestCompact_LeavesAFileThatGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "order.db")
	db, store, box := openStore(t, path)
	request := func() *order.Request {
		return &order.Request{Key: order.HashKey("", "once"), Hash: order.RequestHash{1},
			Payload: event.Encode(&event.Order{Currency: "EUR", Lines: []event.Line{{SKU: "a", Quantity: 1}}})}
	}
	first, err := store.Place(t.Context(), request())
	if err != nil {
		t.Fatal(err)
	}
	command := compactCmd{Data: path}
	var out bytes.Buffer
	if err := command.run(t.Context(), &out); !errors.Is(err, boltdb.ErrLocked) || out.Len() != 0 {
		t.Errorf("while it is in use: %v, %q", err, &out)
	}
	lineage := box.Lineage()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := command.run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(out.String(), path+": ") || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("it says %q", &out)
	}
	db, store, box = openStore(t, path)
	if replay, err := store.Place(t.Context(), request()); err != nil || replay.ID != first.ID || !replay.Replayed {
		t.Errorf("the key: %+v, %v", replay, err)
	}
	another := request()
	another.Key = order.KeyHash{}
	second, err := store.Place(t.Context(), another)
	if err != nil {
		t.Fatal(err)
	}
	d, err := store.Delivery(t.Context(), second.ID)
	if err != nil || d.Messages[0].Sequence != 2 || box.Lineage() != lineage || box.Backlog() != 2 {
		t.Errorf("the next order: %+v, %v, backlog %d", d, err, box.Backlog())
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	if err := (&compactCmd{Data: path + "x"}).run(t.Context(), &out); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

func openStore(t *testing.T, path string) (*boltdb.DB, *orderstore.Store, *outbox.Outbox) {
	t.Helper()
	db, err := boltdb.Open(path, boltdb.Options{Format: orderstore.Format})
	if err != nil {
		t.Fatal(err)
	}
	box, err := outbox.Open(t.Context(), db, outbox.Config{Source: event.Source, Content: orderstore.Content})
	if err != nil {
		t.Fatal(err)
	}
	store, err := orderstore.Open(t.Context(), db, box, clock.System{}, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	return db, store, box
}
