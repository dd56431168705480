package admission

import "time"

// Reason is why a placement is refused.
type Reason string

// The reasons.
const (
	Overload Reason = "overload"     // more at once than can be stored in time
	Stalled  Reason = "stalled"      // a commit is stuck
	Bodies   Reason = "large_bodies" // no room for another large body
	Disk     Reason = "disk"         // less than FreeDisk is free
	Backlog  Reason = "backlog"      // a message has waited longer than BacklogAge
)

// Reasons returns all reasons.
func Reasons() []Reason { return []Reason{Overload, Stalled, Bodies, Disk, Backlog} }

// Refusal is the error for a placement that may not begin. Nothing was written.
type Refusal struct {
	Reason     Reason
	RetryAfter time.Duration
	detail     string
}

// Error tells the client why it was refused, and what to do.
func (r *Refusal) Error() string {
	return r.detail + " Nothing was stored. Repeat the request later, with the same Idempotency-Key."
}

const (
	retrySoon = time.Second
	retryLate = 30 * time.Second
)

var (
	overload = &Refusal{Reason: Overload, RetryAfter: retrySoon,
		detail: "The service gets more orders than it can store in time."}
	stalled = &Refusal{Reason: Stalled, RetryAfter: retrySoon,
		detail: "The service's disk does not answer in time."}
	bodiesAreIn = &Refusal{Reason: Bodies, RetryAfter: retrySoon,
		detail: "The service is reading too many large orders at once."}
)
