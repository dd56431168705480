package boltdb_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ordertally/shared/boltdb"
)

// TestOpen_ChecksAFileThatWasCopiedOnce opens a file where it was made, under another name, as a copy and after a
// compaction. Only the copy is checked, once, and refused if a record is damaged.
func TestOpen_ChecksAFileThatWasCopiedOnce(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "made.db")
	bad, copied := false, 0
	open := func(path string) error {
		t.Helper()
		db, err := boltdb.Open(path, boltdb.Options{
			Format: boltdb.Format{Service: "test", Number: 1},
			Check: func(r *boltdb.Record) error {
				if bad && !r.IsBucket && string(r.Key) == "key" {
					return errors.New("it is bad")
				}
				return nil
			},
			OnCopied: func() { copied++ },
		})
		if err != nil {
			return err
		}
		if err := db.Write(t.Context(), func(tx *boltdb.Tx) error {
			b, err := tx.CreateBucketIfNotExists([]byte("b"))
			if err != nil {
				return err
			}
			return b.Put([]byte("key"), []byte("value"))
		}); err != nil {
			t.Fatal(err)
		}
		return db.Close()
	}
	opens := func(path string, want int) {
		t.Helper()
		copied = 0
		if err := open(path); err != nil {
			t.Fatal(err)
		}
		if copied != want {
			t.Errorf("%s was taken for a copy %d times, want %d", filepath.Base(path), copied, want)
		}
	}
	opens(path, 0)
	opens(path, 0)
	moved := filepath.Join(dir, "moved.db")
	if err := os.Rename(path, moved); err != nil {
		t.Fatal(err)
	}
	opens(moved, 0)
	content, err := os.ReadFile(moved)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "copy.db")
	if err := os.WriteFile(other, content, 0o600); err != nil {
		t.Fatal(err)
	}
	bad = true
	if err := open(other); !errors.Is(err, boltdb.ErrDamaged) || !strings.Contains(err.Error(), "it is bad") {
		t.Errorf("a damaged copy: %v", err)
	}
	opens(moved, 0) // where it was made, the damage of a record is for those who read it
	bad = false
	opens(other, 1)
	opens(other, 0)
	if _, err := boltdb.Compact(t.Context(), other, func(*boltdb.Record) error { return nil }); err != nil {
		t.Fatal(err)
	}
	opens(other, 0)
}
