package boltdb_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/service/lifecycle"
)

// TestAfterCommit_APanicFailsTheDatabase makes one of five requests in a commit panic after the commit is on the disk.
// Requests whose memory has followed succeed. The others get an unknown outcome. Nothing more is served, and everything
// is in the file.
func TestAfterCommit_APanicFailsTheDatabase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "test.db")
		db, err := boltdb.Open(path, boltdb.Options{OnCommit: func(boltdb.CommitStats) {}})
		if err != nil {
			t.Fatal(err)
		}
		write(t, db, func(tx *boltdb.Tx) error { _, err := tx.CreateBucket(bucket); return err })
		var followed []string
		and := func(key string, after func()) func(*boltdb.Tx) error {
			return func(tx *boltdb.Tx) error { tx.AfterCommit(after); return put(key)(tx) }
		}
		note := func(key string) func(*boltdb.Tx) error { return and(key, func() { followed = append(followed, key) }) }
		refused := errors.New("refused")
		errs := oneCommit(t, db,
			note("before"), and("panics", func() { panic("a fault that nobody thought of") }), note("after"),
			put("plain"),
			func(*boltdb.Tx) error { return boltdb.Refuse(refused) },
		)
		for i, want := range []error{nil, boltdb.ErrOutcomeUnknown, boltdb.ErrOutcomeUnknown, nil, refused} {
			if !errors.Is(errs[i], want) {
				t.Errorf("request %d got %v, want %v", i, errs[i], want)
			}
		}
		if len(followed) != 1 || followed[0] != "before" {
			t.Errorf("after the commit %v was called", followed)
		}
		failedByAPanic(t, db)
		if err := db.Write(t.Context(), put("later")); !errors.Is(err, boltdb.ErrOutcomeUnknown) {
			t.Errorf("a write after it: %v", err)
		}
		if err := db.View(t.Context(), func(*bbolt.Tx) error { return nil }); !errors.Is(err,
			boltdb.ErrOutcomeUnknown) {
			t.Errorf("a read after it: %v", err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		check(t, path)
		if db, err = boltdb.Open(path, boltdb.Options{}); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		for _, key := range []string{"before", "panics", "after", "plain"} {
			if !has(t, db, key) {
				t.Errorf("%s is not in the file", key)
			}
		}
	})
}

// TestOnCommit_APanicFailsTheDatabase ends the database too, but memory has followed by then.
func TestOnCommit_APanicFailsTheDatabase(t *testing.T) {
	broken := false
	db := open(t, boltdb.Options{OnCommit: func(boltdb.CommitStats) {
		if broken {
			panic("a fault that nobody thought of")
		}
	}})
	broken = true
	followed := false
	if err := db.Write(t.Context(), func(tx *boltdb.Tx) error {
		tx.AfterCommit(func() { followed = true })
		return put("a")(tx)
	}); err != nil || !followed {
		t.Errorf("Write: %v, followed: %t", err, followed)
	}
	failedByAPanic(t, db)
}

func failedByAPanic(t *testing.T, db *boltdb.DB) {
	t.Helper()
	<-db.Failed()
	if err := db.Check(t.Context()); !errors.Is(err, boltdb.ErrOutcomeUnknown) {
		t.Errorf("Check: %v", err)
	}
	err := db.Watch(t.Context())
	if p, ok := errors.AsType[*lifecycle.PanicError](err); !ok || !errors.Is(err, boltdb.ErrOutcomeUnknown) ||
		!strings.Contains(string(p.Stack), "follow_test.go") {
		t.Errorf("Watch: %v, want the panic and its stack", err)
	}
}

// oneCommit makes requests share a commit, in their order. Call it in a bubble.
func oneCommit(t *testing.T, db *boltdb.DB, fns ...func(*boltdb.Tx) error) []error {
	t.Helper()
	queued := make(chan struct{})
	errs := make([]error, len(fns))
	var all sync.WaitGroup
	all.Go(func() {
		_ = db.Write(t.Context(), func(*boltdb.Tx) error { <-queued; return boltdb.Refuse(nil) })
	})
	for i, fn := range fns {
		synctest.Wait() // the one before is in the queue
		all.Go(func() { errs[i] = db.Write(t.Context(), fn) })
	}
	synctest.Wait()
	close(queued)
	all.Wait()
	return errs
}

// TestCheck_ACommitThatHangsIsNotLive blocks a request in the committer, like one that waits for the disk.
func TestCheck_ACommitThatHangsIsNotLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, err := boltdb.Open(filepath.Join(t.TempDir(), "test.db"), boltdb.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		live := func(want bool, when string) {
			t.Helper()
			if err := db.Check(t.Context()); (err == nil) != want || err != nil &&
				!strings.Contains(err.Error(), "committer") {
				t.Errorf("%s: %v", when, err)
			}
		}
		<-time.After(time.Hour)
		live(true, "with nothing to do")
		release, ended := make(chan struct{}), make(chan error)
		go func() {
			ended <- db.Write(context.Background(), func(*boltdb.Tx) error { <-release; return boltdb.Refuse(nil) })
		}()
		<-time.After(lifecycle.StallAfter)
		live(true, "before its time")
		<-time.After(time.Second)
		live(false, "after more than a minute")
		close(release)
		if err := <-ended; err != nil {
			t.Error(err)
		}
		synctest.Wait()
		live(true, "after it went on")
	})
}
