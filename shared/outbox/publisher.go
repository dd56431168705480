package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ordertally/shared/cloudevent"
)

// Publisher reaches the place that messages are published to. It is declared here, by its user.
type Publisher interface {
	// Open starts the one session of the lineage and fences every earlier one: nothing that an earlier session left
	// unfinished can take effect afterwards. It blocks until it knows the watermark, ctx ends, or it fails. A failure is
	// an outage and will be tried again.
	Open(ctx context.Context, id Identity) (Session, error)
}

// Identity is who publishes.
type Identity struct {
	Lineage string
	// Position is the newest slot that the file knows to be published, 0 when it has published nothing: only then may a
	// place that is missing be made.
	Position uint64
}

// Session publishes for one lineage. It is used by one goroutine.
type Session interface {
	// Watermark is the slot that the last committed Publish carried, as it stood when the session was opened; known is
	// false when the place remembers none.
	Watermark() (slot uint64, known bool)
	// Publish makes all records and the watermark visible in one step, or none. Records are ordered by slot; watermark
	// is at least the last one's. It returns the place of each record, in their order.
	//
	// A RejectedError says that nothing became visible, because of the records themselves; after any other error the
	// outcome is unknown. After either the session must be closed, and only opening a new one and reading its watermark
	// tells how things stand (rule P6).
	Publish(ctx context.Context, records []Record, watermark uint64) ([]Place, error)
	// Close ends the session without waiting for anything unfinished. Calling it again does nothing.
	Close()
}

// Record is a message ready to be published.
type Record struct {
	Slot    uint64
	Key     []byte
	Value   []byte
	Headers []cloudevent.Header
	Time    time.Time // of the commit
}

// Place is where a record stands.
type Place struct {
	Partition int32
	Offset    int64
}

// Class says what kind of failure an error is. It is a closed set: the values label metrics.
type Class string

// The classes of failures. The first three can be a message's own fault, the others are outages.
const (
	TooLarge     Class = "too_large"
	Invalid      Class = "invalid"
	Refused      Class = "refused"
	Timeout      Class = "timeout"
	Unavailable  Class = "unavailable"
	Fenced       Class = "fenced"
	Unauthorized Class = "unauthorized"
	Other        Class = "other"
)

// Classes lists every class.
func Classes() []Class {
	return []Class{TooLarge, Invalid, Refused, Timeout, Unavailable, Fenced, Unauthorized, Other}
}

// RejectedError says that a batch was refused because of a message in it. Which one is only certain when it was alone.
type RejectedError struct {
	Class Class
	Err   error
}

func (e *RejectedError) Error() string { return fmt.Sprintf("rejected as %s: %v", e.Class, e.Err) }

func (e *RejectedError) Unwrap() error { return e.Err }

// OutageError says that the publisher could not be reached or used, whatever the messages.
type OutageError struct {
	Class Class
	Err   error
}

func (e *OutageError) Error() string { return fmt.Sprintf("publisher %s: %v", e.Class, e.Err) }

func (e *OutageError) Unwrap() error { return e.Err }

// classOf returns the class of an outage.
func classOf(err error) Class {
	var outage *OutageError
	switch {
	case errors.As(err, &outage):
		return outage.Class
	case errors.Is(err, context.DeadlineExceeded):
		return Timeout
	}
	return Other
}
