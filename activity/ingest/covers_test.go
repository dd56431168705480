package ingest

import (
	"reflect"
	"testing"

	"ordertally/activity"
	"ordertally/activity/declare"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/kafka"
)

// TestDecoder_CoversTheSlotsOfWhatIsNotCounted: a type that is passed over covers the slots that were skipped before it
// as well, a parked message its own only. An unknown type of the order service is passed over and told; of another
// program it is parked.
func TestDecoder_CoversTheSlotsOfWhatIsNotCounted(t *testing.T) {
	orders := declare.OrderCreated("orders")
	orders.Others = []string{"ORDER_CANCELLED"}
	slotted := func(sequence, previous uint64, change func(*cloudevent.Envelope)) kafka.Record {
		e := envelope("m")
		e.Lineage, e.Sequence, e.Previous = "L", sequence, previous
		change(e)
		r := record(0, int64(sequence), "")
		r.Headers = e.Headers()
		return r
	}
	malformed := slotted(9, 7, func(*cloudevent.Envelope) {})
	malformed.Value = []byte("{")
	tombstone := slotted(12, 11, func(e *cloudevent.Envelope) { e.Type = "ORDER_PAID" })
	tombstone.Value = nil
	b := newDecoder(&orders).batch(kafka.Fetched{Records: []kafka.Record{
		slotted(3, 1, func(e *cloudevent.Envelope) { e.Type = "ORDER_CANCELLED" }),
		slotted(5, 4, func(*cloudevent.Envelope) {}),
		slotted(7, 5, func(e *cloudevent.Envelope) { e.Type = "ORDER_PAID" }),
		malformed,
		slotted(11, 9, func(e *cloudevent.Envelope) { e.Type, e.Source = "ORDER_PAID", "/webshop" }),
		tombstone,
	}})
	want := []activity.Cover{
		{Lineage: "L", First: 2, Last: 3}, {Lineage: "L", First: 6, Last: 7, Before: 1},
		{Lineage: "L", First: 9, Last: 9, Before: 1},
		{Lineage: "L", First: 11, Last: 11, Before: 1}, {Lineage: "L", First: 12, Last: 12, Before: 1},
	}
	if !reflect.DeepEqual(b.Covers, want) {
		t.Errorf("covers %+v, want %+v", b.Covers, want)
	}
	if len(b.Messages) != 1 || len(b.Parked) != 2 || b.PassedOver[0] != 3 || b.UnknownTypes != 2 {
		t.Errorf("%d messages, %d parked, %d passed over, %d of unknown types", len(b.Messages), len(b.Parked),
			b.PassedOver[0], b.UnknownTypes)
	}
}

// TestDecoder_ContentIsWhatAMessageSays: type, time and value; what may differ when it is sent again is not in it.
func TestDecoder_ContentIsWhatAMessageSays(t *testing.T) {
	orders := declare.OrderCreated("orders")
	d := newDecoder(&orders)
	of := func(change func(*cloudevent.Envelope, *kafka.Record)) [8]byte {
		e, r := envelope("m"), record(0, 1, "")
		change(e, &r)
		r.Headers = e.Headers()
		return d.content(&r)
	}
	first := of(func(*cloudevent.Envelope, *kafka.Record) {})
	for name, change := range map[string]func(*cloudevent.Envelope, *kafka.Record){
		"a later record": func(_ *cloudevent.Envelope, r *kafka.Record) {
			r.Timestamp, r.Offset = r.Timestamp.AddDate(0, 0, 1), 9
		},
		"another slot": func(e *cloudevent.Envelope, _ *kafka.Record) {
			e.Lineage, e.Sequence, e.Previous = "M", 5,
				4
		},
		"another request": func(e *cloudevent.Envelope, _ *kafka.Record) { e.Trace.Parent = "00-1-2-01" },
	} {
		if of(change) != first {
			t.Errorf("%s changes it", name)
		}
	}
	for name, change := range map[string]func(*cloudevent.Envelope, *kafka.Record){
		"another value": func(_ *cloudevent.Envelope, r *kafka.Record) { r.Value = append([]byte(" "), r.Value...) },
		"another time":  func(e *cloudevent.Envelope, _ *kafka.Record) { e.Time = e.Time.AddDate(0, 0, 1) },
		"another type":  func(e *cloudevent.Envelope, _ *kafka.Record) { e.Type = "ORDER_PAID" },
	} {
		if of(change) == first {
			t.Errorf("%s does not change it", name)
		}
	}
}
