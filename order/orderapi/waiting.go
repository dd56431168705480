package orderapi

import (
	"encoding/binary"
	"net/http"
	"time"

	"ordertally/shared/outbox"
	"ordertally/shared/uuidv7"
	"ordertally/shared/web"
)

// WaitingMessage is a waiting message in an answer. CONTRACT: clients rely on the names.
type WaitingMessage struct {
	// The message's id, its ce_id.
	// Example: 01890a5d-ac96-774b-8000-000000000001
	ID string `json:"id" format:"uuid"`
	// The order that the message is about.
	// Example: 01890a5d-ac96-774b-8000-a8b45f0c6d21
	OrderID string `json:"order_id" format:"uuid"`
	// The sequence number that it was to be published under. It gets a new one when it is retried.
	// Example: 7
	Sequence uint64 `json:"sequence"`
	// True if it was not refused itself but waits for an earlier message of its order.
	Behind bool `json:"behind"`
	// The class of the last failure. Left out when the message was not refused itself.
	Class outbox.Class `json:"class,omitzero"`
	// The last failure in words. For people.
	// Example: Broker: Message size too large
	Reason string `json:"reason,omitzero"`
	// Failed attempts that were the message's own fault.
	// Example: 3
	Attempts int `json:"attempts"`
	// When order and message were stored.
	Committed time.Time `json:"committed_at"`
	// When it was refused last.
	LastFailed time.Time `json:"last_failed_at,omitzero"`
	// When it is retried. Left out when it waits for another message.
	NextTry time.Time `json:"next_attempt_at,omitzero"`
}

func waitingOf(m *outbox.WaitingMessage) WaitingMessage {
	return WaitingMessage{
		ID:         m.ID.String(),
		OrderID:    m.Subject,
		Sequence:   m.Slot,
		Behind:     m.Behind,
		Class:      m.Refusal.Class,
		Reason:     m.Refusal.Reason,
		Attempts:   m.Attempts,
		Committed:  m.Committed,
		LastFailed: m.Refusal.Failed,
		NextTry:    m.Refusal.Next,
	}
}

// waitingFilters is what a cursor of this list is bound to.
const waitingFilters = "waiting"

// listWaiting answers {"waiting":[...],"next_cursor":"..."}, in the order in which the messages were refused.
func (a *api) listWaiting(w http.ResponseWriter, r *http.Request) error {
	values, err := web.Parameters(r, "limit", "cursor")
	if err != nil {
		return err
	}
	limit, err := web.Limit(values)
	if err != nil {
		return err
	}
	var after uuidv7.ID // its last bytes hold the slot
	if values.Has("cursor") {
		if after, err = decodeCursor(values.Get("cursor"), waitingFilters); err != nil {
			return err
		}
	}
	page, err := a.Outbox.ListWaiting(r.Context(), binary.BigEndian.Uint64(after[8:]), limit)
	if err != nil {
		return err
	}
	answer := waitingPage{Waiting: make([]WaitingMessage, len(page.Messages)), Corrupt: page.Corrupt}
	for i := range page.Messages {
		answer.Waiting[i] = waitingOf(&page.Messages[i])
	}
	if page.Next != 0 {
		binary.BigEndian.PutUint64(after[8:], page.Next)
		answer.Next = encodeCursor(after, waitingFilters)
		values.Set("cursor", answer.Next)
		w.Header().Set("Link", "</v1/outbox/waiting?"+values.Encode()+`>; rel="next"`)
	}
	return a.answerJSON(w, r, answer)
}
