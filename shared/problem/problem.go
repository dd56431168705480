// Package problem is the one form of every HTTP error: application/problem+json (RFC 9457) with a stable code.
//
// Clients tell errors apart by Code; Title and Detail are for people and may change. Type is always the URI reference
// "/problems/<code>", a name and not a page. The package does not decide which error has which status: each API has a
// table for that.
package problem

import (
	"fmt"
	"net/http"
	"time"
)

// ContentType of every problem.
const ContentType = "application/problem+json"

// Codes of the problems that do not belong to one API.
const (
	CodeNotFound         = "not_found"
	CodeMethodNotAllowed = "method_not_allowed"
	CodeRequestTimeout   = "request_timeout"
	CodeBodyTooLarge     = "body_too_large"
	CodeBodyUnreadable   = "body_unreadable"
	CodeUnsupportedMedia = "unsupported_media_type"
	CodeInternal         = "internal"
)

// Problem is one error answer. It is also an error, so that a handler can return it.
type Problem struct {
	Type     string       `json:"type"`  // URI reference; Write fills in /problems/<code> when it is empty
	Title    string       `json:"title"` // Write fills in the status's text when it is empty
	Status   int          `json:"status"`
	Detail   string       `json:"detail,omitempty"`   // this occurrence, and what to do about it
	Instance string       `json:"instance,omitempty"` // URI reference of this occurrence
	Code     string       `json:"code"`               // stable, snake_case
	TraceID  string       `json:"trace_id,omitempty"` // Write fills it in from the request's context or traceparent
	Errors   []FieldError `json:"errors,omitempty"`

	// RetryAfter becomes the Retry-After header, in whole seconds, rounded up. When it is 0, a 429 or a 503 says one
	// second and other statuses say nothing.
	RetryAfter time.Duration `json:"-"`
	// Allow lists a 405's methods for the Allow header.
	Allow []string `json:"-"`
}

// FieldError is one fault in a request's body or parameters.
type FieldError struct {
	Pointer string `json:"pointer"`        // JSON Pointer (RFC 6901) into the body, e.g. /lines/0/quantity
	Code    string `json:"code,omitempty"` // stable, snake_case
	Detail  string `json:"detail"`
}

// New returns a problem of that status and code.
func New(status int, code, detail string) Problem {
	return Problem{Status: status, Code: code, Detail: detail}
}

// Internal is the 500 for everything that no table knows. It says nothing of the cause: that belongs in the log.
func Internal() Problem { return New(http.StatusInternalServerError, CodeInternal, "") }

// NotFound is the 404 for a path that no route has.
func NotFound() Problem {
	return New(http.StatusNotFound, CodeNotFound, "There is nothing at this path.")
}

// MethodNotAllowed is the 405 for a path that exists, but not with this method.
func MethodNotAllowed(allow ...string) Problem {
	p := New(http.StatusMethodNotAllowed, CodeMethodNotAllowed, "This path does not take this method; see the Allow header.")
	p.Allow = allow
	return p
}

// Error gives status, code and detail.
func (p Problem) Error() string {
	if p.Detail == "" {
		return fmt.Sprintf("%d %s", p.Status, p.Code)
	}
	return fmt.Sprintf("%d %s: %s", p.Status, p.Code, p.Detail)
}
