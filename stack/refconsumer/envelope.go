package refconsumer

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// Record is one record of the topic.
type Record struct {
	Key, Value []byte
	Timestamp  time.Time
	Headers    []Header
}

// Header is one header of a record.
type Header struct {
	Name  string
	Value []byte
}

// Type is the type of the messages that are counted. Other records are skipped.
const Type = "ORDER_CREATED"

const uuid7 = `[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`

// always has the format of each header that every record has, from the table in docs/reference/messages.md.
var always = map[string]*regexp.Regexp{
	"content-type":   whole(`application/json`),
	"ce_specversion": whole(`1\.0`),
	"ce_id":          whole(uuid7),
	"ce_source":      whole(`/ordertally/order`),
	"ce_type":        whole(Type),
	"ce_subject":     whole(uuid7),
	"ce_time":        whole(`[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z`),
	"ce_dataschema":  whole(`urn:ordertally:schema:order-created:1`),
	"ce_lineage":     whole(`.{1,255}`),
	"ce_sequence":    whole(`[0-9]{20}`),
	"ce_previous":    whole(`[0-9]{20}`),

	"ce_partitionprevious": whole(`[0-9]{20}`),
}

// sometimes has the format of each optional header.
var sometimes = map[string]*regexp.Regexp{
	"ordertally_key":         whole(`[A-Za-z0-9_-]{64}`),
	"ordertally_republished": whole(`[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z`),
	"traceparent":            whole(`[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}`),
	"tracestate":             whole(`.{1,512}`),
	"baggage":                whole(`.+`),
}

func whole(form string) *regexp.Regexp { return regexp.MustCompile(`^(?:` + form + `)$`) }

// envelope is the content of the headers.
type envelope struct {
	id, subject, lineage string
	kind, time           string // as written in the headers
	at                   time.Time
	sequence, previous   uint64
}

// content is a digest of what a message says: its type, time and value.
func (e *envelope) content(value []byte) [sha256.Size]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%q %q %s", e.kind, e.time, value))
}

// numbers reads the message's position in its lineage.
func (e *envelope) numbers(values map[string]string) error {
	var errs [3]error
	e.sequence, errs[0] = strconv.ParseUint(values["ce_sequence"], 10, 64)
	e.previous, errs[1] = strconv.ParseUint(values["ce_previous"], 10, 64)
	inPartition, errI := strconv.ParseUint(values["ce_partitionprevious"], 10, 64)
	errs[2] = errI
	if err := errors.Join(errs[:]...); err != nil {
		return err
	}
	if e.previous >= e.sequence {
		return fmt.Errorf("ce_previous %d is not before ce_sequence %d", e.previous, e.sequence)
	}
	if inPartition > e.previous {
		return fmt.Errorf("ce_partitionprevious %d is after ce_previous %d", inPartition, e.previous)
	}
	e.lineage = values["ce_lineage"]
	return nil
}

// errOther says that this program does not know the record's type. The envelope still has its numbers, if there are
// any.
var errOther = errors.New("another type of message")

// openEnvelope checks headers against the table. unknown lists headers that are not in it. They are allowed.
func openEnvelope(headers []Header) (e envelope, unknown []string, err error) {
	values := map[string]string{}
	for _, h := range headers {
		if _, repeated := values[h.Name]; repeated {
			return e, nil, fmt.Errorf("header %s stands twice", h.Name)
		}
		values[h.Name] = string(h.Value)
	}
	if kind, found := values["ce_type"]; found && kind != Type {
		_ = e.numbers(values) // a record without numbers covers none
		return e, nil, errOther
	}
	for name, form := range always {
		if !form.MatchString(values[name]) {
			return e, nil, fmt.Errorf("header %s is %q, want %s", name, values[name], form)
		}
	}
	for name, value := range values {
		form, known := sometimes[name]
		switch {
		case always[name] != nil:
		case !known:
			unknown = append(unknown, name)
		case !form.MatchString(value):
			return e, nil, fmt.Errorf("header %s is %q, want %s", name, value, form)
		}
	}
	e = envelope{id: values["ce_id"], subject: values["ce_subject"], kind: values["ce_type"], time: values["ce_time"]}
	if e.at, err = time.Parse(time.RFC3339Nano, e.time); err != nil {
		return e, nil, err
	}
	return e, unknown, e.numbers(values)
}
