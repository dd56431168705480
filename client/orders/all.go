package orders

import (
	"context"
	"iter"
)

// All returns the orders that params selects, the newest first. It asks for page after page as the loop goes on, so
// orders placed meanwhile are not among them. An error ends the sequence.
func (c *Client) All(ctx context.Context, params ListOrdersParams) iter.Seq2[PlacedOrder, error] {
	return func(yield func(PlacedOrder, error) bool) {
		for {
			page, err := c.ListOrders(ctx, params)
			if err != nil {
				yield(PlacedOrder{}, err)
				return
			}
			for i := range page.Value.Orders {
				if !yield(page.Value.Orders[i], nil) {
					return
				}
			}
			if params.Cursor = page.Value.NextCursor; params.Cursor == "" {
				return
			}
		}
	}
}
