package orderapi

import (
	"errors"
	"net/http"

	"ordertally/shared/outbox"
	"ordertally/shared/parked/parkedapi"
	"ordertally/shared/web"
)

// spread is the number of partitions that messages go to.
type spread struct {
	// How many partitions new messages are spread over.
	// Example: 12
	Partitions int `json:"partitions" minimum:"1"`
	// The first sequence number that this counts for. Earlier messages keep their partitions.
	// Example: 4711
	From uint64 `json:"from_sequence" minimum:"1"`
}

// partitions spreads new messages over more partitions, and answers the slot from which this holds (rule P9).
func (a *api) partitions(w http.ResponseWriter, r *http.Request) error {
	if _, err := web.Parameters(r); err != nil {
		return err
	}
	var asked struct {
		Partitions int `json:"partitions"`
	}
	const limit = 1 << 10
	if err := web.ReadObject(w, r, limit, parkedapi.KindInvalidDecision, &asked); err != nil {
		return err
	}
	from, err := a.Outbox.GrowPartitions(r.Context(), asked.Partitions)
	if errors.Is(err, outbox.ErrPartitions) {
		return web.Invalid(parkedapi.KindInvalidDecision, "/partitions", "cannot be that: "+err.Error()+".")
	}
	if err != nil {
		return err
	}
	return a.answerJSON(w, r, spread{asked.Partitions, from})
}
