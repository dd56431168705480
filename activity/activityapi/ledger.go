package activityapi

import (
	"net/http"
	"time"
	"unicode/utf8"

	"ordertally/activity"
	"ordertally/shared/parked"
	"ordertally/shared/parked/parkedapi"
	"ordertally/shared/web/openapi"
)

// ledgerAPI serves one ledger.
type ledgerAPI = parkedapi.API[activity.Kept, ParkedMessage, WholeMessage]

// ledgerAPIs returns the APIs of the ledgers: parked, late and conflicts.
func (a *API) ledgerAPIs() (apis []*ledgerAPI) {
	for ledger, kind := range map[activity.Ledger]parkedapi.Kind{
		activity.ParkedLedger: {Name: "Parked", Messages: "parked messages",
			Retry: "retry", Retries: "Count, now that they can be,"},
		activity.LateLedger: {Name: "Late", Messages: "late messages",
			Retry: "accept", Retries: "Count, for they were not counted before,"},
		activity.ConflictLedger: {Name: "Conflicts", Messages: "messages whose id another message had",
			Retry: "accept", Retries: "Count as well"},
	} {
		kind.Base = base + "/" + string(ledger)
		kind.Path = map[string]*openapi.Schema{"activity": anyName["activity"]}
		kind.Discards = "Give up, for ever,"
		for _, reason := range activity.LedgerReasons(ledger) {
			kind.Classes = append(kind.Classes, string(reason))
		}
		kind.Outcomes, kind.Problems = parked.Outcomes(), unknown
		apis = append(apis, &ledgerAPI{
			Kind: kind,
			Ledger: func(r *http.Request) (*parked.Ledger[activity.Kept], error) {
				act, err := a.activity(r)
				if err != nil {
					return nil, err
				}
				return act.Ledger(ledger), nil
			},
			Listed: listed, Whole: wholeMessage, Answers: a.answers, Failures: a.failures,
		})
	}
	return apis
}

// ParkedMessage is a message of a ledger, as a list shows it.
type ParkedMessage struct {
	// The entry: partition, offset and a digest of the message.
	// Example: 3-7-9f86d081884c7d65
	ID string `json:"id"`
	// The message's own id. Left out when it has none that can be read.
	MessageID string `json:"message_id,omitempty"`
	// Why it was not counted.
	Class activity.Reason `json:"class"`
	// The same in words. For people.
	Reason string `json:"reason"`
	// Where it stands in the topic.
	Partition int32 `json:"partition" minimum:"0"`
	// Its offset in the partition.
	Offset int64 `json:"offset" minimum:"0"`
	// The record's own time: when it was written to Kafka.
	Timestamp time.Time `json:"timestamp"`
	// When it was put into the ledger.
	At time.Time `json:"at"`
	// How often it was retried in vain.
	Attempts int `json:"attempts" minimum:"0"`
	// When it was retried last. Left out when it was not.
	Tried *time.Time `json:"tried_at,omitempty"`
	// The size of its value.
	Bytes int `json:"bytes" minimum:"0"`
	// The size of the whole record if it was too large to be kept. Its value is then left out, and perhaps its key and
	// its last headers. Left out otherwise.
	TooLarge int `json:"record_bytes,omitzero" minimum:"0"`
}

func listed(k *activity.Kept) ParkedMessage {
	body := ParkedMessage{
		ID: k.ID, MessageID: k.MessageID, Class: k.Poison.Reason, Reason: k.Poison.Detail, Partition: k.Partition,
		Offset:    k.Offset,
		Timestamp: k.Timestamp, At: k.At, Attempts: k.Attempts, Bytes: len(k.Value),
		TooLarge: k.TooLarge,
	}
	if !k.Tried.IsZero() {
		body.Tried = &k.Tried
	}
	return body
}

// WholeMessage is a message of a ledger with everything that was read of it.
type WholeMessage struct {
	ParkedMessage
	// The record's key in base64; null when it has none.
	Key []byte `json:"key" nullable:"true"`
	// The record's value in base64; null for a tombstone, and for a record that was too large to be kept (see
	// record_bytes).
	Value []byte `json:"value" nullable:"true"`
	// The value as text. Left out when it is not UTF-8.
	Text *string `json:"text,omitempty"`
	// The record's headers, as they stand there.
	Headers []headerBody `json:"headers"`

	// What operators decided about it, the oldest first. Left out in an export.
	History []parked.AuditEntry `json:"history,omitzero"`
}

type headerBody struct {
	// The header's name.
	// Example: ce_type
	Key string `json:"key"`
	// Its value in base64; null when it has none.
	Value []byte `json:"value" nullable:"true"`
	// Its value as text. Left out when it is not UTF-8.
	Text *string `json:"text,omitempty"`
}

func wholeMessage(k *activity.Kept, history []parked.AuditEntry) WholeMessage {
	body := WholeMessage{ParkedMessage: listed(k), Key: k.Key, Value: k.Value, Text: textOf(k.Value),
		Headers: make([]headerBody, 0, len(k.Headers)), History: history}
	for _, h := range k.Headers {
		body.Headers = append(body.Headers, headerBody{h.Key, h.Value, textOf(h.Value)})
	}
	return body
}

func textOf(b []byte) *string {
	if b == nil || !utf8.Valid(b) {
		return nil
	}
	text := string(b)
	return &text
}
