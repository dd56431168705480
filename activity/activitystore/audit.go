package activitystore

import (
	"context"
	"encoding/binary"
	"fmt"

	"go.etcd.io/bbolt"

	"ordertally/activity"
)

// maxActs is how many records the audit keeps.
const maxActs = 100_000

// putAct appends a record to the audit and drops the oldest beyond the limit.
func putAct(root *bbolt.Bucket, st *state, act activity.Act) error {
	bucket := root.Bucket(bucketAudit)
	st.Acts++
	if err := putJSON(bucket, actKey(st.Acts), act); err != nil {
		return fmt.Errorf("record an act: %w", err)
	}
	if st.Acts > maxActs {
		return bucket.Delete(actKey(st.Acts - maxActs))
	}
	return nil
}

func actKey(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// eachAct visits the records, the newest first, until visit says no.
func eachAct(root *bbolt.Bucket, visit func(activity.Act) bool) error {
	cursor := root.Bucket(bucketAudit).Cursor()
	for key, sealed := cursor.Last(); key != nil; key, sealed = cursor.Prev() {
		var act activity.Act
		if err := readJSON(key, sealed, &act); err != nil {
			return fmt.Errorf("read the audit: %w", err)
		}
		if !visit(act) {
			return nil
		}
	}
	return nil
}

// Audit returns the newest acts of operators, the newest first.
func (s *Store) Audit(ctx context.Context, limit int) (acts []activity.Act, err error) {
	err = s.view(ctx, func(root *bbolt.Bucket, _ *state) error {
		return eachAct(root, func(act activity.Act) bool {
			acts = append(acts, act)
			return len(acts) < limit
		})
	})
	return acts, err
}
