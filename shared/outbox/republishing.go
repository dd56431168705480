package outbox

import "slices"

// Republication is a message that was published long ago, as the caller still has it.
type Republication struct {
	// Origin is the slot that Append returned.
	Origin uint64
	// Message is what was appended. The outbox prefers its own row, as long as retention has not deleted it.
	Message Message
}

// Republished says what became of messages that were to be published once more.
type Republished struct {
	Sent int
	// Left are those that were not sent because they are not published: their states, by origin.
	Left map[uint64]State
	// Refused are the origins of those that the publisher refuses now, such as those above a limit that was lowered.
	Refused []uint64
}

// Limits of one transaction of a republication. Live messages wait for one such transaction at most.
const (
	republishRows  = 500
	republishBytes = 1 << 20
)

// republishing is a call of Republish that the relay works on. done is closed when the relay is through with it.
type republishing struct {
	rest   []Republication
	most   int // messages in the next transaction; halved to find one that is refused
	result Republished
	done   chan struct{}
}

// passed moves on by n messages, of which some were sent.
func (j *republishing) passed(n, sent int) {
	j.rest = j.rest[n:]
	j.result.Sent += sent
	j.most = min(j.most*2, republishRows)
}

// rejected leaves out the messages that were refused. It finds them as sender.rejected does, but charges them nothing:
// they are published.
func (j *republishing) rejected(rows []row, cause *RejectedError) error {
	if len(cause.Slots) == 0 && len(rows) > 1 {
		j.most = len(rows) / 2
		return errRejected
	}
	var refused []uint64
	for i := range rows {
		if len(cause.Slots) == 0 || slices.Contains(cause.Slots, rows[i].slot) {
			refused = append(refused, rows[i].origin)
		}
	}
	j.result.Refused = append(j.result.Refused, refused...)
	j.rest = slices.DeleteFunc(slices.Clone(j.rest), func(m Republication) bool {
		return slices.Contains(refused, m.Origin)
	})
	if len(cause.Slots) > 0 { // nothing was sent, and the session goes on
		return nil
	}
	return errRejected
}
