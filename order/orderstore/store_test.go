package orderstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.etcd.io/bbolt"
	"go.uber.org/goleak"

	"ordertally/order"
	"ordertally/order/orderstore"
	"ordertally/shared/boltdb"
	"ordertally/shared/clock"
	"ordertally/shared/event"
	"ordertally/shared/outbox"
	"ordertally/shared/uuidv7"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is a store on a real file.
type fixture struct {
	t     testing.TB
	path  string
	db    *boltdb.DB
	box   *outbox.Outbox
	store *orderstore.Store
}

func newFixture(t testing.TB) *fixture {
	f := &fixture{t: t, path: filepath.Join(t.TempDir(), "order.db")}
	f.open()
	t.Cleanup(f.close)
	return f
}

func (f *fixture) open() {
	f.t.Helper()
	if err := f.tryOpen(); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) tryOpen() (err error) {
	f.t.Helper()
	if f.db, err = boltdb.Open(f.path, boltdb.Options{Format: orderstore.Format}); err != nil {
		f.t.Fatal(err)
	}
	if f.box, err = outbox.Open(f.t.Context(), f.db,
		outbox.Config{Source: event.Source, Content: orderstore.Content}); err != nil {
		f.t.Fatal(err)
	}
	f.store, err = orderstore.Open(f.t.Context(), f.db, f.box, clock.System{}, prometheus.NewRegistry())
	return err
}

func (f *fixture) close() {
	if err := f.db.Close(); err != nil {
		f.t.Error(err)
	}
}

func (f *fixture) place(r *order.Request) order.Placed {
	f.t.Helper()
	placed, err := f.store.Place(f.t.Context(), r)
	if err != nil {
		f.t.Fatal(err)
	}
	return placed
}

func (f *fixture) list(q order.Query) []uuidv7.ID {
	f.t.Helper()
	var ids []uuidv7.ID
	for {
		page, err := f.store.List(f.t.Context(), q)
		if err != nil {
			f.t.Fatal(err)
		}
		if len(page.Orders) > q.Limit {
			f.t.Fatalf("a page of %d orders, limit %d", len(page.Orders), q.Limit)
		}
		for _, o := range page.Orders {
			ids = append(ids, o.ID)
		}
		if page.Next == (uuidv7.ID{}) {
			return ids
		}
		q.Before = page.Next
	}
}

func TestAnOrderIsReadBackAsItWasAnswered(t *testing.T) {
	f := newFixture(t)
	placed := f.place(request(1, false))
	f.close()
	f.open()
	stored, err := f.store.Get(t.Context(), placed.ID)
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := event.Decode(stored.Payload)
	if err != nil {
		t.Fatal(err)
	}
	if decoded.ID != placed.ID.String() || decoded.Total != 6150 || len(decoded.Lines) != 3 {
		t.Fatalf("read back %s", stored.Payload)
	}
	if !bytes.Equal(stored.Payload, placed.Payload) || stored.Publication.State != order.Pending {
		t.Fatalf("answered %s, stored %s, %+v", placed.Payload, stored.Payload, stored.Publication)
	}
	next := f.place(request(2, false))
	if bytes.Compare(next.ID[:], placed.ID[:]) <= 0 {
		t.Fatalf("after reopening, id %s does not come after %s", next.ID, placed.ID)
	}
	if _, err := f.store.Get(t.Context(), uuidv7.ID{1}); !errors.Is(err, order.ErrNotFound) {
		t.Fatalf("an unknown id: %v", err)
	}
}

