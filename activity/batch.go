package activity

import (
	"time"

	"ordertally/shared/event/cloudevent"
)

// Batch is what one activity makes of one fetch from a topic. It is applied as a whole or not at all.
type Batch struct {
	Messages []Message // in the order they were read
	Parked   []Parked  // what cannot be counted
	// PassedOver counts, for each partition, the records of other activities and of types that nobody counts.
	PassedOver   map[int32]int64
	UnknownTypes int                // how many of those passed over have a type that nobody counts
	Covers       []Cover            // slots of records that are not in Messages, in the order they were read
	Next         map[int32]Position // for each partition that was read, where reading goes on
	// Through is a moment. Everything that the topic had then is in this batch or an earlier one. It is zero if no such
	// moment is known.
	Through time.Time
	Read    time.Time // when its records were read
	// Incidents are those found since the last batch. The Store gives them their time.
	Incidents []Incident
	// Forgotten has the first offset that was left in each partition whose beginning the topic had forgotten when it
	// was read for the first time.
	Forgotten map[int32]int64
}

// Cover is a run of slots, both ends included, that are covered without counting anything.
type Cover struct {
	Lineage     string
	First, Last uint64
	Before      int // how many of the batch's messages were read before the run
}

// Message is one event, and what identifies it when it is read again.
type Message struct {
	ID string // its own id, which stays the same when it is sent again
	// Lineage names the file whose outbox wrote the message. It is "" for any other message. Sequence is the message's
	// slot in that file, Previous the slot published before it.
	Lineage  string
	Sequence uint64
	Previous uint64
	// Content is a digest of type, time and value. It tells two messages with the same id apart.
	Content     [8]byte
	Republished bool // an operator had the message published again, at Timestamp
	Partition   int32
	Offset      int64
	Timestamp   time.Time // when the record was written
	// Trace is the trace of the request behind the message.
	Trace cloudevent.Trace
	// Raw is the record. It may have to be kept for an operator.
	Raw   *Parked
	Event Event
}

// Position is where reading goes on in a partition. It also has what shows that it is still the partition that was
// read.
type Position struct {
	Offset      int64        `json:"offset"`                // of the next record to read
	LeaderEpoch int32        `json:"leader_epoch"`          // of the record before Offset; -1 if not known
	TopicID     string       `json:"topic_id,omitempty"`    // "" if not known
	Checkpoints []Checkpoint `json:"checkpoints,omitempty"` // some of the records that were read, newest first
	// Furthest is the highest Offset that there was under this topic id. Reading goes back when the topic loses
	// records; Furthest does not. The Store keeps it.
	Furthest int64 `json:"furthest,omitempty"`
}

// Checkpoint identifies a record that was read: where it stood, and how it is recognised.
type Checkpoint struct {
	Offset   int64  `json:"offset"`
	Identity string `json:"identity"`
}

// AsOf says which messages an answer contains.
type AsOf struct {
	At    time.Time // when the last batch was applied; zero if none was
	Event time.Time // the latest time of a counted event; zero if none was counted
	// Since is zero if the topic had its beginning when it was read. Otherwise it had forgotten records from before
	// Since, and figures of events before it may be incomplete.
	Since time.Time
	Next  map[int32]Position // every record before these is decided or passed over
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
	ID string // the message's own id
	// Lineage and Sequence say where it was published. They find a message whose id is forgotten. They are "" and 0 if
	// no outbox wrote the message.
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
	At    time.Time // when it was counted or parked; zero if not known
	// BySequence says that only the slot of a counted message is known. Its id is forgotten.
	BySequence bool
	Poison     *Poison // why it is parked
	AsOf       AsOf    // the moment of the answer
}
