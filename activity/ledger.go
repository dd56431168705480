package activity

import "time"

// Ledger names a list of messages that wait for an operator. They were not counted.
type Ledger string

// The ledgers.
const (
	ParkedLedger Ledger = "parked" // messages that cannot be counted
	LateLedger   Ledger = "late"   // messages that may have been counted and forgotten
	// ConflictLedger has messages whose id another message had. Either one is forged, or a program gave an id twice.
	ConflictLedger Ledger = "conflicts"
)

// AllLedgers returns all ledgers.
func AllLedgers() []Ledger { return []Ledger{ParkedLedger, LateLedger, ConflictLedger} }

// LedgerReasons returns the reasons for which messages are in a ledger.
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
	MessageID string    // the message's own id; "" if it has none
	At        time.Time // when it was put there
	Attempts  int       // how often a retry by an operator failed
	Tried     time.Time // when the last retry failed; zero if none did
}

// Size returns the size of the message in bytes.
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
	Overflowed int64 // messages that did not fit, since the file was made
	Expired    int64 // messages dropped after their retention, since the file was made
	Keys       int64 // ids in the set of processed keys
	Lineages   int64 // lineages that were ever seen
}

// LedgerSize is the size of a ledger.
type LedgerSize struct {
	Messages int64 `json:"count"`
	Bytes    int64 `json:"bytes"`
}
