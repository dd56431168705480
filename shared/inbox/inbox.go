package inbox

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/shared/uuidv7"
)

// DefaultRetention is how long processed keys are kept when Open is given 0.
const DefaultRetention = 14 * 24 * time.Hour

// Content is a digest of what a message says, as its reader defines it. A message that is sent again has the same one.
// 8 bytes are enough: to pass another message off as one that was read, somebody would have to find a second text with
// the digest of the first.
type Content [8]byte

// Message is what identifies a message.
type Message struct {
	// ID is the message's own, 1 to 255 bytes. It stays when the message is sent again.
	ID      string
	Content Content
	// Lineage is that of the file whose outbox wrote the message, at most 255 bytes. Sequence is the slot in that file.
	// Previous is the slot published before it, or 0. Of any other message only the id is known; its Lineage is "".
	Lineage  string
	Sequence uint64
	Previous uint64
	// Written is the time of its record. That is when its slot was given, unless it is Republished.
	Written time.Time
	// ReadBefore says that its offset was read and decided before.
	ReadBefore bool
	// Republished says that an operator had the message published again. Its record then has the time of that, and the
	// time in its id counts instead of Written. The id must be a UUID of version 7. With another id it counts as old.
	Republished bool
}

var errMessage = errors.New("a message needs an id, and with a lineage a slot above the previous one, each name of " +
	"at most 255 bytes")

const maxName = 255

// Inbox decides about the messages of one transaction. It decides in memory, against what is stored. Flush writes the
// decisions, sorted. An Inbox is not safe for concurrent use, and ends with its transaction.
type Inbox struct {
	keys  keys
	slots slots
	key   []byte // of the message that is decided
}

var (
	bucketKeys  = []byte("keys")
	bucketSlots = []byte("slots")
	bucketSizes = []byte("sizes")
	bucketNames = []byte("lineages")
)

// Open prepares an inbox in root, a bucket of a writable transaction. Messages arrive at now. Keys are kept for
// retention, rounded up to whole days. 0 means DefaultRetention.
func Open(root *bbolt.Bucket, now time.Time, retention time.Duration) (*Inbox, error) {
	if retention <= 0 {
		retention = DefaultRetention
	}
	keyRoot, err := root.CreateBucketIfNotExists(bucketKeys)
	if err != nil {
		return nil, fmt.Errorf("open inbox keys: %w", err)
	}
	slotRoot, err := root.CreateBucketIfNotExists(bucketSlots)
	if err != nil {
		return nil, fmt.Errorf("open inbox slots: %w", err)
	}
	sizes, err := root.CreateBucketIfNotExists(bucketSizes)
	if err != nil {
		return nil, fmt.Errorf("open inbox sizes: %w", err)
	}
	const day = 24 * time.Hour
	names, err := root.CreateBucketIfNotExists(bucketNames)
	if err != nil {
		return nil, fmt.Errorf("open inbox lineages: %w", err)
	}
	box := &Inbox{slots: slots{root: slotRoot, sizes: sizes, names: names, lineages: make(map[string]*lineage)}}
	box.keys, err = openKeys(keyRoot, sizes, now, int((retention+day-1)/day))
	return box, err
}

// Verdict is the decision about a message.
type Verdict uint8

// The verdicts.
const (
	Refuse Verdict = iota // it was processed before
	Do                    // it is new: process it
	// DoCovered is Do for a message whose slot was covered before. That is an incident: another program wrote a slot
	// that is not its own.
	DoCovered
	Conflict // its id is known with other content; an operator decides
	Late     // it may have been processed and forgotten; an operator decides
)

// maxAhead is how far ahead a message's time may be. Clocks differ, but not by a day.
const maxAhead = 24 * time.Hour

