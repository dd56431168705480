package auth

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"ordertally/shared/boltdb"
	"ordertally/shared/clock"
)

// The file decides, in the transaction that would store the key, because that may have the revocation too.
func TestKeys_ARevokedKeyMakesNoKey(t *testing.T) {
	db, err := boltdb.Open(filepath.Join(t.TempDir(), "keys.db"), boltdb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	keys, err := OpenKeys(t.Context(), db, clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	admin, _, err := keys.New(t.Context(), "admin", []string{KeysWrite}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	by := keys.all()[admin.ID].caller
	if _, _, err := keys.NewBy(t.Context(), by, "one", []string{KeysWrite}, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if _, err := keys.Revoke(t.Context(), admin.ID); err != nil {
		t.Fatal(err)
	}
	if _, _, err := keys.NewBy(t.Context(), by, "two", []string{KeysWrite}, time.Time{}); !errors.Is(err, ErrRevoked) ||
		len(keys.List()) != 2 {
		t.Errorf("got %v and %d keys, want %v and 2", err, len(keys.List()), ErrRevoked)
	}
}
