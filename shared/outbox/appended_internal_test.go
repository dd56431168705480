package outbox

import (
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"

	"ordertally/shared/boltdb"
)

// TestAppend_AGroupThatRunsAgainHandsOnEachMessageOnce has a request fail after it appended, so that its group runs
// again without it (rule G2).
func TestAppend_AGroupThatRunsAgainHandsOnEachMessageOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, err := boltdb.Open(filepath.Join(t.TempDir(), "outbox.db"), boltdb.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		o, err := Open(t.Context(), db, Config{})
		if err != nil {
			t.Fatal(err)
		}
		broken := errors.New("broken")
		appending := func(key string, then error) func(*boltdb.Tx) error {
			return func(tx *boltdb.Tx) error {
				_, err := o.Append(tx, Message{Key: []byte(key), Type: "T"})
				return errors.Join(err, then)
			}
		}
		hold := make(chan struct{})
		var all sync.WaitGroup
		all.Go(func() {
			_ = db.Write(t.Context(), func(*boltdb.Tx) error { <-hold; return boltdb.Refuse(nil) })
		})
		for _, fn := range []func(*boltdb.Tx) error{appending("a", nil), appending("undone", broken),
			appending("b", nil)} {
			synctest.Wait() // the one before is in the queue
			all.Go(func() {
				if err := db.Write(t.Context(), fn); err != nil && !errors.Is(err, broken) {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		close(hold)
		all.Wait()
		rows, _ := o.queue.take(0, 10, 1<<20)
		if len(rows) != 2 || string(rows[0].message.Key) != "a" || string(rows[1].message.Key) != "b" ||
			rows[0].slot != 1 || rows[1].slot != 2 || o.retained.Load() != 2 {
			t.Errorf("the relay gets %+v, and %d rows are retained", rows, o.retained.Load())
		}
	})
}
