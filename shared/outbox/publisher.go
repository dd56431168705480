package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ordertally/shared/event/cloudevent"
	"ordertally/shared/uuidv7"
)

// Publisher reaches the log that messages are published to. It is declared
// here, by its user.
type Publisher interface {
	// Open starts the one session of the lineage and fences every earlier one: nothing that an earlier session left
	// unfinished can take effect afterwards. It blocks until it knows the watermark, ctx ends, or it fails. A failure
	// is an outage and will be tried again.
	Open(ctx context.Context, id Identity) (Session, error)
}

// Identity is who publishes.
type Identity struct {
	Lineage string
	// MayCreate says that nothing was published to the log yet, so that it may be made when it is missing.
	MayCreate bool
}

// Watermark travels with what is published and becomes visible in the same step.
type Watermark struct {
	// Slot is the watermark: each slot up to it was published, or skipped.
	Slot uint64
	// Note is the outbox's own, at most 3,500 bytes of printable ASCII.
	Note string
}

// Session publishes for one lineage. It is used by one goroutine.
type Session interface {
	// Watermark is the one that the last committed Publish carried, as it stood when the session was opened; known is
	// false when the publisher remembers none.
	Watermark() (watermark Watermark, known bool)
	// Partitions is how many partitions there are, numbered from 0.
	Partitions() int
	// Publish makes all records and the watermark visible in one step, or none. Records are ordered by slot; the
	// watermark's slot is at least the last one's. Without records the watermark alone is set. It returns the position
	// of each record, in their order.
	//
	// A RejectedError says that nothing became visible, because of the records themselves; after any other error the
	// outcome is unknown. After either the session must be closed, and only opening a new one and reading its watermark
	// tells how things stand (rule P6); but one that names the records at fault was raised before anything was sent,
	// and the session goes on.
	Publish(ctx context.Context, records []Record, watermark Watermark) ([]Position, error)
	// Close ends the session without waiting for anything unfinished. Calling it again does nothing.
	Close()
}

// Log is what a Session has in addition when what was published can be read back. Package recovery works with it. It is
// used by the session's goroutine.
type Log interface {
	// LogID names the log, for ever: it has another id after it was deleted and made again.
	LogID() string
	// Ends returns, for each partition, the offset that follows its last record, committed or not.
	Ends(ctx context.Context) (map[int32]int64, error)
	// Lost returns the records that are no longer at their positions: all of them if the log was recreated.
	// It looks by position, lineage and slot, also behind transactions that are open (rule P8a). What the log's own
	// retention deleted is not lost.
	Lost(ctx context.Context, records []StoredRecord) ([]StoredRecord, error)
	// Scan reads each partition from the offset that from has for it, or from its start, to where it ends when Scan
	// begins, and hands the committed records of the session's lineage to visit, a partition's in order. It returns the
	// offset that each partition starts at.
	//
	// Somebody else's open transaction hides what stands behind its first record, so Scan waits for its end, for as
	// long as that takes, and visit hears what is hidden (rule P8a). visit is also called with nothing, to show that
	// Scan goes on. ErrChanged means that the log lost records or was recreated meanwhile, so the result is void.
	Scan(ctx context.Context, from map[int32]int64, visit func(Sight) error) (starts map[int32]int64, err error)
	// Disconnected is closed when the log may have changed: it was out of reach, was recreated, or has another number
	// of partitions.
	Disconnected() <-chan struct{}
}

// Sight is one step of a Scan.
type Sight struct {
	Found []StoredRecord
	// Hidden are the parts that the Scan has reached and cannot read yet.
	Hidden []Hidden
}

// Hidden is a part of a partition that readers of committed records do not see yet: an open transaction begins in it.
type Hidden struct {
	Partition int32     `json:"partition" doc:"The partition."`
	From      int64     `json:"from_offset" doc:"Where the open transaction begins."`
	To        int64     `json:"to_offset" doc:"The offset up to which the partition has to be read."`
	Since     time.Time `json:"since,omitzero" doc:"The time of the transaction's first record. Left out when that cannot be read."`
	Lineage   string    `json:"lineage,omitempty" doc:"The lineage of the order service that owns the transaction. Left out for other programs."`
}

// Record is a message ready to be published.
type Record struct {
	Slot      uint64
	Key       []byte
	Value     []byte
	Headers   []cloudevent.Header
	Time      time.Time // of the commit
	Partition int32     // where it goes
}

// Position is where a record stands.
type Position struct {
	Partition int32
	Offset    int64
}

// StoredRecord is a record of the session's lineage at its place.
type StoredRecord struct {
	Position
	Slot uint64
	ID   uuidv7.ID // the message's; zero where it is not asked for
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

// RejectedError says that a batch was refused because of messages in it.
type RejectedError struct {
	Class Class
	Err   error
	// Slots are the messages at fault, when that is certain without sending them; then the session can go on. Otherwise
	// it is only certain for a message that was alone.
	Slots []uint64
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
