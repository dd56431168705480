package auth_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ordertally/shared/auth"
	"ordertally/shared/boltdb"
)

func TestConfig_ChecksWithoutAService(t *testing.T) {
	const exposed = "0.0.0.0:8080"
	check := func(c auth.Config, addr, path string) error { return c.Check(t.Context(), addr, format, path) }
	f := newFile(t)
	f.make("shop", time.Time{}, auth.OrdersRead)
	if err := check(auth.Config{}, exposed, f.path); !errors.Is(err, boltdb.ErrLocked) ||
		errors.Is(err, auth.ErrExposed) {
		t.Errorf("a file that is in use: %v", err)
	}
	if err := check(auth.Config{}, "127.0.0.1:1", f.path); err != nil {
		t.Errorf("on loopback the file is opened: %v", err)
	}
	if err := f.db.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(f.path)
	if err != nil {
		t.Fatal(err)
	}
	if err := check(auth.Config{}, exposed, f.path); err != nil {
		t.Errorf("with a key: %v", err)
	}
	if after, err := os.ReadFile(f.path); err != nil || !bytes.Equal(after, before) {
		t.Errorf("the file was changed, %v", err)
	}

	without := newFile(t)
	if err := without.db.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	absent, empty, broken := filepath.Join(dir, "absent.db"), filepath.Join(dir, "empty.db"),
		filepath.Join(dir, "broken.db")
	for path, text := range map[string]string{empty: "", broken: "no database, but long enough to be one"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{without.path, absent, empty} {
		if err := check(auth.Config{}, exposed, path); !errors.Is(err, auth.ErrExposed) {
			t.Errorf("%s: %v", path, err)
		}
		for _, closed := range []auth.Config{{AllowUnauthenticated: true},
			{OIDCIssuer: "https://issuer.example", OIDCAudience: "orders"}} {
			if err := check(closed, exposed, path); err != nil {
				t.Errorf("%s, %+v: %v", path, closed, err)
			}
		}
	}
	if err := check(auth.Config{}, exposed, broken); err == nil || errors.Is(err, auth.ErrExposed) ||
		errors.Is(err, boltdb.ErrLocked) {
		t.Errorf("what is no database: %v", err)
	}
	if info, err := os.Stat(empty); err != nil || info.Size() != 0 {
		t.Errorf("the empty file was made a database: %v", err)
	}
	if _, err := os.Stat(absent); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file was made: %v", err)
	}
}
