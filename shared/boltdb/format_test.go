package boltdb_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
)

var shop = boltdb.Format{Service: "shop", Number: 3}

// rawFile makes a file without our own code, and returns its path.
func rawFile(t *testing.T, fill func(tx *bbolt.Tx) error) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "some.db")
	raw, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(raw.Update(fill), raw.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// fileOf makes a file of that format.
func fileOf(t *testing.T, format boltdb.Format) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "some.db")
	db, err := boltdb.Open(path, boltdb.Options{Format: format})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFormat_RefusesFilesOfOthersAndLeavesThemAsTheyAre(t *testing.T) {
	const wayOn = "move it away and start with a new file"
	for name, test := range map[string]struct {
		path string
		want error
		says string
	}{
		"older": {fileOf(t, boltdb.Format{Service: "shop", Number: 2}), boltdb.ErrOldFormat, wayOn},
		"from before formats had numbers": {rawFile(t, func(tx *bbolt.Tx) error {
			_, err := tx.CreateBucket([]byte("orders"))
			return err
		}), boltdb.ErrOldFormat, wayOn},
		"newer": {fileOf(t, boltdb.Format{Service: "shop", Number: 4}), boltdb.ErrNewFormat, "ordertally-shop/4"},
		"of another service": {fileOf(t, boltdb.Format{Service: "bank", Number: 3}), boltdb.ErrForeign,
			"ordertally-bank/3"},
	} {
		before, err := os.ReadFile(test.path)
		if err != nil {
			t.Fatal(err)
		}
		refused := func(doing string, err error) {
			if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.path) ||
				!strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s, %s: %v", name, doing, err)
			}
		}
		_, err = boltdb.Open(test.path, boltdb.Options{Format: shop})
		refused("opened", err)
		check := func(r *boltdb.Record) error {
			if r.Key == nil {
				return shop.Check(r.Tx)
			}
			return nil
		}
		_, err = boltdb.CheckFile(t.Context(), test.path, check)
		refused("checked", err)
		_, err = boltdb.Compact(t.Context(), test.path, check)
		refused("compacted", err)
		if after, err := os.ReadFile(test.path); err != nil || !bytes.Equal(before, after) {
			t.Errorf("%s: the file was changed, %v", name, err)
		}
	}
}

func TestFormat_StaysInItsFile(t *testing.T) {
	path := fileOf(t, shop)
	db, err := boltdb.Open(path, boltdb.Options{Format: shop})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.View(t.Context(), shop.Check); err != nil {
		t.Error(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	none := func(r *boltdb.Record) error {
		if r.Key != nil {
			return errors.New("a Checker sees the record of the format")
		}
		return nil
	}
	if done, err := boltdb.CheckFile(t.Context(), path, none); err != nil || len(done.Faults) > 0 {
		t.Errorf("%q, %v", done.Faults, err)
	}
}

func TestFormat_DamageIsFound(t *testing.T) {
	for name, spoil := range map[string]func(meta *bbolt.Bucket) error{
		"a flipped bit": func(meta *bbolt.Bucket) error {
			sealed := bytes.Clone(meta.Get([]byte("format")))
			sealed[len(sealed)-1] ^= 1
			return meta.Put([]byte("format"), sealed)
		},
		"another record": func(meta *bbolt.Bucket) error { return meta.Put([]byte("else"), []byte("else")) },
		"a bucket":       func(meta *bbolt.Bucket) error { _, err := meta.CreateBucket([]byte("b")); return err },
	} {
		path := fileOf(t, shop)
		raw, err := bbolt.Open(path, 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		err = raw.Update(func(tx *bbolt.Tx) error { return spoil(tx.Bucket([]byte("meta"))) })
		if err := errors.Join(err, raw.Close()); err != nil {
			t.Fatal(err)
		}
		done, err := boltdb.CheckFile(context.Background(), path, func(*boltdb.Record) error { return nil })
		if err != nil || len(done.Faults) != 1 {
			t.Errorf("%s: %q, %v", name, done.Faults, err)
		}
	}
}
