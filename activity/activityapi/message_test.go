package activityapi_test

import (
	"fmt"
	"testing"

	"ordertally/activity"
	"ordertally/activity/activitytest"
	"ordertally/shared/event/cloudevent"
)

const messages = "/v1/activities/ORDER_CREATED/messages/"

func TestMessage_SaysWhatBecameOfIt(t *testing.T) {
	s := newServer(t)
	s.order("counted", "2010-12-01T23:30:00Z", "GBP", 100)
	_, err := s.store.Apply(t.Context(), &activity.Batch{
		Messages: []activity.Message{{ID: "slotted", Lineage: "L", Sequence: 7, Previous: 5, Partition: 1,
			Event: activitytest.Order{At: now, Currency: "EUR"}.Event()}},
		Next: map[int32]activity.Position{1: {Offset: 14}},
	})
	if err != nil {
		t.Fatal(err)
	}
	const asOf = `"as_of":{"at":"2025-11-24T23:30:00Z","event_time":"2025-11-24T23:30:00Z","offsets":{"1":14},` +
		`"lagging":false,"lag":0}}`
	for target, want := range map[string]string{
		"counted": `"message_id":"counted","state":"counted",` +
			`"counted_at":"2025-11-24T23:30:00Z","known_by":"id",`,
		"slotted?lineage=L&sequence=7": `"message_id":"slotted","state":"counted",` +
			`"counted_at":"2025-11-24T23:30:00Z","known_by":"id",`,
		"forgotten?lineage=L&sequence=7":  `"message_id":"forgotten","state":"counted","known_by":"sequence",`,
		"forgotten?lineage=L&sequence=8":  `"message_id":"forgotten","state":"unknown",`,
		"forgotten?lineage=L2&sequence=7": `"message_id":"forgotten","state":"unknown",`,
		"never":                           `"message_id":"never","state":"unknown",`,
	} {
		if got, want := s.get(messages+target), `{"activity":"ORDER_CREATED",`+want+asOf; got != want {
			t.Errorf("%s\ngot  %s\nwant %s", target, got, want)
		}
	}
}

func TestMessage_SaysWhyItIsParked(t *testing.T) {
	s := newServer(t)
	var parked []activity.Parked
	for offset := range int64(3) {
		parked = append(parked, activity.Parked{
			Partition: 1, Offset: offset,
			Headers: []cloudevent.Header{{Key: cloudevent.HeaderID, Value: fmt.Append(nil, "sick-", offset)}},
			Poison:  activity.Poison{Reason: activity.ReasonMalformed, Detail: fmt.Sprint("detail ", offset)},
		})
	}
	parked[0].Headers[0].Key = "about" // it has no id now
	if _, err := s.store.Apply(t.Context(), &activity.Batch{Parked: parked}); err != nil {
		t.Fatal(err)
	}
	const asOf = `"as_of":{"at":"2025-11-24T23:30:00Z","offsets":{},"lagging":false,"lag":0}}`
	for target, want := range map[string]string{
		"sick-0": `"message_id":"sick-0","state":"unknown",`,
		"sick-2": `"message_id":"sick-2","state":"parked","parked_at":"2025-11-24T23:30:00Z","reason":"malformed",` +
			`"detail":"detail 2",`,
	} {
		if got, want := s.get(messages+target), `{"activity":"ORDER_CREATED",`+want+asOf; got != want {
			t.Errorf("%s\ngot  %s\nwant %s", target, got, want)
		}
	}
}
