package orderapi

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"ordertally/order"
	"ordertally/order/admission"
	"ordertally/shared/boltdb"
	"ordertally/shared/outbox"
	"ordertally/shared/problem"
)

// Codes of problems beside those of package order.
const (
	CodeInvalidParameter = "invalid_parameter"
	CodeKeyReused        = "idempotency_key_reused"
	CodeUnavailable      = "unavailable"
	CodeOutcomeUnknown   = "outcome_unknown"
	CodeInvalidDecision  = "invalid_decision"
	CodeOverloaded       = "overloaded"
)

// retryAfter is what a 503 asks for: a restart takes about as long.
const retryAfter = 2 * time.Second

// rejections is the status of each code of a refused request.
var rejections = map[order.Code]int{
	order.CodeMalformedJSON: http.StatusBadRequest,
	order.CodeInvalidKey:    http.StatusBadRequest,
	order.CodeOrderTooLarge: http.StatusRequestEntityTooLarge,
	order.CodeInvalidOrder:  http.StatusUnprocessableEntity,
}

// failures is the answer to each error of a store.
var failures = []struct {
	err    error
	answer problem.Problem
}{
	{order.ErrNotFound, problem.New(http.StatusNotFound, problem.CodeNotFound, "There is no such order.")},
	{outbox.ErrNotParked, problem.New(http.StatusNotFound, problem.CodeNotFound,
		"No parked message has that id: it was never parked, or was dealt with already. List those that are.")},
	{order.ErrKeyReused, problem.New(http.StatusUnprocessableEntity, CodeKeyReused,
		"The Idempotency-Key was used with another request body. Use a new key for a new order.")},
	{order.ErrOutcomeUnknown, retryable(CodeOutcomeUnknown,
		"The order may or may not be stored. Repeat the request with the same Idempotency-Key to find out.")},
	{order.ErrUnavailable, retryable(CodeUnavailable, "The service cannot answer now and nothing was stored. Repeat the request later.")},
}

func retryable(code, detail string) problem.Problem {
	p := problem.New(http.StatusServiceUnavailable, code, detail)
	p.RetryAfter = retryAfter
	return p
}

// storage is the answer when the database itself refuses an operator's request; a store of orders says so in its own
// terms.
var storage = retryable(CodeUnavailable, "The service cannot answer now. Look at what is parked before repeating the request.")

// problemOf is the one place that turns errors into answers.
func problemOf(err error) problem.Problem {
	var p problem.Problem
	if errors.As(err, &p) {
		return p
	}
	var rejection *order.Rejection
	if errors.As(err, &rejection) {
		return refused(rejection)
	}
	if refusal, ok := errors.AsType[*admission.Refusal](err); ok {
		p := retryable(CodeOverloaded, refusal.Error())
		p.RetryAfter = refusal.RetryAfter
		return p
	}
	for _, failure := range failures {
		if errors.Is(err, failure.err) {
			return failure.answer
		}
	}
	for _, refusal := range []error{boltdb.ErrOutcomeUnknown, boltdb.ErrClosed, boltdb.ErrFull} {
		if errors.Is(err, refusal) {
			return storage
		}
	}
	return problem.Internal()
}

func refused(r *order.Rejection) problem.Problem {
	status, known := rejections[r.Code]
	if !known {
		return problem.Internal()
	}
	detail := fmt.Sprintf("The request breaks %d rules.", r.Total)
	if r.Total == 1 {
		detail = "The request breaks a rule."
	}
	if more := r.Total - len(r.Violations); more > 0 {
		detail += fmt.Sprintf(" The first %d are listed.", len(r.Violations))
	}
	p := problem.New(status, string(r.Code), detail)
	for _, v := range r.Violations {
		p.Errors = append(p.Errors, problem.FieldError{Pointer: v.Pointer, Code: string(v.Rule), Detail: v.Detail})
	}
	return p
}

// invalidParameter is the answer to a malformed query parameter or header.
func invalidParameter(name, detail string) problem.Problem {
	return problem.New(http.StatusBadRequest, CodeInvalidParameter, name+" "+detail)
}
