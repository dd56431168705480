package outbox

// State says how far a message got.
type State string

// The states of a message.
const (
	Pending   State = "pending" // on its way, or before its first attempt
	Waiting   State = "waiting" // refused and to be tried again, or behind a message of its key that was
	Published State = "published"
	Parked    State = "parked"
	Discarded State = "discarded" // parked, and then given up by an operator
)
