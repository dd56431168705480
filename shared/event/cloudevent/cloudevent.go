// Package cloudevent is the envelope of every message: CloudEvents 1.0 in Kafka's binary mode, where each attribute is
// a record header. The payload stays apart, in the record's value.
//
// Four attributes extend the standard. Lineage names the database file that wrote the message, and sequence is its slot
// there. Previous is the slot published before it, and partitionprevious the slot published before it in the same
// partition. With these two a consumer that keeps intervals of counted slots closes the gaps that skipped slots leave.
package cloudevent

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"ordertally/shared/text/rfc3339"
)

// The headers of a message. The names are a contract with every consumer.
const (
	HeaderContentType = "content-type"
	HeaderSpecVersion = "ce_specversion"
	HeaderID          = "ce_id"
	HeaderSource      = "ce_source"
	HeaderType        = "ce_type"
	HeaderSubject     = "ce_subject"
	HeaderTime        = "ce_time"
	HeaderDataSchema  = "ce_dataschema"
	HeaderLineage     = "ce_lineage"
	HeaderSequence    = "ce_sequence"
	HeaderPrevious    = "ce_previous"
	HeaderTraceParent = "traceparent"
	HeaderTraceState  = "tracestate"
	HeaderBaggage     = "baggage"
	// HeaderPartitionPrevious is the slot that the lineage published before in the same partition.
	HeaderPartitionPrevious = "ce_partitionprevious"
	// HeaderKey is on a message whose request had an idempotency key; see event.KeyHeader.
	HeaderKey = "ordertally_key"
	// HeaderRepublished is on a message that an operator had published again. Its value is the time.
	HeaderRepublished = "ordertally_republished"
)

// SpecVersion is the version of CloudEvents that is written and accepted.
const SpecVersion = "1.0"

// MaxIDLen is the longest event id that is accepted, in bytes.
const MaxIDLen = 255

// Header is one record header.
type Header struct {
	Key   string
	Value []byte
}

// Trace is the trace that a message belongs to: the values of three headers, "" for none.
type Trace struct{ Parent, State, Baggage string }

// Headers returns the headers of t that are not empty.
func (t *Trace) Headers() (headers []Header) {
	for _, h := range [...]struct{ key, value string }{
		{HeaderTraceParent, t.Parent}, {HeaderTraceState, t.State}, {HeaderBaggage, t.Baggage},
	} {
		if h.value != "" {
			headers = append(headers, Header{h.key, []byte(h.value)})
		}
	}
	return headers
}

// Republished reports whether an operator had the message published again.
func Republished(headers []Header) bool {
	return slices.ContainsFunc(headers, func(h Header) bool { return h.Key == HeaderRepublished })
}

// Envelope holds the attributes of one message. Empty attributes are not sent.
type Envelope struct {
	ID          string
	Source      string
	Type        string
	Subject     string
	Time        time.Time
	DataSchema  string
	ContentType string
	Trace       Trace
	// Lineage, Sequence and Previous are set on messages of an outbox. Sequence counts from 1; Previous is 0 for the
	// first message of a lineage.
	Lineage  string
	Sequence uint64
	Previous uint64
	// PartitionPrevious is the slot that the lineage published before in the record's partition; 0 for none. Older
	// messages do not have it, and then it is 0 too.
	PartitionPrevious uint64
}

// Headers returns the record headers of e. Slots have 20 digits with leading zeros, so that they sort as text. All
// values share one piece of memory, so keeping one keeps them all.
func (e *Envelope) Headers() []Header {
	const others = len(SpecVersion) + len("2006-01-02T15:04:05.999999999Z") + 3*slotDigits
	headers := make([]Header, 0, 13)
	text := make([]byte, 0, len(e.ContentType)+len(e.ID)+len(e.Source)+len(e.Type)+len(e.Subject)+len(e.DataSchema)+
		len(e.Lineage)+others)
	begun := 0
	end := func(key string) { // of the value that was appended to text
		headers = append(headers, Header{key, text[begun:len(text):len(text)]})
		begun = len(text)
	}
	add := func(key, value string) {
		if value != "" {
			text = append(text, value...)
			end(key)
		}
	}
	add(HeaderContentType, e.ContentType)
	add(HeaderSpecVersion, SpecVersion)
	add(HeaderID, e.ID)
	add(HeaderSource, e.Source)
	add(HeaderType, e.Type)
	add(HeaderSubject, e.Subject)
	if !e.Time.IsZero() {
		text = e.Time.UTC().AppendFormat(text, time.RFC3339Nano)
		end(HeaderTime)
	}
	add(HeaderDataSchema, e.DataSchema)
	if e.Lineage != "" {
		add(HeaderLineage, e.Lineage)
		text = appendSlot(text, e.Sequence)
		end(HeaderSequence)
		text = appendSlot(text, e.Previous)
		end(HeaderPrevious)
		text = appendSlot(text, e.PartitionPrevious)
		end(HeaderPartitionPrevious)
	}
	return append(headers, e.Trace.Headers()...)
}

const slotDigits = 20

func appendSlot(text []byte, slot uint64) []byte {
	at := len(text)
	text = append(text, "00000000000000000000"...)
	for i := at + slotDigits - 1; i >= at; i-- {
		text[i] = byte('0' + slot%10)
		slot /= 10
	}
	return text
}

// Parse reads the envelope from a record's headers. It ignores unknown headers. It is an error if the version is not
// 1.0, id, source or type is missing, a header is repeated with another value, or lineage, sequence and previous do not
// fit together.
func Parse(headers []Header) (Envelope, error) { return new(Parser).Parse(headers) }

