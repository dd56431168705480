// Package parked is about messages that are set aside until an operator decides: those that the order service could not
// publish, and those that the activity service did not count. It lists and shows them, carries out what operators
// decide, and keeps an audit entry of each decision in the transaction that carries it out.
//
// How a service keeps its messages, and what retrying one means, is the service's own: it implements Store. Package
// parkedapi serves a Ledger over HTTP, and package parkedverbs has the commands.
package parked

import (
	"errors"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
)

// ErrNotParked says that a ledger has no such message: it was never there, or somebody decided about it already.
var ErrNotParked = errors.New("no such message is parked: it never was, or somebody decided about it already")

// Verb is what an operator decides about a message.
type Verb string

// The verbs. Every ledger takes the first two.
const (
	Retry   Verb = "retry"   // publish or count it after all
	Discard Verb = "discard" // give it up, for ever
	Skip    Verb = "skip"    // do not read it at all
	// Rebuild and Swap are about an activity as a whole: to count it again, and to serve what was counted again.
	Rebuild Verb = "rebuild"
	Swap    Verb = "swap"
)

// NeedsReason reports whether an operator must say why. Otherwise a reason is welcome.
func (v Verb) NeedsReason() bool { return v != Retry && v != Rebuild && v != Swap }

// Verbs returns all verbs.
func Verbs() []Verb { return []Verb{Retry, Discard, Skip, Rebuild, Swap} }

// Past returns what a decision is called once it is carried out: retried, discarded, accepted.
func Past(verb string) string {
	if stem, ends := strings.CutSuffix(verb, "y"); ends {
		return stem + "ied"
	}
	return verb + "ed"
}

// Outcome says what a retry did with a message, if that is known at once.
type Outcome string

// The outcomes.
const (
	Counted     Outcome = "counted"
	Duplicate   Outcome = "duplicate"    // it was counted before
	StillParked Outcome = "still_parked" // it still cannot be counted
)

// Outcomes returns all outcomes.
func Outcomes() []Outcome { return []Outcome{Counted, Duplicate, StillParked} }

// Decision is what is decided about messages, why, and by whom. Reason and By may be empty. 500 bytes of each are kept.
type Decision struct {
	Verb       Verb
	Reason, By string
}

// Filter selects messages. The zero Filter selects all.
type Filter struct {
	Class   string    // "" for any
	Subject string    // "" for any
	Before  time.Time // only those parked earlier; zero for any
}

// Takes reports whether the filter selects a message of this class that was parked at that time. It ignores the
// subject.
func (f *Filter) Takes(class string, at time.Time) bool {
	return (f.Class == "" || f.Class == class) && (f.Before.IsZero() || at.Before(f.Before))
}

// Page is a part of a ledger.
type Page[M Message] struct {
	Messages []M
	// Corrupt are the ids of messages on this page whose records are damaged. No filter can tell whether it selects
	// them. So each page names them, and they count towards its limit.
	Corrupt []string
	Next    string // the id to go on after, "" on the last page
}

// Done says what a decision did.
type Done struct {
	Messages int             // how many were decided about
	Outcomes map[Outcome]int // of a retry, if outcomes are known at once
	Corrupt  []string        // ids of damaged messages, which stay as they are; at most 1,000
}

func (d *Done) add(audit []AuditEntry) {
	d.Messages += len(audit)
	for i := range audit {
		if outcome := audit[i].Outcome; outcome != "" {
			if d.Outcomes == nil {
				d.Outcomes = make(map[Outcome]int)
			}
			d.Outcomes[outcome]++
		}
	}
}

func (d *Done) damaged(ids ...string) {
	d.Corrupt = append(d.Corrupt, ids...)
	d.Corrupt = d.Corrupt[:min(len(d.Corrupt), maxNamed)]
}

// OffsetRange is a run of offsets in a partition, both ends included.
type OffsetRange struct {
	// The partition of the topic.
	Partition int32 `json:"partition" minimum:"0"`
	// The first offset.
	From int64 `json:"from" minimum:"0"`
	// The last offset (inclusive).
	To int64 `json:"to" minimum:"0"`
}

// Message is a message as a Store reads it.
type Message interface {
	Size() int // roughly the bytes in memory; they limit a page
}

// Store is how a service keeps the messages of one ledger in its file.
type Store[M Message] interface {
	// Messages returns the bucket that has a key for each message, in the order of lists.
	Messages(tx *bbolt.Tx) *bbolt.Bucket
	// Audit returns the bucket of the audit entries.
	Audit(tx *bbolt.Tx) *bbolt.Bucket
	// ID returns a key as people see it. Key returns the key of such an id, or nil if it is none.
	ID(key []byte) string
	Key(id string) []byte
	// Read returns the message under a key of Messages, or false if the filter does not select it. The message shares
	// no memory with tx. If whole is false, Read may leave out what no list shows. The error of a damaged record is
	// boltdb.ErrCorrupt.
	Read(tx *bbolt.Tx, key, value []byte, filter *Filter, whole bool) (m M, selected bool, err error)
	// Decide carries out verb on the messages under keys. All of them exist. It returns an audit entry for each, with
	// ID, Class and what else is known of the message. The Ledger fills in the decision.
	Decide(tx *boltdb.Tx, verb Verb, keys [][]byte) ([]AuditEntry, error)
	// Overflow returns the offsets in Kafka of messages for which the ledger had no room, at most limit ranges.
	Overflow(tx *bbolt.Tx, limit int) ([]OffsetRange, error)
}
