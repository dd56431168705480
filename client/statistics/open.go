package statistics

import (
	"context"
	"net/http"
	"time"
)

// Timeout is how long a request of a client that Open returned may take, with all of its answer.
const Timeout = 30 * time.Second

// Open returns a client of the service at that URL. It sends key, an API key or a token, with each request ("" where
// nobody needs one), and gives each up after Timeout, answers that never end included: for live streams and exports
// give WithHTTPClient one without a Timeout. [NewClientWithResponses] alone has neither.
func Open(server, key string, options ...ClientOption) (*ClientWithResponses, error) {
	own := []ClientOption{WithHTTPClient(&http.Client{Timeout: Timeout}),
		WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
			if key != "" {
				r.Header.Set("Authorization", "Bearer "+key)
			}
			return nil
		})}
	return NewClientWithResponses(server, append(own, options...)...)
}
