package admission

import "time"

// Reason is why a placement is refused.
type Reason string

// The reasons.
const (
	Overload Reason = "overload"     // more at once than can be stored in time
	Stalled  Reason = "stalled"      // a commit hangs
	Bodies   Reason = "large_bodies" // too many bytes of large bodies at once
	Disk     Reason = "disk"         // too little space
	Backlog  Reason = "backlog"      // unpublished for too long
)

// Reasons lists them.
func Reasons() []Reason { return []Reason{Overload, Stalled, Bodies, Disk, Backlog} }

// Refusal is the error of a placement that may not begin. Nothing was written.
type Refusal struct {
	Reason     Reason
	RetryAfter time.Duration
	detail     string
}

// Error says, to the client, why, and what to do.
func (r *Refusal) Error() string {
	return r.detail + " Nothing was stored: repeat the request later, with the same Idempotency-Key."
}

const (
	retrySoon = time.Second
	retryLate = 30 * time.Second
)

var (
	overload = &Refusal{Reason: Overload, RetryAfter: retrySoon,
		detail: "The service has more orders to store than it can in time."}
	stalled = &Refusal{Reason: Stalled, RetryAfter: retrySoon,
		detail: "The service's disk does not answer in time."}
	bodiesAreIn = &Refusal{Reason: Bodies, RetryAfter: retrySoon,
		detail: "The service is reading too many large orders at once."}
)
