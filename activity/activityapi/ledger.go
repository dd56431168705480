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
	ID        string          `json:"id" doc:"The entry: partition, offset and a digest of the message." example:"3-7-9f86d081884c7d65"`
	MessageID string          `json:"message_id,omitempty" doc:"The message's own id. Left out when it has none that can be read."`
	Class     activity.Reason `json:"class" doc:"Why it was not counted."`
	Reason    string          `json:"reason" doc:"The same in words. For people."`
	Partition int32           `json:"partition" minimum:"0" doc:"Where it stands in the topic."`
	Offset    int64           `json:"offset" minimum:"0" doc:"Its offset in the partition."`
	Timestamp time.Time       `json:"timestamp" doc:"The record's own time: when it was written to Kafka."`
	At        time.Time       `json:"at" doc:"When it was put into the ledger."`
	Attempts  int             `json:"attempts" minimum:"0" doc:"How often it was retried in vain."`
	Tried     *time.Time      `json:"tried_at,omitempty" doc:"When it was retried last. Left out when it was not."`
	Bytes     int             `json:"bytes" minimum:"0" doc:"The size of its value."`
	TooLarge  int             `json:"record_bytes,omitempty" minimum:"0" doc:"The size of the whole record if it was too large to be kept. Its value is then left out, and perhaps its key and its last headers. Left out otherwise."`
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
	Key     []byte       `json:"key" nullable:"true" doc:"The record's key in base64; null when it has none."`
	Value   []byte       `json:"value" nullable:"true" doc:"The record's value in base64; null for a tombstone, and for a record that was too large to be kept (see record_bytes)."`
	Text    *string      `json:"text,omitempty" doc:"The value as text. Left out when it is not UTF-8."`
	Headers []headerBody `json:"headers" doc:"The record's headers, as they stand there."`

	History []parked.AuditEntry `json:"history,omitzero" doc:"What operators decided about it, the oldest first. Left out in an export."`
}

type headerBody struct {
	Key   string  `json:"key" doc:"The header's name." example:"ce_type"`
	Value []byte  `json:"value" nullable:"true" doc:"Its value in base64; null when it has none."`
	Text  *string `json:"text,omitempty" doc:"Its value as text. Left out when it is not UTF-8."`
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
