package orderclient

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"ordertally/shared/auth"
	"ordertally/shared/settings/secret"
	"ordertally/shared/settings/tlsfiles"
)

const (
	firstPause = 100 * time.Millisecond // the most before the second attempt; it doubles from then on
	maxPause   = 5 * time.Second
	maxAnswer  = 512 << 20 // bytes; 200 orders of the largest size
)

// request is one call, which may take several attempts.
type request struct {
	method, path string
	query        url.Values
	body         []byte
	key          string // idempotency key
	want         int    // the status of success
	repeatable   bool
}

// send makes attempts until one is decided.
func (c *Client) send(ctx context.Context, r request) (*answer, error) {
	start := time.Now()
	for attempt := 1; ; attempt++ {
		a, err := c.attempt(ctx, &r)
		var wait time.Duration
		if err == nil {
			if err = a.err(r.want); err == nil {
				return a, nil
			}
			if !a.passing() || decided(err) {
				return nil, err
			}
			wait = a.retryAfter()
		}
		if ctx.Err() != nil || !r.repeatable || c.retryFor < 0 || isTLS(err) {
			return nil, err
		}
		wait = max(wait, pause(attempt))
		if elapsed := time.Since(start); elapsed+wait > c.retryFor {
			return nil, fmt.Errorf("gave up after %d attempts in %s: %w", attempt, elapsed.Round(time.Millisecond), err)
		}
		if err := sleep(ctx, wait); err != nil {
			return nil, err
		}
	}
}

// pause is how long to wait after that many attempts: exponential, with full jitter, so that clients that failed
// together do not come back together.
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
// reached: waiting does not help.
func isTLS(err error) bool {
	_, ok := errors.AsType[*tls.CertificateVerificationError](err)
	return ok || tlsfiles.TurnedAway(err)
}

// attempt sends the request once and reads the whole answer.
func (c *Client) attempt(ctx context.Context, r *request) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.attemptTimeout)
	defer cancel()
	target := c.base + r.path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target, bytes.NewReader(r.body))
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	auth.SetBearer(req, c.credential.Reveal())
	if r.key != "" {
		req.Header.Set("Idempotency-Key", r.key)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", r.method, secret.URL(target), secret.Cause(err))
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read answer of %s %s: %w", r.method, secret.URL(target), err)
	}
	return &answer{status: resp.StatusCode, header: resp.Header, body: body}, nil
}
