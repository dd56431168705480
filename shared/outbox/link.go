package outbox

import (
	"fmt"
	"time"
)

// LinkState is the state of the relay's connection to the publisher.
type LinkState string

// The states of a link.
const (
	LinkIdle       LinkState = "idle"       // no relay runs
	LinkConnecting LinkState = "connecting" // a session is being opened, or reconciliation is under way
	LinkWaiting    LinkState = "waiting"    // for the end of other programs' transactions, see HeldBack
	LinkUp         LinkState = "up"
	// LinkDown is an outage. It lasts until messages go out again, or would if there were any.
	LinkDown   LinkState = "down"
	LinkFenced LinkState = "fenced" // see ErrFenced
)

// LinkStates lists every state.
func LinkStates() []LinkState {
	return []LinkState{LinkIdle, LinkConnecting, LinkWaiting, LinkUp, LinkDown, LinkFenced}
}

// Link describes the relay's connection to the publisher.
type Link struct {
	// The state of the relay's connection to the publisher.
	State LinkState `json:"state"`
	// Since when it is in this state. An outage lasts until messages go out again; attempts in between do not restart
	// it.
	Since time.Time `json:"since"`
	// Why the last session ended. For people. Left out while it is up.
	Error string `json:"error,omitempty"`
}

// sighting is a look at the log that confirmed what was published: its time, and the slot up to which it did.
type sighting struct {
	at      time.Time // on the outbox's clock
	elapsed time.Time // on the monotonic clock
	slot    uint64    // everything up to it was published
}

// HeldBack describes other programs' transactions that must end before the relay can publish. Until then nobody can
// tell whether the records that they hide were lost.
type HeldBack struct {
	// Since when the relay waits.
	Since time.Time `json:"since"`
	// What it waits for. For people.
	Text string `json:"text"`
	// The open transactions that it waits for.
	Behind []Hidden `json:"behind"`
}

// describe says what the relay waits for.
func describe(behind []Hidden) string {
	first := behind[0]
	whose := "another program's"
	if first.Lineage != "" {
		whose = "that of the order service with lineage " + first.Lineage
	}
	text := fmt.Sprintf(
		"waits for the end of an open transaction, %s: partition %d from offset %d",
		whose,
		first.Partition,
		first.From,
	)
	if !first.Since.IsZero() {
		text += ", begun at " + first.Since.UTC().Format(time.RFC3339)
	}
	if more := len(behind) - 1; more > 0 {
		text += fmt.Sprintf(", and in %d more partitions", more)
	}
	return text
}
