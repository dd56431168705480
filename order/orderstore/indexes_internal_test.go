package orderstore

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.etcd.io/bbolt"

	"ordertally/order"
	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/runs"
	"ordertally/shared/clock"
	"ordertally/shared/event"
	"ordertally/shared/outbox"
	"ordertally/shared/uuidv7"
)

func openStore(t *testing.T, path string) (*boltdb.DB, *Store) {
	t.Helper()
	db, err := boltdb.Open(path, boltdb.Options{Format: Format})
	if err != nil {
		t.Fatal(err)
	}
	box, err := outbox.Open(t.Context(), db, outbox.Config{Source: event.Source, Content: Content})
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), db, box, clock.System{}, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	return db, s
}

func placing(key, source, reference, customer string) *order.Request {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return &order.Request{
		Payload: event.Encode(&event.Order{
			Source: source, Reference: reference, CustomerID: customer, Currency: "GBP", Total: 1, PlacedAt: at,
			Lines: []event.Line{{SKU: "a", Quantity: 1, UnitPrice: 1}},
		}),
		PlacedAt: at, Source: source, Reference: reference, CustomerID: customer,
		Key: order.HashKey("", key), Hash: order.RequestHash{7},
	}
}

func place(t *testing.T, s *Store, r *order.Request) order.Placed {
	t.Helper()
	placed, err := s.Place(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return placed
}

func listed(t *testing.T, s *Store, q order.Query) (ids []uuidv7.ID) {
	t.Helper()
	q.Limit = 100
	page, err := s.List(t.Context(), q)
	if err != nil || len(page.Corrupt) > 0 {
		t.Fatalf("%v, corrupt: %v", err, page.Corrupt)
	}
	for i := range page.Orders {
		ids = append(ids, page.Orders[i].ID)
	}
	return ids
}

// TestStore_TextsOfOneHashAreToldApart puts entries into the indexes as if other texts had the hashes of an order's.
func TestStore_TextsOfOneHashAreToldApart(t *testing.T) {
	db, s := openStore(t, filepath.Join(t.TempDir(), "order.db"))
	defer func() { _ = db.Close() }()
	first := place(t, s, placing("", "shop", "1", "anna"))
	err := db.Write(t.Context(), func(tx *boltdb.Tx) error {
		inverted := invert(first.ID)
		return s.indexes.Append(tx,
			runs.Entry{Index: s.indexes.Index(sourcesIndex), Hash: sourceHash("shop", "2"), Rest: first.ID[:]},
			runs.Entry{Index: s.indexes.Index(referencesIndex), Hash: runs.Sum("2"), Rest: inverted[:]},
			runs.Entry{Index: s.indexes.Index(customersIndex), Hash: runs.Sum("bert"), Rest: inverted[:]})
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []order.Query{{CustomerID: "bert"}, {Reference: "2"}, {Source: "shop", Reference: "2"}} {
		if ids := listed(t, s, q); len(ids) != 0 {
			t.Errorf("%+v: the list has the order of another text", q)
		}
	}
	second := place(t, s, placing("", "shop", "2", "bert"))
	if second.Replayed || second.ID == first.ID {
		t.Fatal("the second order is answered with the first")
	}
	for _, q := range []order.Query{{CustomerID: "bert"}, {Reference: "2"}, {Source: "shop", Reference: "2"}} {
		if ids := listed(t, s, q); !slices.Equal(ids, []uuidv7.ID{second.ID}) {
			t.Errorf("%+v: %v", q, ids)
		}
	}
	if again := place(t, s, placing("", "shop", "2", "bert")); !again.Replayed || again.ID != second.ID {
		t.Error("the second order is not found by its reference")
	}
}

// TestReindex_FindsEveryOrderAgain deletes the indexes, as somebody does who deletes an order by hand. The store does
// not open. After Mend and Reindex everything is found that has an order, and keys that were answered with another
// request's order are not, because only the indexes knew them.
func TestReindex_FindsEveryOrderAgain(t *testing.T) {
	for _, deleted := range []bool{true, false} {
		path := filepath.Join(t.TempDir(), "order.db")
		db, s := openStore(t, path)
		var ids []uuidv7.ID
		for _, n := range []string{"1", "2", "3"} {
			ids = append(ids, place(t, s, placing("key-"+n, "shop", n, "anna")).ID)
		}
		if late := place(t, s, placing("late", "shop", "3", "anna")); late.ID != ids[2] {
			t.Fatalf("%+v", late)
		}
		err := db.Write(t.Context(), func(tx *boltdb.Tx) error {
			err := tx.Bucket(ordersBucket).Delete(ids[0][:])
			if err == nil && deleted {
				err = tx.DeleteBucket(indexesBucket)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if missing, err := Unindexed(t.Context(), db); missing != deleted || err != nil {
			t.Fatalf("unindexed: %v, %v", missing, err)
		}
		if deleted {
			_, err := Open(t.Context(), db, s.outbox, clock.System{}, prometheus.NewRegistry())
			if !errors.Is(err, boltdb.ErrCorrupt) {
				t.Fatalf("a file without indexes opens: %v", err)
			}
		}
		if _, err := Mend(t.Context(), db); err != nil {
			t.Fatal(err)
		}
		if err := Reindex(t.Context(), db, time.Time{}); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		db, s = openStore(t, path)
		want := []uuidv7.ID{ids[2], ids[1]}
		if got := listed(t, s, order.Query{CustomerID: "anna"}); !slices.Equal(got, want) {
			t.Errorf("by customer: %v, want %v", got, want)
		}
		if got := place(t, s, placing("key-2", "", "", "")); got.ID != ids[1] {
			t.Error("the second order is not found by its key")
		}
		err = db.Write(t.Context(), func(tx *boltdb.Tx) error {
			keyed := func(key string) (uuidv7.ID, error) {
				look := s.indexes.Index(keysIndex).Look(runs.Hash(order.HashKey("", key)))
				return s.keyed(tx, &look)
			}
			late, err := keyed("late")
			if known := late == ids[2]; err == nil && known == deleted {
				t.Errorf("indexes deleted: %v; the late key is known: %v", deleted, known)
			}
			gone, goneErr := keyed("key-1")
			if gone != (uuidv7.ID{}) {
				t.Error("the key of the deleted order is known")
			}
			return boltdb.Refuse(errors.Join(err, goneErr))
		})
		if err != nil {
			t.Error(err)
		}
		err = db.View(t.Context(), func(tx *bbolt.Tx) error { return complete(&boltdb.Record{Tx: tx}) })
		if err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
