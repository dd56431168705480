package boltdb

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"

	"go.etcd.io/bbolt"
)

// bbolt shows a transaction once its meta page is written, before the fsync returns. The test pauses in between.
func TestView_WaitsUntilWhatItSeesIsDurable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, err := Open(filepath.Join(t.TempDir(), "test.db"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		if err := db.bolt.Update(func(tx *bbolt.Tx) error {
			_,
				err := tx.CreateBucket([]byte("b"))
			return err
		}); err != nil {
			t.Fatal(err)
		}
		seen := make(chan int64)
		go func() {
			_ = db.View(context.Background(), func(tx *bbolt.Tx) error { seen <- int64(tx.ID()); return nil })
		}()
		synctest.Wait()
		select {
		case id := <-seen:
			t.Fatalf("View showed transaction %d, durable is %d", id, db.durable.Load())
		default:
		}
		db.setDurable(db.durable.Load() + 1)
		if id := <-seen; id != db.durable.Load() {
			t.Fatalf("View showed transaction %d, durable is %d", id, db.durable.Load())
		}
	})
}

func TestView_ServesNothingAfterAnUnknownOutcome(t *testing.T) {
	db, err := Open(filepath.Join(t.TempDir(), "test.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	cause := errors.New("fdatasync: input/output error")
	db.fail(cause)
	if err := db.Watch(t.Context()); !errors.Is(err, ErrOutcomeUnknown) || !errors.Is(err, cause) {
		t.Errorf("Watch: %v", err)
	}
	if err := db.View(t.Context(), func(*bbolt.Tx) error { return nil }); !errors.Is(err, ErrOutcomeUnknown) {
		t.Errorf("View: %v", err)
	}
	<-db.Failed()
}
