package orderstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/order"
	"ordertally/order/orderstore"
	"ordertally/shared/boltdb"
	"ordertally/shared/uuidv7"
)

func cancelRequest(id uuidv7.ID, key string) *order.CancelRequest {
	return &order.CancelRequest{
		ID: id, Key: order.HashKey("", key), Payload: []byte(`{}`),
		Cancellation: order.Cancellation{At: time.Unix(1_700_000_000, 0).UTC(), By: "key:shop", Reason: key},
	}
}

func (f *fixture) stored(id uuidv7.ID) (row []byte) {
	f.t.Helper()
	if err := f.db.View(f.t.Context(), func(tx *bbolt.Tx) error {
		row = bytes.Clone(tx.Bucket([]byte("orders")).Get(id[:]))
		return nil
	}); err != nil {
		f.t.Fatal(err)
	}
	return row
}

// TestCancel_OfManyRequestsOneCancels puts many requests into one transaction, so most see an uncommitted cancellation.
func TestCancel_OfManyRequestsOneCancels(t *testing.T) {
	f := newFixture(t)
	id := f.place(request(1, true)).ID
	row := f.stored(id)
	var mu sync.Mutex
	outcomes := map[string]int{}
	var wait sync.WaitGroup
	for i := range 64 {
		wait.Go(func() {
			key := []string{"a", "b", "c", ""}[i%4]
			cancelled, err := f.store.Cancel(t.Context(), cancelRequest(id, key))
			if err == nil && (cancelled.Cancellation == nil || cancelled.Status() != order.StatusCancelled) {
				t.Errorf("%+v", cancelled)
			}
			if err != nil && !errors.Is(err, order.ErrAlreadyCancelled) {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			outcomes[fmt.Sprint(err == nil, cancelled.Replayed)]++
		})
	}
	wait.Wait()
	if outcomes["true false"] != 1 || outcomes["false false"] < 48 || f.box.Backlog() != 2 {
		t.Errorf("outcomes (cancelled, replayed): %v; %d messages", outcomes, f.box.Backlog())
	}
	stored, err := f.store.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	key := stored.Cancellation.Reason
	f.close()
	f.open()
	if !bytes.Equal(f.stored(id), row) {
		t.Error("the order's own row changed")
	}
	if placed := f.place(request(1, true)); placed.ID != id || !placed.Replayed {
		t.Errorf("the placement again: %+v", placed)
	}
	replay, err := f.store.Cancel(t.Context(), cancelRequest(id, key))
	if replayable := key != ""; replayable != (err == nil) || replayable &&
		(!replay.Replayed || replay.Cancellation.By != "key:shop") {
		t.Errorf("after reopening, key %q: %+v, %v", key, replay, err)
	}
	if _, err := f.store.Cancel(t.Context(), cancelRequest(uuidv7.ID{1}, "k")); !errors.Is(err, order.ErrNotFound) {
		t.Errorf("an unknown order: %v", err)
	}
	f.close()
	if _, err := f.store.Cancel(context.Background(), cancelRequest(id, "k")); !errors.Is(err, order.ErrUnavailable) {
		t.Errorf("a closed store: %v", err)
	}
	f.open()
}

func TestCheck_NamesACancellationOfNoOrder(t *testing.T) {
	f := newFixture(t)
	id := f.place(request(1, false)).ID
	if _, err := f.store.Cancel(t.Context(), cancelRequest(id, "k")); err != nil {
		t.Fatal(err)
	}
	check := func() string {
		t.Helper()
		f.close()
		defer f.open()
		report, err := boltdb.CheckFile(t.Context(), f.path, orderstore.Check)
		if err != nil {
			return err.Error()
		}
		return fmt.Sprint(report)
	}
	sound := check()
	err := f.db.Write(t.Context(), func(tx *boltdb.Tx) error { return tx.Bucket([]byte("orders")).Delete(id[:]) })
	if err != nil {
		t.Fatal(err)
	}
	if got := check(); !strings.Contains(got, "cancellations") || strings.Contains(sound, "cancellations") {
		t.Errorf("it says\n%s\nof a sound file\n%s", got, sound)
	}
}
