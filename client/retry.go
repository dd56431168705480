package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"ordertally/shared/settings/tlsfiles"
)

const (
	firstPause = 100 * time.Millisecond // the most before the second attempt; it doubles from then on
	maxPause   = 5 * time.Second
)

// send makes attempts until one is decided.
func (c *Client) send(ctx context.Context, r *Request) (*rawAnswer, error) {
	text, err := r.text()
	if err != nil {
		return nil, err
	}
	attempts := c.Attempts()
	for {
		raw, err := c.attempt(ctx, r, text)
		var wait time.Duration
		if err == nil {
			if raw.succeeds(r) {
				return raw, nil
			}
			err = c.refusal(raw)
			if !MayPass(raw.status) {
				return nil, err
			}
			wait = raw.retryAfter()
		}
		if !r.repeatable() {
			return nil, err
		}
		if err := attempts.Again(ctx, err, wait); err != nil {
			return nil, err
		}
	}
}

// attempt sends the request once and reads the whole answer.
func (c *Client) attempt(ctx context.Context, r *Request, text []byte) (*rawAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.config.AttemptTimeout)
	defer cancel()
	response, err := c.open(ctx, r, bytes.NewReader(text), typeOf(text))
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	return c.readAll(response)
}

// pause is how long to wait after that many attempts. It grows, and is random so that clients that failed together do
// not come back together.
func pause(attempts int) time.Duration {
	most := maxPause
	if doublings := attempts - 1; doublings < 10 {
		most = min(firstPause<<doublings, maxPause)
	}
	return rand.N(most) //nolint:gosec // spreads load, keeps no secret
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// isTLS tells a peer that is not who it should be, or does not take this client's certificate, from one that cannot be
// reached. Waiting does not help with the first.
func isTLS(err error) bool {
	_, ok := errors.AsType[*tls.CertificateVerificationError](err)
	return ok || tlsfiles.TurnedAway(err)
}

// retryAfter is how long the service asks to wait, 0 when it does not.
func (a *rawAnswer) retryAfter() time.Duration {
	value := a.header.Get("Retry-After")
	if seconds, err := strconv.Atoi(value); err == nil {
		const most = 24 * 3600 // keeps the product from overflowing
		return time.Duration(min(max(seconds, 0), most)) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}
