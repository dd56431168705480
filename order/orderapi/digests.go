package orderapi

import (
	"math/big"
	"net/http"
	"time"

	"ordertally/order"
	"ordertally/shared/setdigest"
	"ordertally/shared/uuidv7"
)

// digestsAnswer sums up a page of orders. Sums of pages add up.
type digestsAnswer struct {
	Quarters    []digestQuarter     `json:"quarters"`
	Unpublished map[order.State]int `json:"unpublished"`
	Next        string              `json:"next_cursor,omitempty"`
}

type digestQuarter struct {
	Starts  time.Time           `json:"starts_at"`
	Count   int                 `json:"count"`
	Revenue map[string]*big.Int `json:"revenue"`
	Digest  setdigest.Digest    `json:"digest"`
}

// digestsFilters is what cursors of this list are bound to.
const digestsFilters = "digests"

// digests answers sums of the published orders by the quarter hour they were placed in, for `activity verify`.
func (a *api) digests(w http.ResponseWriter, r *http.Request) error {
	values, err := parameters(r, "cursor")
	if err != nil {
		return err
	}
	var after uuidv7.ID
	if values.Has("cursor") {
		if after, err = decodeCursor(values.Get("cursor"), digestsFilters); err != nil {
			return err
		}
	}
	page, err := a.Store.Digests(r.Context(), after)
	if err != nil {
		return err
	}
	answer := digestsAnswer{Quarters: make([]digestQuarter, 0, len(page.Quarters)), Unpublished: page.Unpublished}
	for _, q := range page.Quarters {
		answer.Quarters = append(answer.Quarters, digestQuarter(q))
	}
	if page.Next != (uuidv7.ID{}) {
		answer.Next = encodeCursor(page.Next, digestsFilters)
	}
	return answerJSON(w, answer)
}
