package service

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"ordertally/shared/boltdb"
)

// TestOpenDatabase_SaysHowToCopyAFileInUse opens half of a file, as a copy may be.
func TestOpenDatabase_SaysHowToCopyAFileInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "order.db")
	format := boltdb.Format{Service: "order", Number: 1}
	db, err := openDatabase(path, format, nil, prometheus.NewRegistry(), zerolog.Nop(), false)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	torn := append([]byte(nil), content...)
	clear(torn[8192:])
	for name, content := range map[string][]byte{"half": content[:8192], "torn": torn} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := openDatabase(path, format, nil, prometheus.NewRegistry(), zerolog.Nop(), false)
		if !errors.Is(err, boltdb.ErrDamaged) && !errors.Is(err, boltdb.ErrTruncated) ||
			!strings.Contains(err.Error(), "`order backup FILE`") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
