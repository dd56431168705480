package orderclient

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"ordertally/order"
)

// Delivery returns how the message of an order got on. The problem of an id that no order has is not_found.
func (c *Client) Delivery(ctx context.Context, id string) (order.Delivery, error) {
	answer, err := c.send(ctx, request{
		method: http.MethodGet, path: "/v1/orders/" + url.PathEscape(id) + "/delivery", want: http.StatusOK,
		repeatable: true,
	})
	var d order.Delivery
	if err == nil {
		err = answer.decode(&d)
	}
	if err != nil {
		return order.Delivery{}, fmt.Errorf("get the delivery of order %.40q: %w", id, err)
	}
	return d, nil
}
