package kafka

import (
	"errors"
	"slices"
	"testing"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"ordertally/shared/outbox"
)

func TestDeliveries_FindTheRecordOfAReport(t *testing.T) {
	report := func(partition int32, offset int64, err error) *confluent.Message {
		return &confluent.Message{TopicPartition: confluent.TopicPartition{Partition: partition,
			Offset: confluent.Offset(offset), Error: err}}
	}
	tooLarge := confluent.NewError(confluent.ErrMsgSizeTooLarge, "", false)
	records := []outbox.Record{{Partition: 1}, {Partition: 0}, {Partition: 1}, {Partition: 1}}
	at := func(partition int32, offset int64) outbox.Position {
		return outbox.Position{Partition: partition, Offset: offset}
	}
	for name, tc := range map[string]struct {
		reports []*confluent.Message
		taken   int
		missing int
		failure func(error) bool
		want    []outbox.Position
	}{
		"each partition in its order": {
			reports: []*confluent.Message{report(1, 7, nil), report(1, 8, nil), report(0, 0, nil), report(1, 10, nil)},
			taken:   4, want: []outbox.Position{at(1, 7), at(0, 0), at(1, 8), at(1, 10)},
		},
		"one is missing": {
			reports: []*confluent.Message{report(1, 7, nil), report(1, 8, nil), report(0, 0, nil)},
			taken:   4, missing: 1,
		},
		"of another batch": {
			reports: []*confluent.Message{report(2, 7, nil), report(0, 0, nil), report(0, 1, nil)},
			taken:   4, missing: 3,
		},
		"the last ones were not taken": {
			reports: []*confluent.Message{report(1, 7, nil), report(0, 0, nil)},
			taken:   2, failure: isRejected,
		},
		"the offsets do not ascend": {
			reports: []*confluent.Message{report(1, 7, nil), report(1, 7, nil), report(0, 0, nil), report(1, 8, nil)},
			taken:   4, failure: func(err error) bool { return errors.Is(err, errDisordered) },
		},
		"no offset": {
			reports: []*confluent.Message{report(1, -1001, nil), report(1, 1, nil), report(0, 0, nil),
				report(1, 2, nil)},
			taken: 4, failure: func(err error) bool { return errors.Is(err, errNoOffset) },
		},
		"refused": {
			reports: []*confluent.Message{report(1, 7, nil), report(1, -1001, tooLarge)},
			taken:   4, missing: 2, failure: isRejected,
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDeliveries(records)
			if tc.taken < len(records) {
				d.notTaken(tc.taken, deliveryFailure(tooLarge))
			}
			for _, r := range tc.reports {
				d.report(r)
			}
			missing, failure := d.state()
			if missing != tc.missing || (failure != nil) != (tc.failure != nil) ||
				failure != nil && !tc.failure(failure) {
				t.Fatalf("%d missing, %v", missing, failure)
			}
			if tc.want != nil && !slices.Equal(d.positions, tc.want) {
				t.Errorf("got %v, want %v", d.positions, tc.want)
			}
			if told := len(d.changed) > 0; told != (missing == 0 || failure != nil) {
				t.Errorf("a change was told: %v", told)
			}
		})
	}
}
