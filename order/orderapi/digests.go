package orderapi

import (
	"math/big"
	"net/http"
	"time"

	"ordertally/order"
	"ordertally/shared/event/setdigest"
	"ordertally/shared/uuidv7"
	"ordertally/shared/web"
)

// digestsAnswer sums up a page of orders. Sums of pages add up.
type digestsAnswer struct {
	// The quarter hours that the page has published orders of, the oldest first. One may come on several pages: add up.
	Quarters []digestQuarter `json:"quarters"`
	// The same of orders of the page whose cancellation is published, by the quarter hour of the cancellation.
	Cancelled []digestQuarter `json:"cancelled"`
	// How many orders of the page are not published, by the state of their message.
	Unpublished map[order.State]int `json:"unpublished"`
	// For the next page. Left out on the last one.
	Next string `json:"next_cursor,omitempty"`
}

type digestQuarter struct {
	// When the quarter hour begins, in UTC.
	// Example: 2010-12-01T08:15:00Z
	Starts time.Time `json:"starts_at"`
	// Published orders that were placed in it, or cancelled.
	// Example: 4
	Count int `json:"count"`
	// The sum of their totals by currency, in minor units. It may exceed 64 bits.
	Revenue map[string]*big.Int `json:"revenue"`
	// A digest of their ids that does not depend on their order; digests of pages add up.
	Digest setdigest.Digest `json:"digest"`
}

// digestsFilters is what cursors of this list are bound to.
const digestsFilters = "digests"

// digests answers the sums of the published orders, by the quarter hour in which they were placed. `activity verify`
// uses it.
func (a *api) digests(w http.ResponseWriter, r *http.Request) error {
	values, err := web.Parameters(r, "cursor")
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
	answer := digestsAnswer{Quarters: digestQuarters(page.Quarters), Cancelled: digestQuarters(page.Cancelled),
		Unpublished: page.Unpublished}
	if page.Next != (uuidv7.ID{}) {
		answer.Next = encodeCursor(page.Next, digestsFilters)
	}
	return a.answerJSON(w, r, answer)
}

func digestQuarters(quarters []order.DigestQuarter) []digestQuarter {
	all := make([]digestQuarter, 0, len(quarters))
	for _, q := range quarters {
		all = append(all, digestQuarter(q))
	}
	return all
}
