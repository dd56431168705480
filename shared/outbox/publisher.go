package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ordertally/shared/event/cloudevent"
	"ordertally/shared/uuidv7"
)

// Publisher connects to the log that messages are published to.
type Publisher interface {
	// Open starts the only session of the lineage and fences every earlier one. Nothing that an earlier session left
	// unfinished can take effect afterwards. Open blocks until it knows the watermark, fails, or ctx ends. A failure is
	// an outage; the relay tries again.
	Open(ctx context.Context, id Identity) (Session, error)
}

// Identity is who publishes.
type Identity struct {
	Lineage string
	// MayCreate says that nothing was published to the log yet. So the log may be created if it is missing.
	MayCreate bool
}

// Watermark is committed together with the messages.
type Watermark struct {
	// Slot is the watermark itself: each slot up to it was published or skipped.
	Slot uint64
	// Note belongs to the outbox. It is at most 3,500 bytes of printable ASCII.
	Note string
}

// Session publishes for one lineage. Only one goroutine uses it.
type Session interface {
	// Watermark returns the watermark of the last committed Publish, as it was when the session was opened. known is
	// false if the publisher has none.
	Watermark() (watermark Watermark, known bool)
	// Partitions returns how many partitions there are. They are numbered from 0.
	Partitions() int
	// Publish makes all records and the watermark visible in one step, or none of them. Records are in slot order. The
	// watermark's slot is at least that of the last record. Without records, only the watermark is set. Publish returns
	// the position of each record, in the same order.
	//
	// A RejectedError says that nothing became visible because of the records themselves. After any other error the
	// outcome is unknown. After either the session must be closed. Only a new session and its watermark show the
	// outcome (rule P6). There is one exception: a RejectedError that names the slots at fault. It was returned before
	// anything was sent, and the session goes on.
	Publish(ctx context.Context, records []Record, watermark Watermark) ([]Position, error)
	// Close ends the session and does not wait for unfinished work. Later calls do nothing.
	Close()
}

// Paced is what a Session also implements if a transaction that begins right after another is slower than one that
// waits a little. What comes meanwhile is published with it.
type Paced interface {
	// NotBefore returns when the next transaction should begin. It may begin earlier.
	NotBefore() time.Time
}

// Log is what a Session also implements if what was published can be read back. Package recovery uses it, on the
// session's goroutine.
type Log interface {
	// LogID returns the id of the log. A log that is deleted and created again has another.
	LogID() string
	// Ends returns the end of each partition: the offset after its last record, committed or not.
	Ends(ctx context.Context) (map[int32]int64, error)
	// Lost returns the records that are no longer at their positions. If the log was recreated, that is all of them.
	// Lost compares position, lineage and slot, and also sees records behind open transactions (rule P8a). A record
	// that the log's own retention deleted is not lost.
	Lost(ctx context.Context, records []StoredRecord) ([]StoredRecord, error)
	// Scan reads each partition from its offset in from, or else from its start, up to its end at the time of the call.
	// It passes the committed records of the session's lineage to visit, without those that Outbox.Republish made.
	// Those of one partition come in order. Scan returns the first offset of each partition.
	//
	// Another program's open transaction hides the records behind its first one. Scan waits for its end, however long
	// that takes, and tells visit what is hidden (rule P8a). Scan also calls visit with nothing, to show that it goes
	// on. ErrChanged means that the log lost records or was recreated meanwhile. The result is then void.
	Scan(ctx context.Context, from map[int32]int64, visit func(Sight) error) (starts map[int32]int64, err error)
	// Disconnected returns a channel that is closed when the log may have changed. It could not be reached, was
	// recreated, or has another number of partitions.
	Disconnected() <-chan struct{}
}

// Sight is one step of a Scan.
type Sight struct {
	Found []StoredRecord
	// Hidden are the parts that the Scan has reached but cannot read yet.
	Hidden []Hidden
}

// Hidden is a part of a partition that read_committed consumers do not see yet, because an open transaction begins in
// it.
type Hidden struct {
	// The partition.
	Partition int32 `json:"partition"`
	// Where the open transaction begins.
	From int64 `json:"from_offset"`
	// The offset up to which the partition has to be read.
	To int64 `json:"to_offset"`
	// The time of the transaction's first record. Left out when that cannot be read.
	Since time.Time `json:"since,omitzero"`
	// The lineage of the order service that owns the transaction. Left out for other programs.
	Lineage string `json:"lineage,omitempty"`
}

// Record is a message ready to be published.
type Record struct {
	Slot      uint64
	Key       []byte
	Value     []byte
	Headers   []cloudevent.Header
	Time      time.Time // of the commit
	Partition int32     // where to send it
}

// Position is where a record is.
type Position struct {
	Partition int32
	Offset    int64
}

// StoredRecord is a record of the session's lineage and its position.
type StoredRecord struct {
	Position
	Slot uint64
	ID   uuidv7.ID // the message's; zero if not asked for
}

// Class is the kind of a failure. The set is closed, because the values label metrics.
type Class string

// The classes of failures. The first three can be a message's own fault. The others are outages.
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
	// Slots are the messages at fault, if they were found before anything was sent. The session can then go on. Without
	// Slots, a message is only known to be at fault if it was alone in the batch.
	Slots []uint64
}

func (e *RejectedError) Error() string { return fmt.Sprintf("rejected as %s: %v", e.Class, e.Err) }

func (e *RejectedError) Unwrap() error { return e.Err }

// OutageError says that the publisher could not be reached or used. No message is at fault.
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
