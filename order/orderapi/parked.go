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
	// The message's id, its ce_id.
	// Example: 01890a5d-ac96-774b-8000-000000000001
	ID string `json:"id" format:"uuid"`
	// The order that the message is about, its subject.
	// Example: 01890a5d-ac96-774b-8000-a8b45f0c6d21
	OrderID string `json:"order_id" format:"uuid"`
	// The sequence number that it was to be published under. A retry gives it a new one.
	// Example: 7
	Sequence uint64 `json:"sequence"`
	// The class of the last failure.
	Class outbox.Class `json:"class"`
	// The last failure in words. For people.
	// Example: Broker: Message size too large
	Reason string `json:"reason"`
	// Failed attempts that were the message's own fault.
	// Example: 10
	Attempts int `json:"attempts"`
	// When it failed first.
	FirstFailed time.Time `json:"first_failed_at"`
	// When it failed last, and was parked.
	LastFailed time.Time `json:"last_failed_at"`
}

// WholeMessage is a parked message with everything known about it.
type WholeMessage struct {
	ParkedMessage
	// The event's type, its ce_type.
	// Example: ORDER_CREATED
	Type string `json:"type"`
	// When order and message were stored.
	Committed time.Time `json:"committed_at"`
	// The message's value, JSON: the order as it was placed.
	Payload json.RawMessage `json:"payload"`
	// What operators decided about it, the oldest first. Left out in an export.
	History []parked.AuditEntry `json:"history,omitzero"`
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
