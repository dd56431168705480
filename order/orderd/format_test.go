package orderd_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"go.etcd.io/bbolt"

	"ordertally/order/orderd"
	"ordertally/shared/boltdb"
	"ordertally/shared/service"
)

// Before formats had numbers, an order file had no format at all.
func TestService_RefusesAFileOfAnOlderVersion(t *testing.T) {
	path := filepath.Join(t.TempDir(), "order.db")
	raw, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = raw.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucket([]byte("orders"))
		_, other := tx.CreateBucket([]byte("outbox"))
		return errors.Join(err, other)
	})
	if err := errors.Join(err, raw.Close()); err != nil {
		t.Fatal(err)
	}
	s, err := orderd.New(orderd.Config{Config: service.Config{
		Listen: "127.0.0.1:0", OpsListen: "127.0.0.1:0", Data: path, Kafka: []string{"127.0.0.1:1"},
	}}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	err = s.Start(t.Context())
	if !errors.Is(err, boltdb.ErrOldFormat) || !strings.Contains(err.Error(), path) ||
		!strings.Contains(err.Error(), "move it away and start with a new file") {
		t.Error(err)
	}
}
