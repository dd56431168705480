package activity

import (
	"errors"
	"time"
)

// Ledger names a list of messages that were not counted and wait for an operator.
type Ledger string

// The ledgers.
const (
	ParkedLedger Ledger = "parked" // cannot be counted
	LateLedger   Ledger = "late"   // may have been counted before, and forgotten since
	// ConflictLedger has those whose id another message had: one of the two is forged, or a program gave an id twice.
	ConflictLedger Ledger = "conflicts"
)

// AllLedgers returns all ledgers.
func AllLedgers() []Ledger { return []Ledger{ParkedLedger, LateLedger, ConflictLedger} }

// LedgerReasons returns why messages are in a ledger.
func LedgerReasons(l Ledger) []Reason {
	switch l {
	case LateLedger:
		return []Reason{ReasonLate}
	case ConflictLedger:
		return []Reason{ReasonConflict}
	}
	return Reasons()
}

// Kept is a message in a ledger.
type Kept struct {
	ID string // of the entry: partition, offset and a digest of the message
	Parked
	MessageID string    // its own, "" when it has none
	At        time.Time // when it was put there
	Attempts  int       // how often an operator had it tried again in vain
	Tried     time.Time // the last time; zero when it was not
}

// KeptPage is a page of a ledger.
type KeptPage struct {
	Messages []Kept
	// Corrupt are entries between those whose records are damaged. They count like others. No filter can tell whether
	// it selects them, so each page names them.
	Corrupt []string
	Next    string // the entry to go on after, "" at the end
}

// KeptFilter selects messages of a ledger. The zero filter selects all.
type KeptFilter struct {
	Reason Reason    // "" for any
	Before time.Time // only those put there earlier; zero for any
}

// Verb is what an operator decides about a message in a ledger.
type Verb string

// The verbs.
const (
	Retry   Verb = "retry"   // count it after all: a parked one is decoded again, by the program as it is now
	Discard Verb = "discard" // give it up, for ever
	// PassOver leaves offsets unread. It is done in the file of a service that is stopped, not over the API.
	PassOver Verb = "skip"
)

// Outcome is what a decision made of a message.
type Outcome string

// The outcomes.
const (
	OutcomeCounted     Outcome = "counted"
	OutcomeDuplicate   Outcome = "duplicate"    // it was counted before
	OutcomeStillParked Outcome = "still_parked" // it still cannot be counted
	OutcomeDiscarded   Outcome = "discarded"
	OutcomeSkipped     Outcome = "skipped" // it was not read
)

// Outcomes returns all outcomes.
func Outcomes() []Outcome {
	return []Outcome{OutcomeCounted, OutcomeDuplicate, OutcomeStillParked, OutcomeDiscarded, OutcomeSkipped}
}

// Act is the record of a decision.
type Act struct {
	At        time.Time `json:"at" doc:"When it was done."`
	Ledger    Ledger    `json:"ledger" doc:"The ledger that the message was in."`
	Verb      Verb      `json:"verb" doc:"What was decided."`
	ID        string    `json:"id" doc:"The entry of the message."`
	MessageID string    `json:"message_id,omitempty" doc:"The message's own id. Left out when it has none."`
	Outcome   Outcome   `json:"outcome" doc:"What became of the message."`
	Reason    string    `json:"reason,omitempty" doc:"The operator's reason. Left out when none was given." example:"the declaration was mended"`
	By        string    `json:"by,omitempty" doc:"Who did it: key or token, a colon and the name. Left out where nobody needs a credential." example:"key:ops"`
}

// Why is what an operator's act is recorded with: the operator's reason, and who that is. Both may be empty.
type Why struct{ Reason, By string }

// Decided says how many messages a decision concerned, and what became of them.
type Decided struct {
	Messages, Counted, Duplicates, StillParked int
}

// ErrNotKept says that a ledger has no such message, or not any more.
var ErrNotKept = errors.New("no such message is in the ledger, or not any more; list it to see what is")

// Overflow is what the limit of a ledger's size kept out: counted, and known by its place in the topic.
type Overflow struct {
	Messages int64
	Places   []OffsetRange // the first of them
}

// OffsetRange is a run of offsets in a partition, both ends in it. When there are very many, a run may cover messages
// that were counted.
type OffsetRange struct {
	Partition int32 `json:"partition" minimum:"0" doc:"The partition of the topic."`
	From      int64 `json:"from" minimum:"0" doc:"The first offset."`
	To        int64 `json:"to" minimum:"0" doc:"The last offset, included."`
}

// Ledgers says how much waits for an operator.
type Ledgers struct {
	Sizes      map[Ledger]LedgerSize
	LimitBytes int64 // of each
	Overflowed int64 // messages that did not fit, since ever
	Expired    int64 // messages dropped past their retention, since ever
	Keys       int64 // ids in the set of processed keys
	Lineages   int64 // that were met, since ever
}

// LedgerSize is the size of a ledger.
type LedgerSize struct {
	Messages int64 `json:"count"`
	Bytes    int64 `json:"bytes"`
}
