package outbox

import "go.etcd.io/bbolt"

// skips tells of ascending slots whether they are skipped. It reads each mark once.
type skips struct {
	cursor *bbolt.Cursor
	next   []byte // the first mark that was not passed, or nil
}

// newSkips returns skips of the slots from first on.
func newSkips(root *bbolt.Bucket, first uint64) *skips {
	s := &skips{cursor: root.Bucket(skippedBucket).Cursor()}
	s.next, _ = s.cursor.Seek(slotKey(first))
	return s
}

func (s *skips) has(slot uint64) bool {
	for s.next != nil && slotOf(s.next) < slot {
		s.next, _ = s.cursor.Next()
	}
	return s.next != nil && slotOf(s.next) == slot
}
