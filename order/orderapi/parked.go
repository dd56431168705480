package orderapi

import (
	"encoding/json"
	"net/http"
	"time"

	"ordertally/shared/outbox"
	"ordertally/shared/parked"
	"ordertally/shared/parked/parkedapi"
)

// ParkedMessage is a parked message in a list. CONTRACT: clients rely on the names.
type ParkedMessage struct {
	ID          string       `json:"id" format:"uuid" doc:"The message's id, its ce_id." example:"01890a5d-ac96-774b-8000-000000000001"`
	OrderID     string       `json:"order_id" format:"uuid" doc:"The order that the message is about, its subject." example:"01890a5d-ac96-774b-8000-a8b45f0c6d21"`
	Sequence    uint64       `json:"sequence" doc:"The sequence number that it was to be published under. A retry gives it a new one." example:"7"`
	Class       outbox.Class `json:"class" doc:"The class of the last failure."`
	Reason      string       `json:"reason" doc:"The last failure in words. For people." example:"Broker: Message size too large"`
	Attempts    int          `json:"attempts" doc:"Failed attempts that were the message's own fault." example:"10"`
	FirstFailed time.Time    `json:"first_failed_at" doc:"When it failed first."`
	LastFailed  time.Time    `json:"last_failed_at" doc:"When it failed last, and was parked."`
}

// WholeMessage is a parked message with everything known about it.
type WholeMessage struct {
	ParkedMessage
	Type      string              `json:"type" doc:"The event's type, its ce_type." example:"ORDER_CREATED"`
	Committed time.Time           `json:"committed_at" doc:"When order and message were stored."`
	Payload   json.RawMessage     `json:"payload" doc:"The message's value, JSON: the order as it was placed."`
	History   []parked.AuditEntry `json:"history,omitzero" doc:"What operators decided about it, the oldest first. Left out in an export."`
}

// parked serves the parked messages of the outbox.
func (a *api) parked() *parkedapi.API[outbox.ParkedMessage, ParkedMessage, WholeMessage] {
	classes := make([]string, 0, len(outbox.Classes()))
	for _, class := range outbox.Classes() {
		classes = append(classes, string(class))
	}
	return &parkedapi.API[outbox.ParkedMessage, ParkedMessage, WholeMessage]{
		Kind: parkedapi.Kind{
			Base: "/v1/outbox/parked", Name: "Parked", Messages: "parked messages", Classes: classes,
			Retry: "retry", Retries: "Publish again", Discards: "Give up, for ever,",
		},
		Ledger: func(*http.Request) (*parked.Ledger[outbox.ParkedMessage], error) { return a.Outbox.Ledger(), nil },
		Listed: listed,
		Whole: func(m *outbox.ParkedMessage, history []parked.AuditEntry) WholeMessage {
			return WholeMessage{listed(m), m.Type, m.Committed, m.Value, history}
		},
		Answers: a.answers, Failures: a.failures,
	}
}

func listed(m *outbox.ParkedMessage) ParkedMessage {
	return ParkedMessage{
		ID: m.ID.String(), OrderID: m.Subject, Sequence: m.Slot, Class: m.Class, Reason: m.Reason,
		Attempts: m.Attempts, FirstFailed: m.FirstFailed, LastFailed: m.LastFailed,
	}
}