// Each order has exactly one message, and both are the same bytes.
func TestStore_EachOrderHasOneMessage(t *testing.T) {
	f := newFixture(t)
	var wait sync.WaitGroup
	for w := range 32 {
		wait.Go(func() {
			for i := range 20 {
				if _, err := f.store.Place(t.Context(), request(int64(w*100+i), i%2 == 0)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	if n := f.box.Backlog(); n != 640 {
		t.Fatalf("%d messages wait, want 640", n)
	}
	if ids := f.list(order.Query{Limit: 100}); len(ids) != 640 {
		t.Fatalf("%d orders are listed, want 640", len(ids))
	}
}

func TestAKeyPlacesOneOrder(t *testing.T) {
	f := newFixture(t)
	keyed := func(body byte) *order.Request {
		r := request(1, false)
		r.Key, r.Hash = order.HashKey("", "k"), order.RequestHash{body}
		return r
	}
	var mu sync.Mutex
	ids, fresh := map[uuidv7.ID]int{}, 0
	var wait sync.WaitGroup
	for range 64 { // many in one group: all but one are replays of an order that is not yet committed when they run
		wait.Go(func() {
			placed, err := f.store.Place(t.Context(), keyed(1))
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			ids[placed.ID]++
			if !placed.Replayed {
				fresh++
			}
		})
	}
	wait.Wait()
	if len(ids) != 1 || fresh != 1 || f.box.Backlog() != 1 {
		t.Fatalf("%d ids, %d fresh, %d messages; want one of each", len(ids), fresh, f.box.Backlog())
	}
	f.close()
	f.open()
	replay := f.place(keyed(1))
	if !replay.Replayed || ids[replay.ID] == 0 {
		t.Fatalf("after reopening: %+v", replay)
	}
	if _, err := f.store.Place(t.Context(), keyed(2)); !errors.Is(err, order.ErrKeyReused) {
		t.Fatalf("another body: %v", err)
	}
	if f.box.Backlog() != 1 {
		t.Fatalf("%d messages", f.box.Backlog())
	}
}

func TestListing(t *testing.T) {
	f := newFixture(t)
	base := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	byCustomer := map[string][]uuidv7.ID{}
	var all []uuidv7.ID
	for i := range 60 {
		r := request(int64(i), false)
		identify(r, "", r.Reference, []string{"", "a", "ab"}[i%3])
		r.PlacedAt = base.Add(time.Duration(i) * time.Hour)
		id := f.place(r).ID
		byCustomer[r.CustomerID] = append([]uuidv7.ID{id}, byCustomer[r.CustomerID]...)
		all = append([]uuidv7.ID{id}, all...)
	}
	for name, test := range map[string]struct {
		query order.Query
		want  []uuidv7.ID
	}{
		"all":              {order.Query{Limit: 7}, all},
		"exactly one page": {order.Query{Limit: 60}, all},
		"customer":         {order.Query{Limit: 3, CustomerID: "a"}, byCustomer["a"]},
		"longer customer":  {order.Query{Limit: 50, CustomerID: "ab"}, byCustomer["ab"]},
		"unknown customer": {order.Query{Limit: 50, CustomerID: "abc"}, nil},
		"time": {order.Query{Limit: 4, PlacedFrom: base.Add(10 * time.Hour),
			PlacedTo: base.Add(20 * time.Hour)}, all[40:50]},
		"from":    {order.Query{Limit: 4, PlacedFrom: base.Add(55 * time.Hour)}, all[:5]},
		"nothing": {order.Query{Limit: 4, PlacedTo: base}, nil},
	} {
		if got := f.list(test.query); fmt.Sprint(got) != fmt.Sprint(test.want) {
			t.Errorf("%s: got %v, want %v", name, got, test.want)
		}
	}
	empty := newFixture(t)
	if got := empty.list(order.Query{Limit: 5}); len(got) != 0 {
		t.Errorf("an empty store lists %v", got)
	}
}

func TestAChangedOrderIsNotServed(t *testing.T) {
	f := newFixture(t)
	id := f.place(request(1, false)).ID
	f.close()
	raw, err := bbolt.Open(f.path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(raw.Update(func(tx *bbolt.Tx) error {
		orders := tx.Bucket([]byte("orders"))
		value := bytes.Clone(orders.Get(id[:]))
		value[len(value)/2] ^= 4
		return orders.Put(id[:], value)
	}), raw.Close())
	if err != nil {
		t.Fatal(err)
	}
	f.open()
	if stored, err := f.store.Get(t.Context(), id); !errors.Is(err, boltdb.ErrCorrupt) {
		t.Fatalf("got %s, %v", stored.Payload, err)
	}
}

func TestAClosedStoreSaysThatNothingWasStored(t *testing.T) {
	f := newFixture(t)
	f.close()
	if _, err := f.store.Place(context.Background(), request(1, false)); !errors.Is(err, order.ErrUnavailable) {
		t.Fatalf("got %v", err)
	}
	f.open()
}