// Decide decides about m and remembers it (rule C3a, in its order). Whatever it says, the transaction must end
// with Flush or be rolled back. An error means that m is not well formed or that the store is corrupt.
func (b *Inbox) Decide(m Message) (Verdict, error) {
	if err := m.check(); err != nil {
		return Refuse, err
	}
	b.key = appendID(b.key[:0], m.ID)
	key := b.key
	known, found, err := b.keys.find(key)
	if err != nil {
		return Refuse, fmt.Errorf("look up a processed key: %w", err)
	}
	covered := false
	if m.Lineage != "" {
		if covered, err = b.slots.has(m.Lineage, m.Sequence); err != nil {
			return Refuse, fmt.Errorf("look up a counted slot: %w", err)
		}
	}
	old := b.keys.old(m.written())
	switch {
	case old && covered && m.ReadBefore:
		// The message was decided then, and covered its slots then. It may be in a ledger. If an unknown id were
		// remembered now, an operator could not accept the message any more.
		if found {
			b.keys.renew(key, known)
		}
		return Refuse, nil
	case found && !known.has(m.Content):
		return Conflict, b.coverOwn(&m)
	case found:
		b.keys.renew(key, known)
		return Refuse, b.cover(&m)
	case !old || m.Lineage != "" && !covered:
		b.keys.remember(key, entry{first: b.keys.now, contents: b.keys.one(m.Content)})
		if covered {
			return DoCovered, b.cover(&m)
		}
		return Do, b.cover(&m)
	case covered && m.Republished:
		b.keys.remember(key, entry{contents: b.keys.one(m.Content)})
		return Refuse, b.cover(&m)
	}
	return Late, b.coverOwn(&m)
}

// Accept reports whether to process a message that an operator takes out of a ledger, and remembers it. It checks
// neither slot nor time. It accepts each id and content once.
func (b *Inbox) Accept(m Message) (bool, error) {
	if err := m.check(); err != nil {
		return false, err
	}
	b.key = appendID(b.key[:0], m.ID)
	key := b.key
	known, found, err := b.keys.find(key)
	if err != nil {
		return false, fmt.Errorf("look up a processed key: %w", err)
	}
	if found && known.has(m.Content) {
		return false, nil
	}
	if !found {
		known.first = b.keys.now
	}
	known.contents = append(slices.Clip(known.contents), m.Content)
	b.keys.remember(key, known)
	return true, b.coverOwn(&m)
}

// Cover covers slots that need no processing: those of messages that are passed over or kept for an operator.
func (b *Inbox) Cover(lineage string, first, last uint64) error {
	if lineage == "" || len(lineage) > maxName || first == 0 || first > last {
		return errMessage
	}
	return b.slots.cover(lineage, interval{first, last})
}

// written returns when the message was written, as far as its record shows. It is never too late, because a slot is not
// given before the id.
func (m *Message) written() time.Time {
	if !m.Republished {
		return m.Written
	}
	id, err := uuidv7.Parse(m.ID)
	if err != nil {
		return time.Time{}
	}
	return id.Time()
}

func (m *Message) check() error {
	if m.ID == "" || len(m.ID) > maxName || len(m.Lineage) > maxName || m.Lineage != "" && m.Previous >= m.Sequence {
		return errMessage
	}
	return nil
}

// cover covers the message's slot, and the skipped slots between it and the one published before it.
func (b *Inbox) cover(m *Message) error {
	if m.Lineage == "" {
		return nil
	}
	return b.slots.cover(m.Lineage, interval{m.Previous + 1, m.Sequence})
}

// coverOwn covers only the message's own slot. What a message in a ledger says about other slots is not believed.
func (b *Inbox) coverOwn(m *Message) error {
	if m.Lineage == "" {
		return nil
	}
	return b.slots.cover(m.Lineage, interval{m.Sequence, m.Sequence})
}

// Flush writes what was decided, and drops the keys past their retention.
func (b *Inbox) Flush() error {
	if err := b.keys.flush(); err != nil {
		return fmt.Errorf("store processed keys: %w", err)
	}
	if err := b.slots.flush(); err != nil {
		return fmt.Errorf("store counted slots: %w", err)
	}
	return nil
}
