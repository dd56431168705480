package inbox

import (
	"fmt"
	"time"

	"go.etcd.io/bbolt"
)

// Trace is what is known about a message. The zero Trace is that of an unknown message.
type Trace struct {
	ByID bool // its id is among the processed keys
	// BySequence says that its slot is covered. A slot is also covered if it was skipped or passed over, or if an
	// operator gave it up.
	BySequence bool
	At         time.Time // of the first read, to the microsecond; zero if not known any more
}

// Find returns what is known about m in the bucket of an inbox, in any transaction. It looks for a message without a
// lineage only by its id.
func Find(root *bbolt.Bucket, m Message) (Trace, error) {
	var found Trace
	if keys := root.Bucket(bucketKeys); keys != nil {
		key := packID(m.ID)
		days := keys.Cursor()
		for name, _ := days.Last(); name != nil && !found.ByID; name, _ = days.Prev() {
			sealed := keys.Bucket(name).Get(key)
			if sealed == nil {
				continue
			}
			known, err := entryOf(key, sealed)
			if err != nil {
				return Trace{}, fmt.Errorf("look up a processed key: %w", err)
			}
			found.ByID, found.At = true, known.first.time()
		}
	}
	slots := root.Bucket(bucketSlots)
	if m.Lineage == "" || len(m.Lineage) > maxName || slots == nil {
		return found, nil
	}
	bucket := slots.Bucket([]byte(m.Lineage))
	if bucket == nil {
		return found, nil
	}
	l, err := openLineage(bucket)
	if err == nil {
		found.BySequence, err = l.stored(m.Sequence)
	}
	if err != nil {
		return Trace{}, fmt.Errorf("look up a counted slot: %w", err)
	}
	return found, nil
}
