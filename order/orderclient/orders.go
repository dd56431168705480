package orderclient

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"ordertally/order"
	"ordertally/shared/event"
)

// Order is an order as the service answers it.
type Order struct {
	event.Order
	// PlacedBy names who placed it: "key:" and a key's name, or "token:" and a subject. "" when that is not known, and
	// in the answer to a placement.
	PlacedBy    string            `json:"placed_by"`
	Publication order.Publication `json:"publication"`
}

// Placed is the answer to a placement.
type Placed struct {
	Order
	// Replayed says that an earlier request with the same key, or the same source and reference, placed the order.
	Replayed bool `json:"-"`
}

// Place places the order that body asks for; order.EncodeDraft makes one. key is the idempotency key; without one ("")
// the request is sent once only, as it cannot be known whether a lost answer was a success.
func (c *Client) Place(ctx context.Context, body []byte, key string) (Placed, error) {
	answer, err := c.send(ctx, request{
		method: http.MethodPost, path: "/v1/orders", body: body, key: key, want: http.StatusCreated,
		repeatable: key != "",
	})
	if err != nil {
		return Placed{}, fmt.Errorf("place order: %w", err)
	}
	placed := Placed{Replayed: answer.header.Get("Idempotent-Replayed") == "true"}
	err = answer.decode(&placed.Order)
	if err == nil && placed.ID == "" {
		err = answer.unexpected(nil) // a success that is none: nothing may count as placed that is not
	}
	if err != nil {
		return Placed{}, fmt.Errorf("place order: %w", err)
	}
	return placed, nil
}

// Get returns one order. The problem of an id that no order has is not_found.
func (c *Client) Get(ctx context.Context, id string) (Order, error) {
	answer, err := c.send(ctx, request{
		method: http.MethodGet, path: "/v1/orders/" + url.PathEscape(id), want: http.StatusOK, repeatable: true,
	})
	var o Order
	if err == nil {
		err = answer.decode(&o)
	}
	if err != nil {
		return Order{}, fmt.Errorf("get order %.40q: %w", id, err)
	}
	return o, nil
}

// Query selects orders. The zero Query selects all.
type Query struct {
	CustomerID string    // "" for all
	Source     string    // "" for all; any other needs a Reference
	Reference  string    // "" for all
	PlacedFrom time.Time // inclusive; zero for no bound
	PlacedTo   time.Time // exclusive; zero for no bound
	PageSize   int       // orders a request, 1 to 200; 0 for the service's default
}

func (q Query) values() url.Values {
	v := url.Values{}
	for name, value := range map[string]string{"customer_id": q.CustomerID, "source": q.Source,
		"reference": q.Reference} {
		if value != "" {
			v.Set(name, value)
		}
	}
	if !q.PlacedFrom.IsZero() {
		v.Set("placed_from", q.PlacedFrom.Format(time.RFC3339Nano))
	}
	if !q.PlacedTo.IsZero() {
		v.Set("placed_to", q.PlacedTo.Format(time.RFC3339Nano))
	}
	if q.PageSize != 0 {
		v.Set("limit", strconv.Itoa(q.PageSize))
	}
	return v
}

// List returns the orders that q selects, newest first. It asks for page after page as the loop goes on, so orders
// placed meanwhile are not among them. An error ends the sequence.
func (c *Client) List(ctx context.Context, q Query) iter.Seq2[Order, error] {
	return func(yield func(Order, error) bool) {
		values := q.values()
		for {
			var page struct {
				Orders     []Order `json:"orders"`
				NextCursor string  `json:"next_cursor"`
			}
			answer, err := c.send(ctx, request{
				method: http.MethodGet, path: "/v1/orders", query: values, want: http.StatusOK, repeatable: true,
			})
			if err == nil {
				err = answer.decode(&page)
			}
			if err != nil {
				yield(Order{}, fmt.Errorf("list orders: %w", err))
				return
			}
			for _, o := range page.Orders {
				if !yield(o, nil) {
					return
				}
			}
			if page.NextCursor == "" {
				return
			}
			values.Set("cursor", page.NextCursor)
		}
	}
}

// decode reads the answer's JSON into v. Members that the client does not know are passed over.
func (a *answer) decode(v any) error {
	if err := json.Unmarshal(a.body, v); err != nil {
		return a.unexpected(err)
	}
	return nil
}
