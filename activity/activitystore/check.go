package activitystore

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"

	"ordertally/activity"
	"ordertally/shared/auth"
	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/codec"
	"ordertally/shared/inbox"
	"ordertally/shared/parked"
)

// Check is the boltdb.Checker of an activity file. It checks each record, and whether the records that belong to it
// exist.
func Check(r *boltdb.Record) error {
	switch {
	case r.End:
		return nil
	case r.Key == nil:
		return Format.Check(r.Tx)
	case len(r.Path) == 1 && string(r.Key) == string(bucketAudit) && r.IsBucket:
		if r.Tx == nil {
			return nil
		}
		return parked.CheckAudit(r.Tx.Bucket(r.Path[0]).Bucket(bucketAudit))
	case r.IsBucket && r.Sequence != 0:
		return fmt.Errorf("its sequence is %d, and it has none", r.Sequence)
	case r.Within([]byte(auth.Bucket)):
		return auth.CheckRecord(r)
	case len(r.Path) == 0:
		if !r.IsBucket {
			return errors.New("no record belongs there")
		}
		return checkRoot(r)
	}
	var root *bbolt.Bucket
	if r.Tx != nil {
		root = r.Tx.Bucket(r.Path[0])
	}
	path := r.Path[1:]
	if len(path) > 0 && string(path[0]) == string(bucketReplaced) {
		return nil // it is not used any more
	}
	if len(path) > 0 && string(path[0]) == string(bucketRebuild) {
		path = path[1:]
		if root != nil {
			root = root.Bucket(bucketRebuild)
		}
	}
	return checkBelow(r, path, root)
}

// checkBelow checks what is below the bucket of an activity, or of its rebuild. path leads on from there.
func checkBelow(r *boltdb.Record, path [][]byte, root *bbolt.Bucket) error {
	if len(path) == 0 {
		if r.IsBucket { // some are made when they are needed
			return known(r.Key, append(buckets(), keyReading, bucketIncidents, bucketMerged, bucketRebuild,
				bucketReplaced)...)
		}
		text, err := codec.Unseal(r.Key, r.Value)
		if err == nil && !json.Valid(text) {
			err = boltdb.ErrCorrupt
		}
		return err
	}
	if string(path[0]) == string(bucketInbox) {
		var box *bbolt.Bucket
		if root != nil {
			box = root.Bucket(bucketInbox)
		}
		return inbox.Check(r, path[1:], box)
	}
	if r.IsBucket {
		return checkBucket(r, path, root)
	}
	return checkRecord(r, path, root)
}

// buckets are those of an activity.
func buckets() [][]byte {
	return append(ledgerBuckets(), bucketBins, bucketInbox, bucketPositions, bucketIndexes, bucketAudit)
}

func ledgerBuckets() (names [][]byte) {
	for _, name := range activity.AllLedgers() {
		names = append(names, []byte(name))
	}
	return names
}

func known(name []byte, names ...[]byte) error {
	if slices.ContainsFunc(names, func(other []byte) bool { return string(other) == string(name) }) {
		return nil
	}
	return errors.New("an activity has nothing of that name")
}

// checkRoot checks the bucket of an activity: it must say what it is called, and have all buckets.
func checkRoot(r *boltdb.Record) error {
	if string(r.Key) == auth.Bucket || r.Tx == nil {
		return nil
	}
	root := r.Tx.Bucket(r.Key)
	called, err := namesOf(root)
	if err == nil && called.Activity != string(r.Key) {
		err = fmt.Errorf("%w: the activity calls itself %q", boltdb.ErrCorrupt, called.Activity)
	}
	for _, name := range buckets() {
		if err == nil && root.Bucket(name) == nil {
			err = fmt.Errorf("it has no %s", name)
		}
	}
	return err
}

func namesOf(root *bbolt.Bucket) (called names, err error) {
	sealed := root.Get(keyNames)
	if sealed == nil {
		return names{}, fmt.Errorf("%w: it does not say what it is called", boltdb.ErrCorrupt)
	}
	return called, readJSON(keyNames, sealed, &called)
}

func checkBucket(r *boltdb.Record, path [][]byte, root *bbolt.Bucket) error {
	switch {
	case len(path) == 1 && string(path[0]) == string(bucketIndexes):
		return known(r.Key, ledgerBuckets()...)
	case len(path) == 2 && string(path[0]) == string(bucketIndexes):
		return known(r.Key, bucketAges, bucketIDs, bucketOverflow)
	case len(path) == 1 && known(path[0], append(ledgerBuckets(), bucketPositions)...) == nil:
		if root == nil {
			return nil
		}
		called, err := namesOf(root)
		if err == nil && !slices.Contains(called.Topics, string(r.Key)) {
			err = fmt.Errorf("%w: the activity was never read from a topic of that name", boltdb.ErrCorrupt)
		}
		return err
	}
	return errors.New("no bucket belongs there")
}

func checkRecord(r *boltdb.Record, path [][]byte, root *bbolt.Bucket) error {
	if known(path[0], ledgerBuckets()...) == nil {
		return checkKept(r, path, root)
	}
	switch string(path[0]) {
	case string(bucketBins):
		bin, err := parseBinKey(r.Key)
		if err != nil {
			return err
		}
		r.Name = fmt.Sprintf(
			"quarter hour %s of partition %d",
			bin.quarter.Start().UTC().Format("2006-01-02 15:04"),
			bin.partition,
		)
		_, err = decodeTotals(r.Key, bin.partition, r.Value)
		return err
	case string(bucketIncidents):
		_, err := readIncident(r.Key, r.Value)
		return err
	case string(bucketMerged):
		return checkMerged(r, root)
	case string(bucketIndexes):
		return checkIndexed(r, path, root)
	case string(bucketPositions):
		if len(r.Key) != 4 {
			return boltdb.ErrCorrupt
		}
		return readJSON(r.Key, r.Value, new(activity.Position))
	}
	_, err := codec.Unseal(r.Key, r.Value)
	return err
}

// checkKept looks at a message of a ledger.
func checkKept(r *boltdb.Record, path [][]byte, root *bbolt.Bucket) error {
	if len(r.Key) == keptKeySize {
		r.Name = "message " + entryID(r.Key)
	}
	kept, err := decodeKept(r.Key, r.Value)
	if err != nil || root == nil {
		return err
	}
	index := root.Bucket(bucketIndexes).Bucket(path[0])
	if index.Bucket(bucketAges).Get(ageKey(kept.At, r.Key)) == nil ||
		kept.MessageID != "" && index.Bucket(bucketIDs).Get(idKey(kept.MessageID, r.Key)) == nil {
		return fmt.Errorf("%w: it is missing in an index", boltdb.ErrCorrupt)
	}
	return nil
}

// checkIndexed checks that the message exists to which an entry of an index leads.
func checkIndexed(r *boltdb.Record, path [][]byte, root *bbolt.Bucket) error {
	if _, err := codec.Unseal(r.Key, r.Value); err != nil {
		return err
	}
	if len(path) != 3 || string(path[2]) == string(bucketOverflow) || root == nil {
		return nil
	}
	if len(r.Key) < keptKeySize {
		return boltdb.ErrCorrupt
	}
	key := r.Key[len(r.Key)-keptKeySize:]
	r.Name = "message " + entryID(key)
	found := false
	messages := root.Bucket(path[1])
	err := messages.ForEachBucket(func(topic []byte) error {
		found = found || messages.Bucket(topic).Get(key) != nil
		return nil
	})
	if err == nil && !found {
		err = fmt.Errorf("%w: the message is missing", boltdb.ErrCorrupt)
	}
	return err
}
