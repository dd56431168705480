package ingest

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"ordertally/activity"
	"ordertally/activity/measure"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/kafka"
)

// decoder turns records into what a store takes. It is not safe for concurrent use: it reuses memory.
type decoder struct {
	def *activity.Definition
	extractor
	// The fields of what the definition names, -1 for what is not in the value.
	typeAt, id, at, subject int
	measures                []measureFields
	dimensions              []dimensionFields
	rules                   []ruleFields
	envelopes               cloudevent.Parser
	words                   map[string]string // short texts that come again, so that each is allocated once
	found                   found
	said                    []byte // what content digests
	room                    room
}

// room is memory for what is left of a batch. It is taken when the first message needs it: an activity that shares its
// topic passes over most batches as a whole.
type room struct {
	left   int // records, with the one that is decoded
	values []measure.Value
	labels []string
	raws   []activity.Parked
}

// event gives an event the memory that it needs.
func (r *room) event(e *activity.Event, measures, dimensions int) {
	if r.values == nil {
		r.values, r.labels = make([]measure.Value, r.left*measures), make([]string, r.left*dimensions)
	}
	r.values, e.Values = cut(r.values, measures)
	r.labels, e.Labels = cut(r.labels, dimensions)
}

// raw returns a record as it is kept.
func (r *room) raw(record *kafka.Record) *activity.Parked {
	if r.raws == nil {
		r.raws = make([]activity.Parked, r.left)
	}
	raw := &r.raws[0]
	r.raws = r.raws[1:]
	*raw = rawOf(record)
	return raw
}

type measureFields struct{ values, by int }

type dimensionFields struct {
	value int
	split *split // nil when the value is a member of the event itself
	// Which measures are sums over the objects of the split, in the order of its fields after the value's own.
	inside []int
}

type ruleFields struct {
	value   int
	factors []int
}

func newDecoder(def *activity.Definition) *decoder {
	d := &decoder{def: def, words: make(map[string]string)}
	d.found.decoder = d
	at := func(path measure.Path) int {
		if path == "" {
			return -1
		}
		return d.add(path)
	}
	d.typeAt, d.id, d.at, d.subject = at(def.TypeAt.Path), at(def.ID.Path), at(def.At.Path), at(def.Subject.Path)
	for _, m := range def.Measures {
		d.measures = append(d.measures, measureFields{at(m.Path), at(m.By)})
	}
	for _, dimension := range def.Dimensions {
		fields := dimensionFields{value: at(dimension.Path)}
		if objects := dimension.Objects(); objects != "" && !dimension.Single {
			told := []int{fields.value}
			for i := range def.Measures {
				if m := &def.Measures[i]; m.Kind.Sums && m.Path.Within(objects) {
					fields.inside, told = append(fields.inside, i), append(told, d.measures[i].values)
				}
			}
			fields.split = d.split(objects, told)
		}
		d.dimensions = append(d.dimensions, fields)
	}
	for _, rule := range def.Rules {
		fields := ruleFields{value: at(rule.Path)}
		for _, factor := range rule.Factors {
			fields.factors = append(fields.factors, at(factor))
		}
		d.rules = append(d.rules, fields)
	}
	return d
}

// batch decodes what was fetched.
func (d *decoder) batch(fetched kafka.Fetched) *activity.Batch {
	b := &activity.Batch{Next: toStore(fetched.Next), Incidents: incidents(fetched.Repositions)}
	for _, moved := range fetched.Repositions {
		if moved.Reason == kafka.Expired && moved.From == 0 {
			if b.Forgotten == nil {
				b.Forgotten = make(map[int32]int64)
			}
			b.Forgotten[moved.Partition] = moved.To
		}
	}
	defer func() { d.room = room{} }() // the batch has it
	for i := range fetched.Records {
		r := &fetched.Records[i]
		d.room.left = len(fetched.Records) - i
		message := activity.Message{Partition: r.Partition, Offset: r.Offset, Timestamp: r.Timestamp}
		switch poison := d.message(r, &message); poison {
		case nil:
			message.Content, message.Raw = d.content(r), d.room.raw(r)
			message.Republished = cloudevent.Republished(r.Headers)
			if b.Messages == nil {
				b.Messages = make([]activity.Message, 0, d.room.left)
			}
			b.Messages = append(b.Messages, message)
		case othersMessage, unknownType:
			if b.PassedOver == nil {
				b.PassedOver = make(map[int32]int64)
			}
			b.PassedOver[r.Partition]++
			if poison == unknownType {
				b.UnknownTypes++
			}
			d.cover(b, r, true)
		default:
			kept := rawOf(r)
			kept.Poison = *poison
			b.Parked = append(b.Parked, kept)
			d.cover(b, r, false)
		}
	}
	return b
}

