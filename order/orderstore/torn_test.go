package orderstore_test

import (
	"context"
	"errors"
	"fmt"
	"io"
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

// serve opens a file as the service does.
func serve(ctx context.Context, path string) (*boltdb.DB, *orderstore.Store, error) {
	db, err := boltdb.Open(path, boltdb.Options{Format: orderstore.Format, Check: orderstore.Check})
	if err != nil {
		return nil, nil, err
	}
	box, err := outbox.Open(ctx, db, outbox.Config{Source: event.Source, Content: orderstore.Content})
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	store, err := orderstore.Open(ctx, db, box, clock.System{}, prometheus.NewRegistry())
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return db, store, nil
}

// copyInPieces copies a file as cp does, but lets the file change between two pieces.
func copyInPieces(t *testing.T, from, to string, between func()) {
	t.Helper()
	source, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = source.Close() }()
	target, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	for {
		n, err := io.CopyN(target, source, 256<<10)
		if err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		if n < 256<<10 {
			break
		}
		between()
	}
	if err := target.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestOpen_RefusesATornCopy copies a file while orders are placed, forty times. A copy is refused in one line, or it is
// whole: it has every order that was placed before the copy began, and the check finds nothing.
func TestOpen_RefusesATornCopy(t *testing.T) {
	f := newFixture(t)
	next := int64(0)
	place := func(n int) (last order.Placed) {
		for range n {
			next++
			last = f.place(request(next, true))
		}
		return last
	}
	place(1500)
	refused := 0
	for i := range 40 {
		before := place(1)
		path := filepath.Join(t.TempDir(), fmt.Sprint(i, ".db"))
		pieces, at := 0, i/4 // where the file changes while it is copied; once, so that much of the copy fits together
		copyInPieces(t, f.path, path, func() {
			if pieces++; pieces == at+1 {
				place(i % 4)
			}
		})
		db, store, err := serve(t.Context(), path)
		if err != nil {
			refused++
			if !errors.Is(err, boltdb.ErrDamaged) && !errors.Is(err, boltdb.ErrTruncated) ||
				strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), path) {
				t.Errorf("copy %d: %v", i, err)
			}
			continue
		}
		if _, err := store.Get(t.Context(), before.ID); err != nil {
			t.Errorf("copy %d is served without an order: %v", i, err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		if done, err := boltdb.CheckFile(t.Context(), path, orderstore.Check); err != nil || len(done.Faults) > 0 {
			t.Errorf("copy %d is served with faults: %.300q, %v", i, done.Faults, err)
		}
	}
	t.Logf("%d of 40 copies were refused", refused)
	if refused == 0 {
		t.Error("no copy was torn: the test shows nothing")
	}
}
