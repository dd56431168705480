package activityapi

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"ordertally/activity"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/web/problem"
)

// knownBy says what identifies a counted message.
type knownBy string

const (
	knownByID       knownBy = "id"
	knownBySequence knownBy = "sequence" // its id has expired
)

type messageBody struct {
	// The activity that was asked.
	// Example: ORDER_CREATED
	Activity string `json:"activity"`
	// The message that was asked for.
	MessageID string `json:"message_id"`
	// What became of it. One that is unknown may come yet: see as_of.
	State activity.MessageState `json:"state"`
	// When it was counted. Left out when it was not, and when that is not known any more.
	CountedAt *time.Time `json:"counted_at,omitempty"`
	// What a counted message is known by. Left out of others.
	KnownBy knownBy `json:"known_by,omitempty"`
	// When it was parked. Left out when it is not.
	ParkedAt *time.Time `json:"parked_at,omitempty"`
	// Why it is parked. Left out when it is not.
	Reason activity.Reason `json:"reason,omitempty"`
	// The same in words. For people.
	Detail string `json:"detail,omitempty"`
	// What the answer contains.
	AsOf asOf `json:"as_of"`
}

// message answers whether and when one message was counted. An unknown message is no error, because it may still
// arrive. as_of says how far the answer goes.
func (a *API) message(r *http.Request) (any, error) {
	act, err := a.activity(r)
	if err != nil {
		return nil, err
	}
	query, err := parameters(r, "lineage", "sequence")
	if err != nil {
		return nil, err
	}
	id, err := query.message(r.PathValue("message_id"))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), readTimeout)
	defer cancel()
	var basis basis
	basis.lag, basis.known = act.lag()
	trace, err := act.Statistics.Trace(ctx, id)
	if err != nil {
		return nil, err
	}
	given := &answer{basis: basis, asOf: trace.AsOf}
	body := messageBody{Activity: act.Name, MessageID: id.ID, State: trace.State, AsOf: given.body()}
	var at *time.Time
	if !trace.At.IsZero() {
		at = &trace.At
	}
	switch trace.State {
	case activity.Counted:
		body.CountedAt, body.KnownBy = at, knownByID
		if trace.BySequence {
			body.KnownBy = knownBySequence
		}
	case activity.ParkedMessage:
		body.ParkedAt, body.Reason, body.Detail = at, trace.Poison.Reason, trace.Poison.Detail
	}
	return body, nil
}

// message reads the ids of the requested message.
func (q query) message(id string) (activity.MessageID, error) {
	invalid := func(detail string) error { return problem.KindInvalidParameter.New(detail) }
	m := activity.MessageID{ID: id, Lineage: q["lineage"]}
	if len(id) > cloudevent.MaxIDLen || len(m.Lineage) > cloudevent.MaxIDLen {
		return m, invalid("A message id and a lineage have at most " + strconv.Itoa(cloudevent.MaxIDLen) + " bytes.")
	}
	sequence, given := q["sequence"]
	if given != (m.Lineage != "") {
		return m, invalid("The query parameters lineage and sequence go together: give both or none.")
	}
	if !given {
		return m, nil
	}
	var err error
	if m.Sequence, err = strconv.ParseUint(sequence, 10, 64); err != nil || m.Sequence == 0 {
		return m, invalid("The query parameter sequence is the slot that the message was published under, a whole " +
			"number from 1.")
	}
	return m, nil
}
