package boltdb_test

import (
	"testing"

	"ordertally/shared/boltdb"
)

// TestSyncTime_LargeCommitsDoNotCount exists because large commits take longer just for their size.
func TestSyncTime_LargeCommitsDoNotCount(t *testing.T) {
	db := open(t, boltdb.Options{})
	large := func(tx *boltdb.Tx) error { return tx.Bucket(bucket).Put([]byte("large"), make([]byte, 2<<20)) }
	write(t, db, put("small"))
	before := db.SyncTime()
	if before == 0 {
		t.Fatal("a small commit took no time")
	}
	for range 5 {
		write(t, db, large)
	}
	if after := db.SyncTime(); after != before {
		t.Errorf("%v after a small commit, %v after large ones", before, after)
	}
	write(t, db, func(tx *boltdb.Tx) error { return tx.Bucket(bucket).Delete([]byte("large")) })
	if after := db.SyncTime(); after == before {
		t.Error("a small commit counts no more")
	}
}
