package activity

import (
	"time"

	"ordertally/shared/event/cloudevent"
)

// Reason says what is wrong with a message that cannot be counted. The set is closed: it labels a metric.
type Reason string

// The reasons. Each is decided by the message and the settings alone, so that a message read again is judged alike.
const (
	ReasonTombstone      Reason = "tombstone"       // it has no value
	ReasonEnvelope       Reason = "envelope"        // its headers are not those of a CloudEvent
	ReasonUnknownType    Reason = "unknown_type"    // another event type than the activity counts
	ReasonUnknownVersion Reason = "unknown_version" // the right type, in a version that is not understood
	ReasonMalformed      Reason = "malformed"       // its value is not the JSON of an order
	ReasonImpossible     Reason = "impossible"      // its values contradict each other or reality
	// ReasonTooLarge: it has more bytes than the setting max-record-bytes allows; only its place is kept.
	ReasonTooLarge Reason = "too_large"
	// ReasonSkipped: an operator had it passed over unread (activity skip); only its place is known.
	ReasonSkipped Reason = "skipped"
)

// The reasons of the other ledgers. Those depend on what was read before.
const (
	// ReasonLate is that of the late ledger: the message is so old, or from so far in the future, that its id could
	// have been forgotten since it was counted, and its slot does not tell: it bears none, or that slot was dealt with.
	ReasonLate Reason = "late"
	// ReasonConflict puts a message in the conflict ledger: a message with its id and other content was read before.
	ReasonConflict Reason = "conflict"
)

// Reasons returns all reasons.
func Reasons() []Reason {
	return []Reason{
		ReasonTombstone,
		ReasonEnvelope,
		ReasonUnknownType,
		ReasonUnknownVersion,
		ReasonMalformed,
		ReasonImpossible,
		ReasonTooLarge,
		ReasonSkipped,
	}
}

// Poison is the error of a message that cannot be counted, now or after a retry by the same program.
type Poison struct {
	Reason Reason
	Detail string // for operators
}

// Error gives the reason and the detail.
func (p *Poison) Error() string { return string(p.Reason) + ": " + p.Detail }

// Parked is a poison message as it is kept: everything that was read, unless that is too large, and why it was not
// counted.
type Parked struct {
	Partition   int32
	Offset      int64
	LeaderEpoch int32     // -1 when it is not known
	Timestamp   time.Time // the record's own
	Key         []byte
	Value       []byte // nil for a tombstone
	Headers     []cloudevent.Header
	// TooLarge is how many bytes the record has, when that is more than is kept of one; else 0. Its value was left out,
	// perhaps its key, and the last of its headers.
	TooLarge int
	Poison   Poison
}
