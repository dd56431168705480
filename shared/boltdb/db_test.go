package boltdb_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.etcd.io/bbolt"
	"go.uber.org/goleak"

	"ordertally/shared/boltdb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var bucket = []byte("b")

// open opens a new file with one bucket; at the end of the test the file is checked.
func open(t *testing.T, options boltdb.Options) *boltdb.DB {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.db")
	db, err := boltdb.Open(path, options)
	if err != nil {
		t.Fatal(err)
	}
	write(t, db, func(tx *boltdb.Tx) error { _, err := tx.CreateBucket(bucket); return err })
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		check(t, path)
	})
	return db
}

func check(t *testing.T, path string) {
	t.Helper()
	raw, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = raw.Close() }()
	_ = raw.View(func(tx *bbolt.Tx) error {
		for err := range tx.Check() {
			t.Error(err)
		}
		return nil
	})
}

func write(t *testing.T, db *boltdb.DB, fn func(*boltdb.Tx) error) {
	t.Helper()
	if err := db.Write(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func put(key string) func(*boltdb.Tx) error {
	return func(tx *boltdb.Tx) error { return tx.Bucket(bucket).Put([]byte(key), []byte("v")) }
}

func has(t *testing.T, db *boltdb.DB, key string) bool {
	t.Helper()
	found := false
	if err := db.View(t.Context(), func(tx *bbolt.Tx) error {
		found = tx.Bucket(bucket).Get([]byte(key)) != nil
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return found
}

// group makes the requests share one commit, in their order. They queue up behind a request that waits for them.
func group(t *testing.T, db *boltdb.DB, fns ...func(*boltdb.Tx) error) []error {
	t.Helper()
	queued := make(chan struct{})
	errs := make([]error, len(fns))
	var all sync.WaitGroup
	all.Go(func() {
		_ = db.Write(t.Context(), func(*boltdb.Tx) error { <-queued; return boltdb.Refuse(nil) })
	})
	for i, fn := range fns {
		started := make(chan struct{})
		all.Go(func() {
			close(started)
			errs[i] = db.Write(t.Context(), fn)
		})
		<-started
	}
	close(queued)
	all.Wait()
	return errs
}

func TestWrite_AFailingRequestLeavesItsNeighboursAlone(t *testing.T) {
	db := open(t, boltdb.Options{})
	broken := errors.New("broken")
	for round := range 20 { // the scheduler decides how requests are grouped
		name := func(key string) string { return fmt.Sprintf("%s-%d", key, round) }
		errs := group(t, db,
			put(name("before")),
			func(tx *boltdb.Tx) error { _ = put(name("half"))(tx); return broken },
			func(tx *boltdb.Tx) error { _ = put(name("panicked"))(tx); panic("no") },
			func(*boltdb.Tx) error { return boltdb.Refuse(broken) },
			put(name("after")),
		)
		if errs[0] != nil || errs[4] != nil {
			t.Fatalf("the good requests failed: %v, %v", errs[0], errs[4])
		}
		if !errors.Is(errs[1], broken) || errs[2] == nil || !strings.Contains(errs[2].Error(), "panic") ||
			!errors.Is(errs[3], broken) {
			t.Fatalf("the bad requests answered %v, %v, %v", errs[1], errs[2], errs[3])
		}
		for key, want := range map[string]bool{"before": true, "half": false, "panicked": false, "after": true} {
			if has(t, db, name(key)) != want {
				t.Errorf("%s is stored: %t, want %t", name(key), !want, want)
			}
		}
	}
}

func TestAfterCommit_RunsInCommitOrderAndOnlyForWhatCommitted(t *testing.T) {
	db := open(t, boltdb.Options{})
	var order []uint64
	var wait sync.WaitGroup
	for range 64 {
		wait.Go(func() {
			for i := range 50 {
				_ = db.Write(t.Context(), func(tx *boltdb.Tx) error {
					slot, err := tx.Bucket(bucket).NextSequence()
					tx.AfterCommit(func() { order = append(order, slot) })
					if i%10 == 9 {
						return errors.New("changed its mind")
					}
					return err
				})
			}
		})
	}
	wait.Wait()
	if len(order) != 64*45 {
		t.Fatalf("%d hooks ran, want %d", len(order), 64*45)
	}
	for i, slot := range order {
		if slot != uint64(i)+1 {
			t.Fatalf("hook %d is of slot %d", i, slot)
		}
	}
}

func TestWrite_ARequestWhoseContextEndedIsNotRun(t *testing.T) {
	db := open(t, boltdb.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	hold, running := make(chan struct{}), make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() { _ = db.Write(t.Context(), func(*boltdb.Tx) error { close(running); <-hold; return nil }) })
	<-running
	var err error
	wait.Go(func() { err = db.Write(ctx, put("late")) })
	cancel()
	close(hold)
	wait.Wait()
	if !errors.Is(err, context.Canceled) || has(t, db, "late") {
		t.Fatalf("answered %v, stored: %t", err, has(t, db, "late"))
	}
}

func TestWrite_AFullFileRefusesWritesAndServesReads(t *testing.T) {
	db := open(t, boltdb.Options{MaxSize: 1 << 20})
	write(t, db, put("kept"))
	large := make([]byte, 4<<20)
	err := db.Write(t.Context(), func(tx *boltdb.Tx) error { return tx.Bucket(bucket).Put([]byte("large"), large) })
	if !errors.Is(err, boltdb.ErrFull) {
		t.Fatalf("got %v, want ErrFull", err)
	}
	if !has(t, db, "kept") || has(t, db, "large") {
		t.Fatal("reads do not show what was there before")
	}
	write(t, db, put("small"))
}

func TestOpen_NamesTheProcessThatHasTheFile(t *testing.T) {
	db := open(t, boltdb.Options{})
	_, err := boltdb.Open(db.Path(), boltdb.Options{})
	if !errors.Is(err, boltdb.ErrLocked) || !strings.Contains(err.Error(), fmt.Sprint("process ", os.Getpid())) {
		t.Fatalf("got %v", err)
	}
}

func TestOpen_RefusesATruncatedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	db, err := boltdb.Open(path, boltdb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	write(t, db, func(tx *boltdb.Tx) error {
		b, err := tx.CreateBucket(bucket)
		if err != nil {
			return err
		}
		return b.Put([]byte("large"), make([]byte, 1<<20))
	})
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 64<<10); err != nil {
		t.Fatal(err)
	}
	if _, err := boltdb.Open(path, boltdb.Options{}); !errors.Is(err, boltdb.ErrTruncated) {
		t.Fatalf("got %v", err)
	}
}

func TestClose_AnswersWhoeverComesLater(t *testing.T) {
	db := open(t, boltdb.Options{})
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := db.Write(t.Context(), put("x")); !errors.Is(err, boltdb.ErrClosed) {
		t.Errorf("Write: %v", err)
	}
	if err := db.View(t.Context(), func(*bbolt.Tx) error { return nil }); !errors.Is(err, boltdb.ErrClosed) {
		t.Errorf("View: %v", err)
	}
}

// TestSize_WhileTheFileGrows is for the race detector.
func TestSize_WhileTheFileGrows(t *testing.T) {
	db := open(t, boltdb.Options{})
	done := make(chan struct{})
	var reader sync.WaitGroup
	reader.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			if _, err := db.Size(); err != nil {
				t.Error(err)
				return
			}
		}
	})
	before, err := db.Size()
	if err != nil {
		t.Fatal(err)
	}
	for n := range 20 {
		write(t, db, func(tx *boltdb.Tx) error {
			return tx.Bucket([]byte("b")).Put([]byte{byte(n)}, make([]byte, 200_000))
		})
	}
	close(done)
	reader.Wait()
	if after, err := db.Size(); err != nil || after.Bytes < before.Bytes+20*200_000 {
		t.Errorf("%d bytes before, %d after, %v", before.Bytes, after.Bytes, err)
	}
}
