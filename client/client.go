// Package client is what the clients of both services have in common: addresses, credentials, retries and errors.
// Packages orders and statistics have the calls themselves.
//
// A request is sent again when that is safe and may help. Safe are GET, and any request with an Idempotency-Key. It may
// help after a lost connection or answer, a timeout, a 408, 429, 502, 503 or 504. The pause between two attempts grows
// and is random; a Retry-After is kept.
//
// A refusal is a [Problem], whatever its status: errors.AsType finds it, [HasCode] tells it by its code. An answer that
// the service does not give is an *[UnexpectedAnswer]. Any other error means that there was no answer.
//
// Members of an answer that the client does not know are ignored, and those that are missing are zero. So a client and
// a service of different releases understand each other.
package client

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"ordertally/shared/settings/secret"
	"ordertally/shared/settings/tlsfiles"
	"ordertally/shared/web/problem"
)

// Problem is a refusal.
type Problem = problem.Problem

// Config of a client. Only URL is needed.
type Config struct {
	// URL of the service, such as http://127.0.0.1:8080. A path in it goes before the API's own.
	URL string
	// Credential is the API key or token to send. The zero Text sends none.
	Credential secret.Text
	// Transport carries the requests. Default: one like http.DefaultTransport that uses TLS and keeps up to 64
	// connections. Wrap one to trace requests.
	Transport http.RoundTripper
	// TLS is for the default Transport. Default: the system's authorities, and no certificate.
	TLS *tls.Config
	// UserAgent default: ordertally.
	UserAgent string
	// RetryFor is how long after the first attempt another one may begin. Default 60 s; -1 means one attempt only.
	RetryFor time.Duration
	// AttemptTimeout bounds one attempt, its answer's body included. Default 30 s.
	AttemptTimeout time.Duration
	// Hint ends the message of an error when the service does not answer, or something else does. It says what the
	// user can do, such as "see --target". Default: none.
	Hint string
	// KeyHint is a sentence that ends the message of an error when the service asks for a credential (401). It says
	// where the caller takes one from. Default: none.
	KeyHint string
}

// Client sends requests to one service. It is safe for concurrent use.
type Client struct {
	config Config
	base   string // without a slash at its end
	http   *http.Client
}

// New returns a client. It connects to nothing yet.
func New(c Config) (*Client, error) {
	base, err := url.Parse(c.URL)
	switch {
	case err != nil, base.Scheme != "http" && base.Scheme != "https", base.Host == "":
		return nil, fmt.Errorf("%q is not the URL of a service, such as http://127.0.0.1:8080", secret.URL(c.URL))
	case base.RawQuery != "" || base.Fragment != "":
		return nil, fmt.Errorf("the URL %q must have no query and no fragment", secret.URL(c.URL))
	}
	if c.Transport == nil {
		if c.Transport, err = tlsfiles.NewTransport(c.TLS); err != nil {
			return nil, fmt.Errorf("client: %w; set Config.Transport", err)
		}
	}
	c.UserAgent = cmp.Or(c.UserAgent, "ordertally")
	c.RetryFor = cmp.Or(c.RetryFor, time.Minute)
	c.AttemptTimeout = cmp.Or(c.AttemptTimeout, 30*time.Second)
	// A redirect could take the credential elsewhere. Only the id of an order that another one superseded is followed,
	// within the service.
	stay := func(next *http.Request, via []*http.Request) error {
		from := via[0].URL
		if len(via) == 1 && next.Response.StatusCode == http.StatusPermanentRedirect && next.URL.Host == from.Host &&
			next.URL.Scheme == from.Scheme {
			return nil
		}
		return http.ErrUseLastResponse
	}
	return &Client{
		config: c,
		base:   strings.TrimRight(base.String(), "/"),
		http:   &http.Client{Transport: c.Transport, CheckRedirect: stay},
	}, nil
}

// URL returns the address as it may be shown: without a password.
func (c *Client) URL() string { return secret.URL(c.base) }

// Close closes the connections that are kept for later requests. The client can still be used.
func (c *Client) Close() { c.http.CloseIdleConnections() }
