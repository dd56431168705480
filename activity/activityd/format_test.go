package activityd_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"ordertally/activity/activityd"
	"ordertally/activity/activitystore"
	"ordertally/shared/boltdb"
	"ordertally/shared/service"
)

func TestService_RefusesAFileOfAnotherVersion(t *testing.T) {
	older, newer := activitystore.Format, activitystore.Format
	older.Number--
	newer.Number++
	for format, want := range map[boltdb.Format]error{older: boltdb.ErrOldFormat, newer: boltdb.ErrNewFormat} {
		path := filepath.Join(t.TempDir(), "activity.db")
		db, err := boltdb.Open(path, boltdb.Options{Format: format})
		if err == nil {
			err = db.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		s, err := activityd.New(activityd.Config{Config: service.Config{
			Listen: "127.0.0.1:0", OpsListen: "127.0.0.1:0", Data: path, Kafka: []string{"127.0.0.1:1"},
		}}, zerolog.Nop())
		if err != nil {
			t.Fatal(err)
		}
		err = s.Start(t.Context())
		if !errors.Is(err, want) || !strings.Contains(err.Error(), path) ||
			!strings.Contains(err.Error(), format.String()) {
			t.Errorf("a file of %s: %v", format, err)
		}
	}
}
