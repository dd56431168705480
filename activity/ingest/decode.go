package ingest

import (
	"ordertally/activity"
	"ordertally/shared/broker"
	"ordertally/shared/cloudevent"
)

// decoder turns records into what a store takes. It is not safe for concurrent use: it reuses memory.
type decoder struct {
	def   activity.Definition
	lines []line
}

// batch decodes what was fetched.
func (d *decoder) batch(fetched broker.Fetched) *activity.Batch {
	b := &activity.Batch{Messages: make([]activity.Message, 0, len(fetched.Records)), Next: toStore(fetched.Next)}
	for i := range fetched.Records {
		r := &fetched.Records[i]
		message, poison := d.message(r)
		if poison == nil {
			b.Messages = append(b.Messages, message)
			continue
		}
		b.Parked = append(b.Parked, activity.Parked{
			Partition: r.Partition, Offset: r.Offset, LeaderEpoch: r.LeaderEpoch, Timestamp: r.Timestamp,
			Key: r.Key, Value: r.Value, Headers: r.Headers, Poison: *poison,
		})
	}
	return b
}

// message decodes one record, or says why it cannot be counted. The answer depends on the record alone.
func (d *decoder) message(r *broker.Record) (activity.Message, *activity.Poison) {
	none := activity.Message{}
	if r.Value == nil {
		return none, poison(activity.ReasonTombstone, "The record has no value; orders are never deleted this way.")
	}
	envelope, err := cloudevent.Parse(r.Headers)
	if err != nil {
		return none, poison(activity.ReasonEnvelope, "The headers are not those of a CloudEvent: %s.", err)
	}
	switch {
	case envelope.Type != d.def.Type:
		return none, poison(activity.ReasonUnknownType, "The event type is %.80q, and %s counts %s.", envelope.Type, d.def.Name, d.def.Type)
	case envelope.DataSchema != d.def.Schema:
		return none, poison(activity.ReasonUnknownVersion, "The schema is %.200q, and this program understands %s.",
			envelope.DataSchema, d.def.Schema)
	}
	event, poison := d.payload(r.Value, r.Timestamp)
	if poison != nil {
		return none, poison
	}
	return activity.Message{
		ID: envelope.ID, Lineage: envelope.Lineage, Sequence: envelope.Sequence, Previous: envelope.Previous,
		Partition: r.Partition, Timestamp: r.Timestamp, Event: event,
	}, nil
}
