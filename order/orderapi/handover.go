package orderapi

import (
	"fmt"
	"net/http"
	"strings"

	"ordertally/order"
	"ordertally/shared/auth"
	"ordertally/shared/uuidv7"
	"ordertally/shared/web"
)

const (
	// maxHandover bounds the body of a handover. It has room for two of the largest orders.
	maxHandover = 8 << 20
	maxOffers   = 1000
)

// handoverBody is what a request to take orders over contains.
type handoverBody struct {
	// The orders, 1000 at most.
	Offers []order.Offer `json:"offers" minItems:"1" maxItems:"1000"`
}

// handoverAnswer says what became of offers.
type handoverAnswer struct {
	// What became of each offer, in their order.
	Verdicts []order.Verdict `json:"verdicts"`
}

// handOver takes orders over from a file that is not served any more.
func (a *api) handOver(w http.ResponseWriter, r *http.Request) error {
	if _, err := web.Parameters(r); err != nil {
		return err
	}
	var asked handoverBody
	if err := web.ReadObject(w, r, maxHandover, kindInvalidHandover, &asked); err != nil {
		return err
	}
	if n := len(asked.Offers); n == 0 || n > maxOffers {
		return web.Invalid(kindInvalidHandover, "/offers", fmt.Sprintf("must have 1 to %d offers", maxOffers))
	}
	for i := range asked.Offers {
		if _, err := uuidv7.Parse(asked.Offers[i].ID); err != nil {
			return web.Invalid(kindInvalidHandover, fmt.Sprintf("/offers/%d/id", i), "must be the UUID of an order")
		}
	}
	verdicts, err := a.Orders.HandOver(r.Context(), asked.Offers)
	if err != nil {
		return err
	}
	results := map[order.HandoverResult]int{}
	for i := range verdicts {
		results[verdicts[i].Result]++
	}
	if n := results[order.HandoverSuperseded] + results[order.HandoverAdopted]; n > 0 {
		a.Logger.Warn().Str("by", auth.FromContext(r.Context()).Actor()).
			Int("adopted", results[order.HandoverAdopted]).Int("superseded", results[order.HandoverSuperseded]).
			Msg("orders of another file were handed over")
	}
	return a.answerJSON(w, r, handoverAnswer{verdicts})
}

// redirect leads from the id of a superseded order to the order that stands for it.
func redirect(w http.ResponseWriter, r *http.Request, e *order.SupersededError) {
	target := *r.URL
	target.RawPath = ""
	target.Path = strings.Replace(r.URL.Path, r.PathValue("id"), e.By.String(), 1)
	w.Header().Set("Location", target.RequestURI())
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusPermanentRedirect)
}
