package orderstore_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"go.etcd.io/bbolt"

	"ordertally/order"
	"ordertally/shared/uuidv7"
)

const month = 30 * 24 * time.Hour

func (f *fixture) count(bucket string) (n int) {
	f.t.Helper()
	if err := f.db.View(f.t.Context(), func(tx *bbolt.Tx) error {
		n = tx.Bucket([]byte(bucket)).Stats().KeyN
		return nil
	}); err != nil {
		f.t.Fatal(err)
	}
	return n
}

// maintain runs Maintain until the function it returns is called.
func (f *fixture) maintain(retention time.Duration) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	f.store.KeepKeys(retention)
	go func() { ended <- f.store.Maintain(ctx, zerolog.Nop()) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			f.t.Error(err)
		}
	}
}

func keyed(n int) *order.Request {
	r := request(int64(n), false)
	r.Key, r.Hash = order.HashKey("", fmt.Sprint("key-", n)), order.RequestHash{1, byte(n)}
	return r
}

func TestAKeyIsKnownForItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		defer f.maintain(month)()
		const early = 200 // more than one step forgets
		ids := map[int]uuidv7.ID{}
		for n := range early {
			ids[n] = f.place(keyed(n)).ID
		}
		<-time.After(month - time.Minute)
		synctest.Wait()
		for n := range early {
			if placed := f.place(keyed(n)); !placed.Replayed || placed.ID != ids[n] {
				t.Fatalf("before its time, key %d: %+v", n, placed)
			}
		}
		late := f.place(keyed(early)).ID
		<-time.After(2 * time.Minute)
		synctest.Wait()
		if placed := f.place(keyed(early)); !placed.Replayed || placed.ID != late {
			t.Errorf("the late key: %+v", placed)
		}
		again := f.place(keyed(0))
		if again.Replayed || again.ID == ids[0] {
			t.Errorf("a key that was forgotten: %+v", again)
		}
		if replay := f.place(keyed(0)); !replay.Replayed || replay.ID != again.ID {
			t.Errorf("a key that was used anew: %+v", replay)
		}
		if orders := f.count("orders"); orders != early+2 {
			t.Errorf("%d orders, want %d", orders, early+2)
		}
		if _, err := f.store.Get(t.Context(), ids[0]); err != nil {
			t.Errorf("the order of a forgotten key: %v", err)
		}
	})
}
