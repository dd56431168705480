package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// NDJSON is the media type of bodies with a JSON value on each line.
const NDJSON = "application/x-ndjson"

// Stream sends a request once, with a body of lines that is read while it is sent, and returns the lines of a 200 while
// it is still sent. Close the answer. It fails when the service is silent for AttemptTimeout.
func (c *Client) Stream(ctx context.Context, r *Request, body io.Reader) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	silence := time.AfterFunc(c.config.AttemptTimeout, func() {
		cancel(fmt.Errorf("it was silent for %s", c.config.AttemptTimeout))
	})
	answer := &streamed{end: func() { silence.Stop(); cancel(nil) }}
	response, err := c.open(ctx, r, body, NDJSON) //nolint:bodyclose // streamed closes it
	if err != nil {
		answer.end()
		return nil, silent(ctx, err)
	}
	answer.ReadCloser = &heard{response.Body, ctx, silence, c.config.AttemptTimeout}
	if raw := (&rawAnswer{status: response.StatusCode, header: response.Header}); raw.succeeds(r) {
		if raw.mediaType() == NDJSON {
			return answer, nil
		}
		_ = answer.Close()
		return nil, c.unexpected(raw, errors.New("want "+NDJSON))
	}
	defer func() { _ = answer.Close() }()
	raw, err := c.readAll(response)
	if err != nil {
		return nil, err
	}
	return nil, c.refusal(raw)
}

// silent returns err with the reason for which ctx was ended.
func silent(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return fmt.Errorf("%w: %w", err, cause)
	}
	return err
}

// heard is the body of an answer whose silence is bounded.
type heard struct {
	io.ReadCloser
	ctx     context.Context //nolint:containedctx // of one request
	silence *time.Timer
	most    time.Duration
}

// Read implements io.Reader.
func (h *heard) Read(p []byte) (int, error) {
	n, err := h.ReadCloser.Read(p)
	h.silence.Reset(h.most)
	if err != nil && !errors.Is(err, io.EOF) {
		err = silent(h.ctx, err)
	}
	return n, err
}

// Attempts paces the attempts of one request. It is for requests whose parts are answered one by one.
type Attempts struct {
	client *Client
	start  time.Time
	made   int
}

// Attempts begins to count attempts.
func (c *Client) Attempts() *Attempts { return &Attempts{client: c, start: time.Now(), made: 1} }

// Progress begins anew, because the last attempt did part of the work.
func (a *Attempts) Progress() { a.start, a.made = time.Now(), 1 }

// Again waits until the next attempt may be made. why is the error of the last one, and wait how long the service asks
// to wait at least. It returns why if there may be no other attempt.
func (a *Attempts) Again(ctx context.Context, why error, wait time.Duration) error {
	if ctx.Err() != nil || a.client.config.RetryFor < 0 || isTLS(why) {
		return why
	}
	wait = max(wait, pause(a.made))
	if elapsed := time.Since(a.start); elapsed+wait > a.client.config.RetryFor {
		attempts := "1 attempt"
		if a.made > 1 {
			attempts = fmt.Sprintf("%d attempts", a.made)
		}
		return fmt.Errorf("gave up after %s in %s: %w", attempts, elapsed.Round(time.Millisecond), why)
	}
	a.made++
	return sleep(ctx, wait)
}

// MayPass reports whether the same request may be answered otherwise later than with an answer of that status.
func MayPass(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}
