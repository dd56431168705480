package boltdb_test

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
)

// gathered writes what the requests of a group gathered under one key.
type gathered struct {
	tx        *bbolt.Tx
	names     []string
	fails     error
	panics    bool
	committed []string
}

// add returns a request that adds a name and ends with err.
func (g *gathered) add(name string, err error) func(*boltdb.Tx) error {
	return func(tx *boltdb.Tx) error {
		if g.tx != tx.Tx {
			g.tx, g.names = tx.Tx, nil
			tx.Join(g)
		}
		g.names = append(g.names, name)
		return err
	}
}

func (g *gathered) BeforeCommit() error {
	if g.fails != nil {
		return g.fails
	}
	return g.tx.Bucket(bucket).Put([]byte("all"), []byte(strings.Join(g.names, " ")))
}

func (g *gathered) Committed() {
	if g.panics {
		panic("a fault that nobody thought of")
	}
	g.committed = append(g.committed, strings.Join(g.names, " "))
}

func joined(t *testing.T, run func(t *testing.T, db *boltdb.DB, g *gathered)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		db, err := boltdb.Open(filepath.Join(t.TempDir(), "test.db"), boltdb.Options{})
		if err != nil {
			t.Fatal(err)
		}
		write(t, db, func(tx *boltdb.Tx) error { _, err := tx.CreateBucket(bucket); return err })
		run(t, db, &gathered{})
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestJoin_IsCalledOnceForTheRequestsThatCommit(t *testing.T) {
	joined(t, func(t *testing.T, db *boltdb.DB, g *gathered) {
		broken := errors.New("broken")
		errs := oneCommit(t, db, g.add("a", nil), g.add("undone", broken), put("plain"), g.add("b", nil))
		if want := []error{nil, broken, nil, nil}; !slices.EqualFunc(errs, want, errors.Is) {
			t.Errorf("answered %v", errs)
		}
		if len(g.committed) != 1 || g.committed[0] != "a b" {
			t.Errorf("told of %q after the commit", g.committed)
		}
		if err := db.View(t.Context(), func(tx *bbolt.Tx) error {
			if all := string(tx.Bucket(bucket).Get([]byte("all"))); all != "a b" {
				t.Errorf("%q is stored", all)
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
	})
}

func TestJoin_AnErrorFailsTheGroupAndStoresNothing(t *testing.T) {
	joined(t, func(t *testing.T, db *boltdb.DB, g *gathered) {
		g.fails = errors.New("cannot be written")
		for i, err := range oneCommit(t, db, g.add("a", nil), put("plain")) {
			if !errors.Is(err, g.fails) {
				t.Errorf("request %d got %v", i, err)
			}
		}
		if has(t, db, "plain") || len(g.committed) > 0 {
			t.Errorf("stored, and told of %q", g.committed)
		}
		g.fails = nil
		write(t, db, g.add("again", nil))
		if len(g.committed) != 1 || g.committed[0] != "again" {
			t.Errorf("told of %q after the next commit", g.committed)
		}
	})
}

func TestJoin_APanicAfterTheCommitLeavesTheOutcomeOfAllUnknown(t *testing.T) {
	joined(t, func(t *testing.T, db *boltdb.DB, g *gathered) {
		g.panics = true
		for i, err := range oneCommit(t, db, g.add("a", nil), put("plain")) {
			if !errors.Is(err, boltdb.ErrOutcomeUnknown) {
				t.Errorf("request %d got %v", i, err)
			}
		}
		<-db.Failed()
	})
}
