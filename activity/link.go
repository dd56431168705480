package activity

import "time"

// LinkState is the state of the connection to Kafka.
type LinkState string

// The states of a link.
const (
	LinkConnecting LinkState = "connecting" // Kafka was not reached yet, or does not have the topic
	LinkUp         LinkState = "up"
	LinkDown       LinkState = "down" // Kafka cannot be reached; the service keeps trying
)

// LinkStates lists every state.
func LinkStates() []LinkState { return []LinkState{LinkConnecting, LinkUp, LinkDown} }

// Link describes the connection to Kafka for one activity. While it is down nobody knows how many messages wait.
type Link struct {
	State LinkState
	Since time.Time // an outage lasts until Kafka answers again; attempts in between do not restart it
	Error string    // why it is not up, for people
}
