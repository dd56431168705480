package activity

import "time"

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

// Size is how many bytes the message has.
func (k Kept) Size() int {
	size := len(k.Key) + len(k.Value)
	for i := range k.Headers {
		size += len(k.Headers[i].Key) + len(k.Headers[i].Value)
	}
	return size
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
