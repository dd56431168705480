package inbox

import (
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
)

// DefaultRetention is how long processed keys are kept when Open is given 0.
const DefaultRetention = 14 * 24 * time.Hour

// Message is what identifies a message.
type Message struct {
	// ID is the message's own, 1 to 255 bytes. It stays when the message is sent again.
	ID string
	// Lineage names the file whose outbox wrote the message, at most 255 bytes; "" when none did, and then the id is all
	// there is. Sequence is its slot there, Previous the slot published before it, 0 for none.
	Lineage  string
	Sequence uint64
	Previous uint64
}

var errMessage = errors.New("a message needs an id, and with a lineage a slot above the previous one, each name of at most 255 bytes")

const maxName = 255

// Inbox decides about the messages of one transaction. Decisions are made in memory against what is stored; Flush
// writes them, sorted. It is not safe for concurrent use, and ends with its transaction.
type Inbox struct {
	keys  keys
	slots slots
}

// Open prepares an inbox in root, a bucket of a writable transaction. Messages arrive at now. Keys are kept for
// retention, rounded up to whole days, 0 meaning DefaultRetention.
func Open(root *bbolt.Bucket, now time.Time, retention time.Duration) (*Inbox, error) {
	if retention <= 0 {
		retention = DefaultRetention
	}
	keyRoot, err := root.CreateBucketIfNotExists([]byte("keys"))
	if err != nil {
		return nil, fmt.Errorf("open inbox keys: %w", err)
	}
	slotRoot, err := root.CreateBucketIfNotExists([]byte("slots"))
	if err != nil {
		return nil, fmt.Errorf("open inbox slots: %w", err)
	}
	sizes, err := root.CreateBucketIfNotExists([]byte("sizes"))
	if err != nil {
		return nil, fmt.Errorf("open inbox sizes: %w", err)
	}
	const day = 24 * time.Hour
	box := &Inbox{slots: slots{root: slotRoot, lineages: make(map[string]*lineage)}}
	box.keys, err = openKeys(keyRoot, sizes, now, int((retention+day-1)/day))
	return box, err
}

// Once reports whether m is seen for the first time, and remembers it. Whatever it reports, the transaction must end
// with Flush or be rolled back. An error means that m is not well formed or that the store is corrupt.
func (b *Inbox) Once(m Message) (bool, error) {
	if m.ID == "" || len(m.ID) > maxName || len(m.Lineage) > maxName || m.Lineage != "" && m.Previous >= m.Sequence {
		return false, errMessage
	}
	key := packID(m.ID)
	knownKey, err := b.keys.seen(key)
	if err != nil {
		return false, fmt.Errorf("look up a processed key: %w", err)
	}
	if m.Lineage == "" {
		return !knownKey, nil
	}
	// A message that its key refuses covers its slot all the same: it may have been sent again under a new one.
	knownSlot, err := b.slots.seen(m.Lineage, m.Previous+1, m.Sequence)
	if err != nil {
		return false, fmt.Errorf("look up a counted slot: %w", err)
	}
	if knownSlot && !knownKey { // its key was dropped meanwhile
		b.keys.forgetTime(key)
	}
	return !knownKey && !knownSlot, nil
}

// maxAhead is how far a message may come from the future: clocks differ, but not by a day.
const maxAhead = 24 * time.Hour

// Forgotten reports whether m could have been seen before and forgotten since, so that nobody can tell: it has no lineage, its id is
// not known, and it was written before the newest dropped day of arrival ended. So is one that claims to be written more than a day
// from now: its day may be dropped while it still looks new. It remembers nothing; whoever does not ask Once then does
// not see m as read.
func (b *Inbox) Forgotten(m Message, written time.Time) (bool, error) {
	now := b.keys.now.time()
	if m.Lineage != "" || !written.Before(b.keys.horizon()) && !written.After(now.Add(maxAhead)) {
		return false, nil
	}
	known, err := b.keys.known(packID(m.ID))
	if err != nil {
		return false, fmt.Errorf("look up a processed key: %w", err)
	}
	return !known, nil
}

// Flush writes what Once was told, and drops the keys past their retention.
func (b *Inbox) Flush() error {
	if err := b.keys.flush(); err != nil {
		return fmt.Errorf("store processed keys: %w", err)
	}
	if err := b.slots.flush(); err != nil {
		return fmt.Errorf("store counted slots: %w", err)
	}
	return nil
}
