package activityapi_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"ordertally/activity"
	"ordertally/shared/boltdb"
	"ordertally/shared/parked"
)

// TestLedger_ADamagedEntryIsPassedAndNamed reads a list and an export, and decides about all. Asked for by its id, the
// entry is refused.
func TestLedger_ADamagedEntryIsPassedAndNamed(t *testing.T) {
	s := newServer(t)
	s.park()
	page, err := s.ledgers.ledger(activity.ParkedLedger).List(t.Context(), parked.Filter{}, "", 200)
	if err != nil {
		t.Fatal(err)
	}
	bad, others := page.Messages[1].ID, len(page.Messages)-1
	err = s.db.Write(t.Context(), func(tx *boltdb.Tx) error {
		entries := tx.Bucket([]byte(def.Name)).Bucket([]byte("parked")).Bucket([]byte(def.Topic))
		return damageSecond(entries)
	})
	if err != nil {
		t.Fatal(err)
	}
	if text := s.get(parkedPath); !strings.Contains(text, `"corrupt":["`+bad+`"]`) ||
		strings.Count(text, `"message_id"`) != others {
		t.Errorf("the list: %s", text)
	}
	if text := s.get(parkedPath + "/export?class=malformed"); !strings.HasSuffix(text,
		"\n"+`{"corrupt":["`+bad+`"]}`) ||
		strings.Count(text, "\n") != 1 {
		t.Errorf("the export: %s", text)
	}
	if status, text := s.post(parkedPath+"/"+bad+"/retry", "{}"); status != http.StatusInternalServerError ||
		!strings.Contains(text, `"corrupt_record"`) {
		t.Errorf("a retry of it: %d %s", status, text)
	}
	status, text := s.post(parkedPath+"/discard", `{"all":true,"reason":"a test"}`)
	if status != http.StatusOK || !strings.Contains(text, `"corrupt":["`+bad+`"]`) {
		t.Errorf("a discard of all: %d %s", status, text)
	}
	page, err = s.ledgers.ledger(activity.ParkedLedger).List(t.Context(), parked.Filter{}, "", 200)
	if err != nil || len(page.Messages) != 0 || !slices.Equal(page.Corrupt, []string{bad}) {
		t.Errorf("afterwards: %+v, %v", page, err)
	}
}

func damageSecond(records *bbolt.Bucket) error {
	cursor := records.Cursor()
	_, _ = cursor.First()
	key, value := cursor.Next()
	if key == nil {
		return errors.New("there is no second record")
	}
	value = slices.Clone(value)
	value[len(value)-1] ^= 1
	return records.Put(slices.Clone(key), value)
}
