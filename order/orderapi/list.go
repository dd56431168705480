package orderapi

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"ordertally/order"
	"ordertally/shared/event"
	"ordertally/shared/uuidv7"
	"ordertally/shared/web"
)

// list answers {"orders":[...],"next_cursor":"..."}, newest first by id. The last page has no next_cursor. A page may
// have fewer orders than the limit, even none, and still have a next one, because the store bounds how far it looks for
// matches. "corrupt" has the ids of damaged orders.
func (a *api) list(w http.ResponseWriter, r *http.Request) error {
	values, err := web.Parameters(r, append(slices.Clone(filterNames), "limit", "cursor")...)
	if err != nil {
		return err
	}
	query, err := readQuery(values)
	if err != nil {
		return err
	}
	page, cursor, err := a.page(r, query, filters(values))
	if err != nil {
		return err
	}
	if cursor != "" {
		values.Set("cursor", cursor)
		w.Header().Set("Link", "</v1/orders?"+values.Encode()+`>; rel="next"`)
	}
	return a.answers.Write(w, r, page)
}

// page makes a page, and the cursor of the next one if there is one. It waits for its turn, because making a page takes
// up to 6 MiB. That figure follows from the store's bound and the largest order, both as stored and as answered.
func (a *api) page(r *http.Request, query order.Query, bound string) (text []byte, cursor string, err error) {
	end, err := a.answers.Turn(r)
	if err != nil {
		return nil, "", err
	}
	defer end()
	page, err := a.Store.List(r.Context(), query)
	if err != nil {
		return nil, "", err
	}
	b := []byte(`{"orders":[`)
	for i := range page.Orders {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendOrder(b, &page.Orders[i])
	}
	b = append(b, ']')
	for i, id := range page.Corrupt {
		b = append(append(b, []string{`,"corrupt":["`, `","`}[min(i, 1)]...), id.String()...)
	}
	if len(page.Corrupt) > 0 {
		b = append(b, `"]`...)
	}
	if page.Next != (uuidv7.ID{}) {
		cursor = encodeCursor(page.Next, bound)
		b = append(b, `,"next_cursor":"`+cursor+`"`...)
	}
	return append(b, '}'), cursor, nil
}

func readQuery(values url.Values) (q order.Query, err error) {
	if q.Limit, err = web.Limit(values); err != nil {
		return q, err
	}
	for _, text := range []struct {
		name string
		into *string
		most int
	}{{"source", &q.Source, event.MaxSource}, {"reference", &q.Reference, event.MaxReference},
		{"customer_id", &q.CustomerID, event.MaxCustomerID}} {
		*text.into = values.Get(text.name)
		if values.Has(text.name) && !order.ValidIdentifier(*text.into, text.most) {
			return q, web.InvalidParameter(
				text.name,
				fmt.Sprintf("must be 1 to %d characters of UTF-8, none of them a control character.", text.most),
			)
		}
	}
	if q.Source != "" && q.Reference == "" {
		return q, web.InvalidParameter("source", "needs a reference as well.")
	}
	if q.PlacedFrom, err = readTime(values, "placed_from"); err != nil {
		return q, err
	}
	if q.PlacedTo, err = readTime(values, "placed_to"); err != nil {
		return q, err
	}
	if !q.PlacedFrom.IsZero() && !q.PlacedTo.IsZero() && q.PlacedTo.Before(q.PlacedFrom) {
		return q, web.InvalidParameter("placed_to", "must not be before placed_from.")
	}
	if err = readSets(values, &q); err != nil {
		return q, err
	}
	if values.Has("cursor") {
		q.Before, err = decodeCursor(values.Get("cursor"), filters(values))
	}
	return q, err
}

// readSets reads the filters whose values are of closed sets.
func readSets(values url.Values, q *order.Query) error {
	q.Status, q.Publication = order.Status(values.Get("status")), order.State(values.Get("publication"))
	if values.Has("status") && !slices.Contains(order.Statuses(), q.Status) {
		return notOneOf("status", order.Statuses())
	}
	if values.Has("publication") && !slices.Contains(order.States(), q.Publication) {
		return notOneOf("publication", order.States())
	}
	q.Currency = values.Get("currency")
	if values.Has("currency") && !order.ValidCurrency(q.Currency) {
		return web.InvalidParameter("currency", "must be an ISO 4217 code in upper case, such as GBP.")
	}
	return nil
}

func notOneOf[S ~string](name string, allowed []S) error {
	texts := make([]string, len(allowed))
	for i, value := range allowed {
		texts[i] = string(value)
	}
	return web.InvalidParameter(name, "must be one of "+strings.Join(texts, ", ")+".")
}

func readTime(values url.Values, name string) (time.Time, error) {
	if !values.Has(name) {
		return time.Time{}, nil
	}
	at, err := order.ParseTime(values.Get(name))
	if err != nil {
		return time.Time{}, web.InvalidParameter(name,
			"must be an RFC 3339 time such as 2010-12-01T00:00:00Z, with + written as %2B.")
	}
	// No order is older. The zero time would mean no bound.
	if epoch := time.Unix(0, 0); at.Before(epoch) {
		at = epoch
	}
	return at, nil
}

var filterNames = []string{"source", "reference", "customer_id", "placed_from", "placed_to", "status", "publication",
	"currency"}

// filters returns what a cursor is bound to. A cursor only continues the same selection. The limit may change from page
// to page.
func filters(values url.Values) string {
	bound := url.Values{}
	for _, name := range filterNames {
		if values.Has(name) {
			bound.Set(name, values.Get(name))
		}
	}
	return bound.Encode()
}
