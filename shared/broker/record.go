package broker

import (
	"time"

	"ordertally/shared/cloudevent"
)

// Record is one message as it stands in a topic.
type Record struct {
	Partition   int32
	Offset      int64
	LeaderEpoch int32     // -1 when the broker did not say
	Timestamp   time.Time // the record's own, set by its producer
	Key         []byte
	Value       []byte // nil for a tombstone
	Headers     []cloudevent.Header
}
