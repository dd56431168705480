package kafka

import (
	"errors"
	"sync"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"ordertally/shared/outbox"
)

// deliveries collects the delivery reports of one batch. Those of one partition come in the order of its records.
type deliveries struct {
	// changed has a token once the last report has come, and once failure has changed.
	changed chan struct{}

	mu        sync.Mutex
	waiting   map[int32][]int // partition -> its records without a report
	next      map[int32]int64 // partition -> its next report has at least this offset
	missing   int
	positions []outbox.Position
	failure   error
}

func newDeliveries(records []outbox.Record) *deliveries {
	d := &deliveries{changed: make(chan struct{}, 1), waiting: map[int32][]int{}, next: map[int32]int64{},
		missing:   len(records),
		positions: make([]outbox.Position, len(records))}
	for i := range records {
		d.waiting[records[i].Partition] = append(d.waiting[records[i].Partition], i)
	}
	return d
}

// errNoOffset makes the outcome of a batch unknown. The broker took a record for one that it had, and may not have it:
// it accepts any first sequence number in a new partition. If it refuses a producer's first records there because it is
// not its leader yet, and then accepts the next ones, the first ones count as repeated when they come again.
var errNoOffset = errors.New("the broker took a message for a repeated one, so it may not have it")

// errDisordered makes the outcome of a batch unknown.
var errDisordered = errors.New("the offsets of a partition's messages do not ascend")

// report takes the report of a record.
func (d *deliveries) report(m *confluent.Message) {
	d.mu.Lock()
	defer d.mu.Unlock()
	partition := m.TopicPartition.Partition
	waiting := d.waiting[partition]
	if len(waiting) == 0 {
		return
	}
	at := outbox.Position{Partition: partition, Offset: int64(m.TopicPartition.Offset)}
	before := d.failure
	switch err := m.TopicPartition.Error; {
	case err != nil:
		d.failure = worse(d.failure, deliveryFailure(err))
	case at.Offset < 0:
		d.failure = worse(d.failure, errNoOffset)
	case at.Offset < d.next[partition]:
		d.failure = worse(d.failure, errDisordered)
	}
	d.next[partition] = at.Offset + 1
	d.positions[waiting[0]] = at
	d.waiting[partition] = waiting[1:]
	d.missing--
	if d.missing == 0 || d.failure != before { //nolint:errorlint // the same or another one
		d.nudge()
	}
}

// notTaken says that no reports will come of the records from i on.
func (d *deliveries) notTaken(i int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.missing -= len(d.positions) - i
	d.failure = worse(d.failure, err)
	d.nudge()
}

func (d *deliveries) nudge() {
	select {
	case d.changed <- struct{}{}:
	default:
	}
}

func (d *deliveries) state() (missing int, failure error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.missing, d.failure
}
