package orderclient

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
)

// WaitingMessage is a message that was refused and will be retried, or that waits behind one of the same order.
type WaitingMessage struct {
	ID         string    `json:"id"`
	OrderID    string    `json:"order_id"`
	Sequence   uint64    `json:"sequence"`
	Behind     bool      `json:"behind"` // it was not refused itself
	Class      string    `json:"class,omitzero"`
	Reason     string    `json:"reason,omitzero"`
	Attempts   int       `json:"attempts"`
	Committed  time.Time `json:"committed_at"`
	LastFailed time.Time `json:"last_failed_at,omitzero"`
	NextTry    time.Time `json:"next_attempt_at,omitzero"`
}

// WaitingPage is one page of waiting messages. NextCursor is "" on the last one; a page may be short and still have a
// next.
type WaitingPage struct {
	Waiting    []WaitingMessage `json:"waiting"`
	Corrupt    []uint64         `json:"corrupt,omitempty"` // sequences of messages that are damaged
	NextCursor string           `json:"next_cursor,omitempty"`
}

// ListWaiting returns a page of at most limit messages (0 for the service's default) after cursor ("" for the first).
func (c *Client) ListWaiting(ctx context.Context, limit int, cursor string) (WaitingPage, error) {
	query := url.Values{}
	if cursor != "" {
		query.Set("cursor", cursor)
	}
	if limit > 0 {
		query.Set("limit", strconv.Itoa(limit))
	}
	var page WaitingPage
	answer, err := c.send(
		ctx,
		request{
			method:     http.MethodGet,
			path:       "/v1/outbox/waiting",
			query:      query,
			want:       http.StatusOK,
			repeatable: true,
		},
	)
	if err == nil {
		err = answer.decode(&page)
	}
	if err != nil {
		return WaitingPage{}, fmt.Errorf("list waiting messages: %w", err)
	}
	return page, nil
}

// Ask sends a request to a route of the operators, once if it changes something, and returns the answer's JSON.
func (c *Client) Ask(ctx context.Context, method, path string, query url.Values, body any) ([]byte, error) {
	r := request{method: method, path: path, query: query, want: http.StatusOK, repeatable: method == http.MethodGet}
	if body != nil {
		var err error
		if r.body, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	answer, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	return answer.body, nil
}
