// Package problem is the form of every HTTP error: application/problem+json (RFC 9457) with a stable code.
//
// Clients tell errors apart by Code. Title and Detail are for people and may change. Type is the URI reference
// "/problems/<code>", which leads to a page of the service. Each API has a table that says which error has which
// status.
package problem

import (
	"fmt"
	"strings"
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

// Problem is an error answer. It is also an error, so a handler can return it.
type Problem struct {
	// /problems/ and the code. The service has a page there that says what to do.
	// Example: /problems/rate_limited
	//
	// If it is empty, Write sets it to /problems/<code>.
	Type string `json:"type"`
	// The status in words. For people; it may change.
	// Example: Too Many Requests
	//
	// If it is empty, Write sets it to the text of the status.
	Title string `json:"title"`
	// The status of the answer.
	// Example: 429
	Status int `json:"status" minimum:"400" maximum:"599"`
	// What was wrong this time and what to do about it. For people; it may change.
	// Example: Send fewer requests.
	Detail string `json:"detail,omitempty"`
	// A URI reference of this occurrence. Left out if it has none.
	Instance string `json:"instance,omitempty"`
	// Clients tell problems apart by it. The description of each status lists the codes that it may have. A later
	// release may add codes: treat an unknown one by its status.
	// Example: rate_limited
	Code string `json:"code"`
	// The request's trace, 32 hexadecimal digits, as in the service's log.
	// Example: 4bf92f3577b34da6a3ce929d0e0e4736
	//
	// If it is empty, Write sets it from the request's context or its traceparent.
	TraceID string `json:"trace_id,omitempty"`
	// The faults in the body, in the order found, at most 20. Left out if no field is at fault.
	Errors []FieldError `json:"errors,omitempty"`
	// Seconds to wait before the request is repeated, as in Retry-After. Left out if repeating does not help.
	// Example: 2
	//
	// Complete sets it from RetryAfter.
	RetrySeconds int `json:"retry_after,omitzero"`

	// RetryAfter becomes the Retry-After header, rounded up to whole seconds. If it is 0, a 429 or a 503 says 1 second,
	// and other statuses have no such header.
	RetryAfter time.Duration `json:"-"`
	// Allow lists a 405's methods for the Allow header.
	Allow []string `json:"-"`
	// Challenge becomes the WWW-Authenticate header (RFC 6750) of a 401 or a 403.
	Challenge string `json:"-"`
}

// FieldError is one fault in a request's body or parameters.
type FieldError struct {
	// JSON Pointer (RFC 6901) into the body. For a missing field it is where the field would be; for the whole body it
	// is empty.
	// Example: /lines/0/quantity
	Pointer string `json:"pointer"`
	// The rule that was broken. Left out if it has no name.
	// Example: out_of_range
	Code string `json:"code,omitempty"`
	// What is wrong, a sentence without its subject. For people; it may change.
	// Example: must be 1 to 1000000000
	Detail string `json:"detail"`
}

// New returns a problem of that status and code. An API makes its problems with [Kind.New].
func New(status int, code, detail string) Problem {
	return Problem{Status: status, Code: code, Detail: detail}
}

// Internal is the 500 for an error that no table knows. It does not tell the cause, which belongs in the log.
func Internal() Problem { return KindInternal.New("") }

// NotFound is the 404 for a path that no route has.
func NotFound() Problem {
	return KindNotFound.New("There is nothing at this path.")
}

// MethodNotAllowed is the 405 for a path that exists, but not with this method.
func MethodNotAllowed(allow ...string) Problem {
	p := KindMethodNotAllowed.New("This path does not allow this method. See the Allow header.")
	p.Allow = allow
	return p
}

// Error returns status, code, detail and the faults, on one line.
func (p Problem) Error() string {
	text := fmt.Sprintf("%d %s", p.Status, p.Code)
	if p.Detail != "" {
		text += ": " + p.Detail
	}
	for i := range p.Errors {
		f := &p.Errors[i]
		separator := " "
		if i > 0 {
			separator = "; "
		}
		text += separator + strings.TrimSpace(f.Pointer+" "+f.Detail)
	}
	return text
}