// cover notes the slots of a record that is not counted. A parked one covers its own slot. One that is passed over also
// covers those that were skipped before it.
func (d *decoder) cover(b *activity.Batch, r *kafka.Record, skipped bool) {
	if d.def.ID.Header != cloudevent.HeaderID {
		return
	}
	envelope, ok := d.envelopes.Slots(r.Headers)
	if !ok {
		return
	}
	c := activity.Cover{
		Lineage: envelope.Lineage,
		First:   envelope.Sequence,
		Last:    envelope.Sequence,
		Before:  len(b.Messages),
	}
	if skipped {
		c.First = envelope.Previous + 1
	}
	b.Covers = append(b.Covers, c)
}

// maxSaid is how much memory for messages is used again.
const maxSaid = 64 << 10

// content is a digest of what a message says: its type, its time and its value. It leaves out what may differ when the
// message is sent again.
func (d *decoder) content(r *kafka.Record) (digest [8]byte) {
	said := d.said[:0]
	for _, name := range [...]string{d.def.TypeAt.Header, d.def.At.Header, cloudevent.HeaderTime} {
		part := header(r, name)
		said = binary.BigEndian.AppendUint32(said, uint32(len(part))) //nolint:gosec // headers are far smaller
		said = append(said, part...)
	}
	d.said = append(said, r.Value...)
	sum := sha256.Sum256(d.said)
	if cap(d.said) > maxSaid {
		d.said = nil
	}
	copy(digest[:], sum[:])
	return digest
}

func rawOf(r *kafka.Record) activity.Parked {
	return activity.Parked{
		Partition: r.Partition, Offset: r.Offset, LeaderEpoch: r.LeaderEpoch, Timestamp: r.Timestamp, Key: r.Key,
		Value: r.Value, Headers: r.Headers,
		TooLarge: r.TooLarge,
	}
}

// Decode reads a message that was kept, by the declaration of now. Its error says why the message cannot be counted.
func Decode(def *activity.Definition, p *activity.Parked) (activity.Message, *activity.Poison) {
	if p.Poison.Reason == activity.ReasonSkipped {
		return activity.Message{}, &p.Poison // there is nothing to read
	}
	b := newDecoder(def).batch(kafka.Fetched{Records: []kafka.Record{{
		Partition: p.Partition, Offset: p.Offset, LeaderEpoch: p.LeaderEpoch, Timestamp: p.Timestamp, Key: p.Key,
		Value: p.Value, Headers: p.Headers,
		TooLarge: p.TooLarge,
	}}})
	switch {
	case len(b.Messages) == 1:
		return b.Messages[0], nil
	case len(b.Parked) == 1:
		return activity.Message{}, &b.Parked[0].Poison
	}
	return activity.Message{}, poison(
		activity.ReasonUnknownType,
		"Messages of this type are passed over: another activity counts them, or none.",
	)
}

// cut takes n elements from the front.
func cut[T any](all []T, n int) (rest, taken []T) { return all[n:], all[:n:n] }

// These stand for a message that is passed over: another activity counts it, or nobody does because its type is new.
var (
	othersMessage = &activity.Poison{Detail: "another activity's"}
	unknownType   = &activity.Poison{Detail: "of an unknown type"}
)