// Parser parses one envelope after the other. It reuses the strings that they share, such as type and lineage. It is
// not safe for concurrent use.
type Parser struct{ last Envelope }

// Parse does what the function Parse does.
func (p *Parser) Parse(headers []Header) (Envelope, error) {
	e, err := p.parse(headers)
	if err == nil {
		p.last = e
	}
	return e, err
}

func (p *Parser) parse(headers []Header) (Envelope, error) {
	var e Envelope
	var version string
	var eventTime, sequence, previous, inPartition []byte
	for _, h := range headers {
		var field *string
		var text *[]byte // of a field that is no text
		before := ""
		switch h.Key {
		case HeaderContentType:
			field, before = &e.ContentType, p.last.ContentType
		case HeaderSpecVersion:
			field, before = &version, SpecVersion
		case HeaderID:
			field = &e.ID
		case HeaderSource:
			field, before = &e.Source, p.last.Source
		case HeaderType:
			field, before = &e.Type, p.last.Type
		case HeaderSubject:
			field = &e.Subject
		case HeaderTime:
			text = &eventTime
		case HeaderDataSchema:
			field, before = &e.DataSchema, p.last.DataSchema
		case HeaderLineage:
			field, before = &e.Lineage, p.last.Lineage
		case HeaderSequence:
			text = &sequence
		case HeaderPrevious:
			text = &previous
		case HeaderPartitionPrevious:
			text = &inPartition
		case HeaderTraceParent:
			field = &e.Trace.Parent
		case HeaderTraceState: // may be repeated; a trace must not make a message unreadable
			e.Trace.State = cmp.Or(e.Trace.State, string(h.Value))
			continue
		case HeaderBaggage:
			e.Trace.Baggage = cmp.Or(e.Trace.Baggage, string(h.Value))
			continue
		default:
			continue
		}
		if text != nil {
			if len(*text) > 0 && !bytes.Equal(*text, h.Value) {
				return Envelope{}, fmt.Errorf("header %s is repeated with another value", h.Key)
			}
			*text = h.Value
			continue
		}
		if *field != "" && *field != string(h.Value) {
			return Envelope{}, fmt.Errorf("header %s is repeated with another value", h.Key)
		}
		if string(h.Value) == before {
			*field = before
		} else {
			*field = string(h.Value)
		}
	}
	switch {
	case version == "":
		return Envelope{}, fmt.Errorf("header %s is missing: not a CloudEvent", HeaderSpecVersion)
	case version != SpecVersion:
		return Envelope{}, fmt.Errorf("header %s is %.20q, want %s", HeaderSpecVersion, version, SpecVersion)
	case e.ID == "" || e.Source == "" || e.Type == "":
		return Envelope{}, fmt.Errorf("headers %s, %s and %s must all be present", HeaderID, HeaderSource, HeaderType)
	case len(e.ID) > MaxIDLen:
		return Envelope{}, fmt.Errorf("header %s has %d bytes, at most %d are accepted", HeaderID, len(e.ID), MaxIDLen)
	}
	if len(eventTime) > 0 {
		at, err := rfc3339.Parse(string(eventTime))
		if err != nil {
			return Envelope{}, fmt.Errorf("header %s is %.40q; it %w", HeaderTime, eventTime, err)
		}
		e.Time = at
	}
	if e.Lineage == "" && len(sequence) == 0 && len(previous) == 0 && len(inPartition) == 0 {
		return e, nil
	}
	return e, e.parseSlots(sequence, previous, inPartition)
}

var errSlots = errors.New("headers " + HeaderLineage + ", " + HeaderSequence + " and " + HeaderPrevious +
	" go together: a name and decimal numbers, previous less than sequence, " +
	HeaderPartitionPrevious + " at most previous")

func (e *Envelope) parseSlots(sequence, previous, inPartition []byte) error {
	var okS, okP bool
	e.Sequence, okS = parseSlot(sequence)
	e.Previous, okP = parseSlot(previous)
	okI := true
	if len(inPartition) > 0 {
		e.PartitionPrevious, okI = parseSlot(inPartition)
	}
	if !okS || !okP || !okI || e.Lineage == "" || len(e.Lineage) > MaxIDLen ||
		e.Previous >= e.Sequence || e.PartitionPrevious > e.Previous {
		return errSlots
	}
	return nil
}

// parseSlot reads a decimal number.
func parseSlot(text []byte) (slot uint64, ok bool) {
	for _, digit := range text {
		if digit < '0' || digit > '9' || slot > math.MaxUint64/10 {
			return 0, false
		}
		digit := uint64(digit - '0')
		if slot *= 10; slot > math.MaxUint64-digit {
			return 0, false
		}
		slot += digit
	}
	return slot, len(text) > 0
}

// Slots reads only lineage, sequence and previous, into an Envelope without anything else. It reports false if there
// are none, or if Parse would refuse these three.
func (p *Parser) Slots(headers []Header) (e Envelope, ok bool) {
	var lineage, sequence, previous []byte
	for _, h := range headers {
		var text *[]byte
		switch h.Key {
		case HeaderLineage:
			text = &lineage
		case HeaderSequence:
			text = &sequence
		case HeaderPrevious:
			text = &previous
		default:
			continue
		}
		if len(*text) > 0 && !bytes.Equal(*text, h.Value) {
			return Envelope{}, false
		}
		*text = h.Value
	}
	if string(lineage) == p.last.Lineage {
		e.Lineage = p.last.Lineage
	} else {
		e.Lineage = string(lineage)
		p.last.Lineage = e.Lineage
	}
	return e, e.parseSlots(sequence, previous, nil) == nil
}
