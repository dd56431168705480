package orderclient

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"time"

	"ordertally/order"
	"ordertally/shared/web/problem"
)

// UnexpectedAnswer is an answer that the order service does not give: a proxy in between, or another service.
type UnexpectedAnswer struct {
	Status      int
	ContentType string
	cause       error // why a success could not be read
}

// Error names status and content type.
func (u *UnexpectedAnswer) Error() string {
	text := fmt.Sprintf("unexpected answer %d of type %.80q; is this the order service's address?", u.Status,
		u.ContentType)
	if u.cause != nil {
		text += " " + u.cause.Error()
	}
	return text
}

// Unwrap returns why a success could not be read, or nil.
func (u *UnexpectedAnswer) Unwrap() error { return u.cause }

// answer is a whole answer in memory.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// err returns the error that the answer is when its status is not want.
func (a *answer) err(want int) error {
	if a.status == want {
		return nil
	}
	if mediaType, _, err := mime.ParseMediaType(a.header.Get("Content-Type")); err == nil &&
		mediaType == problem.ContentType && a.status >= 400 {
		var p problem.Problem
		if json.Unmarshal(a.body, &p) == nil && p.Code != "" {
			p.Status, p.RetryAfter = a.status, a.retryAfter()
			return p
		}
	}
	return a.unexpected(nil)
}

func (a *answer) unexpected(cause error) error {
	return &UnexpectedAnswer{Status: a.status, ContentType: a.header.Get("Content-Type"), cause: cause}
}

// passing reports whether the same request may be answered otherwise later.
func (a *answer) passing() bool {
	switch a.status {
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// decided reports whether an error is the service's word on an order: repeating the request gets the same one. Any
// other 409 comes from what stands in between.
func decided(err error) bool {
	p, ok := errors.AsType[problem.Problem](err)
	return ok && p.Code == string(order.CodeReferenceTaken)
}

// retryAfter is how long the service asks to wait, 0 when it does not.
func (a *answer) retryAfter() time.Duration {
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