// message decodes one record, or says why it cannot be counted. The answer depends on the record alone.
func (d *decoder) message(r *kafka.Record, m *activity.Message) *activity.Poison {
	if r.TooLarge > 0 {
		if d.other(r) {
			return othersMessage
		}
		return poison(
			activity.ReasonTooLarge,
			"The record has %d bytes, more than max-record-bytes allows. Only its position was kept: read it from "+
				"Kafka.",
			r.TooLarge,
		)
	}
	var envelope cloudevent.Envelope
	if d.def.ID.Header == cloudevent.HeaderID {
		if d.other(r) {
			return othersMessage
		}
		if d.unknown(r) {
			return unknownType
		}
		if r.Value == nil {
			return poison(activity.ReasonTombstone, "The record has no value; %s is never deleted this way.",
				d.def.Name)
		}
		var err error
		if envelope, err = d.envelopes.Parse(r.Headers); err != nil {
			return poison(activity.ReasonEnvelope, "The headers are not those of a CloudEvent: %s.", err)
		}
	}
	if r.Value == nil {
		return poison(activity.ReasonTombstone, "The record has no value; %s is never deleted this way.", d.def.Name)
	}
	if d.typeAt < 0 {
		if p := d.checkType(header(r, d.def.TypeAt.Header)); p != nil {
			return p
		}
	}
	if schema := header(r, cloudevent.HeaderDataSchema); d.def.Schema != "" && string(schema) != d.def.Schema {
		return poison(activity.ReasonUnknownVersion, "The schema is %.200q, and this program understands %s.", schema,
			d.def.Schema)
	}
	if err := d.read(r.Value); err != nil {
		return poison(activity.ReasonMalformed, "The value is not a JSON object: %.200s.", err)
	}
	if d.typeAt >= 0 {
		text, err := d.fields[d.typeAt].one()
		if err != nil {
			return poison(activity.ReasonMalformed, "%s", err)
		}
		if p := d.checkType(text); p != nil {
			return p
		}
	}
	m.ID, m.Lineage, m.Sequence, m.Previous = envelope.ID, envelope.Lineage, envelope.Sequence, envelope.Previous
	m.Trace = envelope.Trace
	if m.ID == "" {
		id, p := d.fact(r, d.def.ID, d.id)
		if p != nil {
			return p
		}
		if m.ID = string(id); m.ID == "" || len(id) > cloudevent.MaxIDLen {
			return poison(activity.ReasonEnvelope, "The id at %s has %d bytes; it must have 1 to %d.", d.def.ID,
				len(id), cloudevent.MaxIDLen)
		}
	}
	d.room.event(&m.Event, len(d.measures), len(d.dimensions))
	return d.event(r, &m.Event)
}

// other reports whether a header says that the message is another activity's.
func (d *decoder) other(r *kafka.Record) bool {
	return len(d.def.Others) > 0 && d.typeAt < 0 && d.passesOver(header(r, d.def.TypeAt.Header))
}

// unknown reports whether the message is of a type that nobody counts, from a program that may send new ones.
func (d *decoder) unknown(r *kafka.Record) bool {
	if d.def.Source == "" || d.typeAt >= 0 || string(header(r, cloudevent.HeaderSource)) != d.def.Source {
		return false
	}
	found := header(r, d.def.TypeAt.Header)
	return len(found) > 0 && string(found) != d.def.Type
}

func (d *decoder) passesOver(found []byte) bool {
	if string(found) == d.def.Type {
		return false
	}
	if d.def.OthersPark {
		return true
	}
	for _, other := range d.def.Others {
		if other == string(found) {
			return true
		}
	}
	return false
}

func (d *decoder) checkType(found []byte) *activity.Poison {
	switch {
	case d.def.Type == "" || string(found) == d.def.Type:
		return nil
	case len(d.def.Others) > 0 && d.passesOver(found):
		return othersMessage
	}
	return poison(activity.ReasonUnknownType, "The event type is %.80q, and %s counts %s.", found, d.def.Name,
		d.def.Type)
}

// fact returns the text that a path leads to, or nothing. It is valid until the next record.
func (d *decoder) fact(r *kafka.Record, path activity.FactPath, field int) ([]byte, *activity.Poison) {
	if field < 0 {
		return header(r, path.Header), nil
	}
	text, err := d.fields[field].one()
	if err != nil {
		return nil, poison(activity.ReasonMalformed, "%s", err)
	}
	return text, nil
}

// header returns the first header of that name, or nothing.
func header(r *kafka.Record, name string) []byte {
	for i := range r.Headers {
		if name != "" && r.Headers[i].Key == name {
			return r.Headers[i].Value
		}
	}
	return nil
}

func poison(reason activity.Reason, format string, args ...any) *activity.Poison {
	return &activity.Poison{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}
