package activity

import (
	"time"

	"ordertally/shared/event/cloudevent"
)

// Batch is what one read from a topic yielded. It is applied as a whole or not at all.
type Batch struct {
	Messages []Message // in the order read
	Parked   []Parked  // what cannot be counted
	// PassedOver is how many records of each partition were another activity's, or of a type that nobody counts.
	PassedOver   map[int32]int64
	UnknownTypes int                // of those passed over, how many were of a type that nobody counts
	Covers       []Cover            // the slots of what is not in Messages, in the order read
	Next         map[int32]Position // where each partition that was read goes on
	// Through is a moment. All that the topic had then is in this batch or in an earlier one. It is zero if no such
	// moment is known.
	Through time.Time
	Read    time.Time // when its records were read
}

// Cover is a run of slots, both ends included, that are covered without counting anything.
type Cover struct {
	Lineage     string
	First, Last uint64
	Before      int // how many of the batch's messages were read before it
}

// Message is one event, and what identifies it when it is read again.
type Message struct {
	ID string // its own; stays when it is sent again
	// Lineage names the file whose outbox wrote the message. It is "" for any other message. Sequence is the message's
	// slot in that file, Previous the slot published before it.
	Lineage  string
	Sequence uint64
	Previous uint64
	// Content is a digest of its type, time and value. It tells two messages of one id apart.
	Content     [8]byte
	Republished bool // an operator had it published again
	Partition   int32
	Offset      int64
	Timestamp   time.Time // when it was written, by its record
	// Trace is that of the request behind the message.
	Trace cloudevent.Trace
	// Raw is the record: it may have to be kept for an operator.
	Raw   *Parked
	Event Event
}

// Position is where reading goes on in a partition, and what shows that the partition is still the one that was read.
type Position struct {
	Offset      int64        `json:"offset"`                // of the next record to read
	LeaderEpoch int32        `json:"leader_epoch"`          // of the record before it; -1 when it is not known
	TopicID     string       `json:"topic_id,omitempty"`    // "" when it is not known
	Checkpoints []Checkpoint `json:"checkpoints,omitempty"` // some of the records read, the newest first
	// Furthest is the highest Offset that there was under this topic id. Reading goes back when the topic loses
	// records; Furthest does not. The Store keeps it.
	Furthest int64 `json:"furthest,omitempty"`
}

// Checkpoint is a record that was read: where it stood and what it is recognised by.
type Checkpoint struct {
	Offset   int64  `json:"offset"`
	Identity string `json:"identity"`
}

// AsOf says which messages an answer contains.
type AsOf struct {
	At    time.Time          // when the last batch was applied; zero when none was
	Event time.Time          // the latest time of an event that was counted; zero when none was
	Next  map[int32]Position // every record before these was counted, refused as a duplicate, or parked
}

// Verdict is the decision about a message.
type Verdict uint8

// The verdicts.
const (
	VerdictDuplicate Verdict = iota // it was counted before
	VerdictCounted
	// VerdictCovered: it was counted although its slot was covered before. That is an incident.
	VerdictCovered
	VerdictConflict // its id is known with other content; it is in the conflict ledger
	VerdictLate     // it may have been counted and forgotten; it is in the late ledger
)

// Counts reports whether the message was counted.
func (v Verdict) Counts() bool { return v == VerdictCounted || v == VerdictCovered }

// MessageID is what to look a message up by.
type MessageID struct {
	ID string // its own
	// Lineage and Sequence are those it was published under. They find a message whose id was forgotten. They are ""
	// and 0 for a message that no outbox wrote.
	Lineage  string
	Sequence uint64
}

// MessageState says what became of a message.
type MessageState string

// The states of a message.
const (
	Counted       MessageState = "counted"
	ParkedMessage MessageState = "parked"   // it cannot be counted
	LateMessage   MessageState = "late"     // it may have been counted and forgotten; an operator decides
	Conflicting   MessageState = "conflict" // its id was another message's; an operator decides
	Unknown       MessageState = "unknown"  // not read yet, never sent, or forgotten
)

// MessageStates returns all states.
func MessageStates() []MessageState {
	return []MessageState{Counted, ParkedMessage, LateMessage, Conflicting, Unknown}
}

// MessageTrace is what is known of one message.
type MessageTrace struct {
	State MessageState
	At    time.Time // when it was counted or parked; zero when that is not known (any more)
	// BySequence says that only the slot of a counted message is known, not its id.
	BySequence bool
	Poison     *Poison // why it is parked
	AsOf       AsOf    // the moment of the answer
}
