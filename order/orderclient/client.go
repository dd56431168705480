// Package orderclient is a client of the order service.
//
// Requests that may be repeated safely are: those that read, and placements with an idempotency key. Repeating stops
// when the service decided, when the time for it is over, or when the context ends.
//
// An answer that refuses a request is a problem.Problem (find it with errors.AsType), any other unexpected answer an
// *UnexpectedAnswer; every other error means that there was no answer.
package orderclient

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"ordertally/shared/settings/secret"
	"ordertally/shared/settings/tlsfiles"
)

// Config of a Client. Only BaseURL is needed.
type Config struct {
	// BaseURL of the service, such as http://127.0.0.1:8080. A path in it goes before the API's own.
	BaseURL string
	// Credential is the API key or token to send, the zero Text for none.
	Credential secret.Text
	// HTTP sends the requests. Default: a client of its own that keeps up to 64 connections and follows no redirects.
	HTTP *http.Client
	// Transport carries the requests of the default HTTP, for authorities and a certificate of the client's own.
	// Default: as http.DefaultTransport does.
	Transport http.RoundTripper
	// RetryFor is how long, from a request's first attempt, another one may begin. Default 60 s; -1 means one attempt
	// only.
	RetryFor time.Duration
	// AttemptTimeout bounds one attempt, its answer's body included. Default 30 s.
	AttemptTimeout time.Duration
}

// Client calls one order service. It is safe for concurrent use.
type Client struct {
	base           string // without a slash at its end
	credential     secret.Text
	http           *http.Client
	retryFor       time.Duration
	attemptTimeout time.Duration
}

// New returns a client. It connects to nothing yet.
func New(c Config) (*Client, error) {
	base, err := url.Parse(c.BaseURL)
	switch {
	case err != nil:
		return nil, fmt.Errorf("order service's URL %q is none: want one such as http://127.0.0.1:8080",
			secret.URL(c.BaseURL))
	case base.Scheme != "http" && base.Scheme != "https" || base.Host == "":
		return nil, fmt.Errorf("order service's URL %q: want one such as http://127.0.0.1:8080", secret.URL(c.BaseURL))
	case base.RawQuery != "" || base.Fragment != "":
		return nil, fmt.Errorf("order service's URL %q: it must have no query and no fragment", secret.URL(c.BaseURL))
	}
	client := &Client{
		base:           strings.TrimRight(base.String(), "/"),
		credential:     c.Credential,
		http:           c.HTTP,
		retryFor:       cmp.Or(c.RetryFor, time.Minute),
		attemptTimeout: cmp.Or(c.AttemptTimeout, 30*time.Second),
	}
	if client.http == nil {
		if c.Transport == nil {
			if c.Transport, err = tlsfiles.NewTransport(nil); err != nil {
				return nil, fmt.Errorf("order client: %w; set Config.HTTP", err)
			}
		}
		client.http = &http.Client{
			Transport:     c.Transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	return client, nil
}

// Close closes the connections that are kept for later requests. The client can still be used.
func (c *Client) Close() { c.http.CloseIdleConnections() }
