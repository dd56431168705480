package activity

import (
	"time"

	"ordertally/shared/event/cloudevent"
)

// Reason says what is wrong with a message that cannot be counted. The set is closed: it labels a metric.
type Reason string

// The reasons. Only the message and the settings decide, so a message that is read again gets the same reason.
const (
	ReasonTombstone      Reason = "tombstone"       // it has no value
	ReasonEnvelope       Reason = "envelope"        // its headers are not those of a CloudEvent
	ReasonUnknownType    Reason = "unknown_type"    // its event type is not the one the activity counts
	ReasonUnknownVersion Reason = "unknown_version" // its type is right, but its version is not understood
	ReasonMalformed      Reason = "malformed"       // its value is not the JSON of an order
	ReasonImpossible     Reason = "impossible"      // its values contradict each other, or cannot be real
	// ReasonTooLarge means that it has more bytes than max-record-bytes allows. Only its position is kept.
	ReasonTooLarge Reason = "too_large"
	// ReasonSkipped means that an operator skipped it unread (activity skip). Only its position is known.
	ReasonSkipped Reason = "skipped"
)

// The reasons of the other ledgers. They depend on what was read before.
const (
	// ReasonLate puts a message in the late ledger. The message is so old, or so far in the future, that it may have
	// been counted and its id forgotten. Its slot does not decide: the message has none, or the slot is covered.
	ReasonLate Reason = "late"
	// ReasonConflict puts a message in the conflict ledger. A message with its id and other content was read before.
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

// Error returns the reason and the detail.
func (p *Poison) Error() string { return string(p.Reason) + ": " + p.Detail }

// Parked is a message that was not counted. It has all that was read of the message, and why it was not counted.
type Parked struct {
	Partition   int32
	Offset      int64
	LeaderEpoch int32     // -1 if not known
	Timestamp   time.Time // the timestamp of the record
	Key         []byte
	Value       []byte // nil for a tombstone
	Headers     []cloudevent.Header
	// TooLarge is the size in bytes of a record that was too large to keep, else 0. Such a record has no value. It may
	// lack its key and its last headers.
	TooLarge int
	Poison   Poison
}
