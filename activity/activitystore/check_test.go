package activitystore_test

import (
	"testing"

	"go.etcd.io/bbolt"

	"ordertally/activity"
	"ordertally/activity/activitystore"
	"ordertally/shared/boltdb"
	"ordertally/shared/parked"
)

// TestCheck_KnowsTheAuditBySequence: a file with decisions is whole, and one whose newest decision is gone is not.
func TestCheck_KnowsTheAuditBySequence(t *testing.T) {
	f := newFile(t)
	f.park(poison(0, activity.ReasonMalformed), poison(1, activity.ReasonMalformed))
	for _, m := range f.list(activity.ParkedLedger, parked.Filter{}) {
		f.decide(activity.ParkedLedger, parked.Discard, m.ID, nil)
	}
	f.close()
	faults := func() []string {
		t.Helper()
		checked, err := boltdb.CheckFile(t.Context(), f.path, activitystore.Check)
		if err != nil {
			t.Fatal(err)
		}
		return checked.Faults
	}
	if found := faults(); len(found) > 0 {
		t.Errorf("found %v", found)
	}
	f.raw(func(tx *bbolt.Tx) error {
		audit := tx.Bucket([]byte(def.Name)).Bucket([]byte("audit"))
		newest, _ := audit.Cursor().Last()
		return audit.Delete(newest)
	})
	if found := faults(); len(found) != 1 {
		t.Errorf("without its newest decision the check found %v", found)
	}
}
