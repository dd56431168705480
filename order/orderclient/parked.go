package orderclient

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// ParkedMessage is a message that failed too often and waits for an operator.
type ParkedMessage struct {
	ID          string    `json:"id"`
	OrderID     string    `json:"order_id"`
	Sequence    uint64    `json:"sequence"`
	Class       string    `json:"class"`
	Reason      string    `json:"reason"`
	Attempts    int       `json:"attempts"`
	FirstFailed time.Time `json:"first_failed_at"`
	LastFailed  time.Time `json:"last_failed_at"`
}

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

// ParkedPage is one page of parked messages, in the order written. NextCursor is "" on the last one; a page may be
// short and still have a next.
type ParkedPage struct {
	Parked     []ParkedMessage `json:"parked"`
	Corrupt    []string        `json:"corrupt,omitempty"` // ids of messages that are damaged
	NextCursor string          `json:"next_cursor,omitempty"`
}

// ParkedFilter selects parked messages. The zero filter selects all.
type ParkedFilter struct {
	Class        string    // "" for any
	OrderID      string    // "" for any
	FailedBefore time.Time // only those whose last failure is older; zero for any
}

// ListParked returns a page of at most limit messages (0 for the service's default) after cursor ("" for the first).
func (c *Client) ListParked(ctx context.Context, f ParkedFilter, limit int, cursor string) (ParkedPage, error) {
	query := url.Values{}
	set := func(name, value string) {
		if value != "" {
			query.Set(name, value)
		}
	}
	set("class", f.Class)
	set("order_id", f.OrderID)
	set("cursor", cursor)
	if !f.FailedBefore.IsZero() {
		set("failed_before", f.FailedBefore.Format(time.RFC3339Nano))
	}
	if limit > 0 {
		set("limit", strconv.Itoa(limit))
	}
	var page ParkedPage
	answer, err := c.send(ctx, request{method: http.MethodGet, path: "/v1/outbox/parked", query: query,
		want: http.StatusOK, repeatable: true})
	if err == nil {
		err = answer.decode(&page)
	}
	if err != nil {
		return ParkedPage{}, fmt.Errorf("list parked messages: %w", err)
	}
	return page, nil
}

// ShowParked returns all that is known of one parked message, payload and history included, as the service's JSON.
func (c *Client) ShowParked(ctx context.Context, id string) ([]byte, error) {
	answer, err := c.send(ctx, request{
		method: http.MethodGet, path: "/v1/outbox/parked/" + url.PathEscape(id), want: http.StatusOK, repeatable: true,
	})
	if err == nil && !jsontext.Value(answer.body).IsValid() {
		err = answer.unexpected(nil)
	}
	if err != nil {
		return nil, fmt.Errorf("show parked message %.40q: %w", id, err)
	}
	return answer.body, nil
}

// RetryParked has one parked message published again, behind what is there already. It is sent once: whoever repeats it
// may meet not_found.
func (c *Client) RetryParked(ctx context.Context, id, reason string) error {
	_, _, err := c.decide(ctx, "/v1/outbox/parked/"+url.PathEscape(id)+"/retry", decision{Reason: reason})
	return err
}

// DiscardParked gives one parked message up, for ever. reason is kept.
func (c *Client) DiscardParked(ctx context.Context, id, reason string) error {
	_, _, err := c.decide(ctx, "/v1/outbox/parked/"+url.PathEscape(id)+"/discard", decision{Reason: reason})
	return err
}

// RetryAllParked retries every parked message that matches and returns how many; the zero filter means all. Damaged
// ones are left as they are; corrupt names them, 1,000 at most.
func (c *Client) RetryAllParked(
	ctx context.Context,
	f ParkedFilter,
	reason string,
) (n int, corrupt []string, err error) {
	return c.decide(ctx, "/v1/outbox/retry", decisionOn(f, reason))
}

// DiscardAllParked discards every parked message that matches, as RetryAllParked retries them.
func (c *Client) DiscardAllParked(
	ctx context.Context,
	f ParkedFilter,
	reason string,
) (n int, corrupt []string, err error) {
	return c.decide(ctx, "/v1/outbox/discard", decisionOn(f, reason))
}

type decision struct {
	Reason       string    `json:"reason,omitzero"`
	Class        string    `json:"class,omitzero"`
	OrderID      string    `json:"order_id,omitzero"`
	FailedBefore time.Time `json:"failed_before,omitzero"`
	All          bool      `json:"all,omitzero"`
}

func decisionOn(f ParkedFilter, reason string) decision {
	return decision{Reason: reason, Class: f.Class, OrderID: f.OrderID, FailedBefore: f.FailedBefore,
		All: f == ParkedFilter{}}
}

func (c *Client) decide(ctx context.Context, path string, d decision) (n int, corrupt []string, err error) {
	body, err := json.Marshal(d)
	if err != nil {
		return 0, nil, fmt.Errorf("decide on messages: %w", err)
	}
	var done struct {
		Retried   int `json:"retried"`
		Discarded int `json:"discarded"`
		Reclaimed int `json:"reclaimed"`

		Corrupt []string `json:"corrupt"`
	}
	answer, err := c.send(ctx, request{method: http.MethodPost, path: path, body: body, want: http.StatusOK})
	if err == nil {
		err = answer.decode(&done)
	}
	if err != nil {
		return 0, nil, fmt.Errorf("decide on messages: %w", err)
	}
	return done.Retried + done.Discarded + done.Reclaimed, done.Corrupt, nil
}
