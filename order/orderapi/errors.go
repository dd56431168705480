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
	"ordertally/shared/web"
	"ordertally/shared/web/problem"
)

// The kinds of problems of this API, beside those of the shared packages.
var (
	kindInvalidParameter = problem.Kind{Status: http.StatusBadRequest, Code: "invalid_parameter",
		Says: "A parameter of the query is unknown, given twice or malformed."}
	kindMalformedJSON = problem.Kind{
		Status: http.StatusBadRequest, Code: string(order.CodeMalformedJSON),
		Says: "The body is not exactly one well-formed JSON object within depth 32.",
	}
	kindInvalidKey = problem.Kind{
		Status: http.StatusBadRequest, Code: string(order.CodeInvalidKey),
		Says: "Idempotency-Key is not 1 to 255 visible ASCII characters, or is given twice.",
	}
	kindNoOrder = problem.Kind{
		Status: http.StatusNotFound,
		Code:   problem.CodeNotFound,
		Says:   "No order has that id.",
	}
	kindNotParked = problem.Kind{
		Status: http.StatusNotFound,
		Code:   problem.CodeNotFound,
		Says:   "No parked message has that id: it never was, or was dealt with already.",
	}
	kindOrderTooLarge = problem.Kind{
		Status: http.StatusRequestEntityTooLarge,
		Code:   string(order.CodeOrderTooLarge),
		Says:   "The order as it would be stored has more than 1.75 MiB.",
	}
	kindInvalidOrder = problem.Kind{
		Status: http.StatusUnprocessableEntity,
		Code:   string(order.CodeInvalidOrder),
		Says:   "The body is well formed and breaks rules of an order; errors has them.",
	}
	kindKeyReused = problem.Kind{
		Status: http.StatusUnprocessableEntity,
		Code:   string(order.CodeKeyReused),
		Says:   "The Idempotency-Key was used for another order, compared as values.",
	}
	kindReferenceTaken = problem.Kind{
		Status: http.StatusConflict,
		Code:   string(order.CodeReferenceTaken),
		Says:   "The source has another order with that reference, compared as values. Repeating does not help.",
	}
	kindInvalidDecision = problem.Kind{
		Status: http.StatusUnprocessableEntity, Code: "invalid_decision",
		Says: "The body is well formed and does not say clearly what is to be done.",
	}
	kindUnavailable = problem.Kind{Status: http.StatusServiceUnavailable, Code: "unavailable",
		Says: "The service cannot answer now and stored nothing. Repeat later."}
	kindOutcomeUnknown = problem.Kind{
		Status: http.StatusServiceUnavailable, Code: "outcome_unknown",
		Says: "The order may or may not be stored. Repeat with the same Idempotency-Key to find out.",
	}
	kindDiskFull = problem.Kind{
		Status: http.StatusServiceUnavailable,
		Code:   "disk_full",
		Says: "The service's disk is full, and nothing was stored. Retry later: the service recovers by itself " +
			"once there is room.",
	}
	kindReadOnly = problem.Kind{
		Status: http.StatusServiceUnavailable,
		Code:   "read_only",
		Says:   "The service's file system is read-only. Nothing was stored; reads still work. Retry later.",
	}
	kindCorrupt = problem.Kind{
		Status: http.StatusInternalServerError,
		Code:   "corrupt_record",
		Says:   "The stored record is damaged. An operator has to restore the file from a backup.",
	}
	kindOverloaded = problem.Kind{Status: http.StatusServiceUnavailable, Code: web.CodeOverloaded,
		Says: "More orders come than can be stored in time; nothing was stored. Repeat after Retry-After."}
)

// retryAfter is what a 503 asks for: a restart takes about as long.
const retryAfter = 2 * time.Second

// rejections is the kind of problem of each code of a refused request.
var rejections = map[order.Code]problem.Kind{
	order.CodeMalformedJSON: kindMalformedJSON,
	order.CodeInvalidKey:    kindInvalidKey,
	order.CodeOrderTooLarge: kindOrderTooLarge,
	order.CodeInvalidOrder:  kindInvalidOrder,
}

// failures is the answer to each error of a store.
var failures = []struct {
	err    error
	answer problem.Problem
}{
	{order.ErrNotFound, kindNoOrder.New("There is no such order.")},
	{
		outbox.ErrNotParked,
		kindNotParked.New(
			"No parked message has that id: it was never parked, or was dealt with already. List those that are.",
		),
	},
	{
		order.ErrKeyReused,
		kindKeyReused.New("The Idempotency-Key was used for another order. Use a new key for a new order."),
	},
	{
		order.ErrReferenceTaken,
		kindReferenceTaken.New("The source has another order with that reference, and nothing was stored. " +
			"GET /v1/orders?source=...&reference=... answers it. Use another reference for another order."),
	},
	{order.ErrOutcomeUnknown, retryable(kindOutcomeUnknown,
		"The order may or may not be stored. Repeat the request with the same Idempotency-Key to find out.")},
	{
		boltdb.ErrFull,
		retryable(kindDiskFull, "The service's disk is full. Nothing was stored; repeat the request later."),
	},
	{
		boltdb.ErrReadOnly,
		retryable(
			kindReadOnly,
			"The service's file system takes no writes. Nothing was stored; what is stored can be read. Repeat the "+
				"request later.",
		),
	},
	{
		boltdb.ErrCorrupt,
		kindCorrupt.New(
			"The stored record is damaged and is not answered. Repeating does not help: the operator has to restore " +
				"it from a backup.",
		),
	},
	{
		order.ErrUnavailable,
		retryable(kindUnavailable, "The service cannot answer now and nothing was stored. Repeat the request later."),
	},
}

func retryable(kind problem.Kind, detail string) problem.Problem {
	p := kind.New(detail)
	p.RetryAfter = retryAfter
	return p
}

// storage is the answer when the database itself refuses an operator's request; a store of orders says so in its own
// terms.
var storage = retryable(kindUnavailable,
	"The service cannot answer now. Look at what is parked before repeating the request.")

// problemOf is the one place that turns errors into answers.
func problemOf(err error) problem.Problem {
	// before problems: it may be why a body could not be read
	if refusal, ok := errors.AsType[*admission.Refusal](err); ok {
		p := retryable(kindOverloaded, refusal.Error())
		p.RetryAfter = refusal.RetryAfter
		return p
	}
	if p, ok := errors.AsType[problem.Problem](err); ok {
		return p
	}
	if rejection, ok := errors.AsType[*order.Rejection](err); ok {
		return refused(rejection)
	}
	for _, failure := range failures {
		if errors.Is(err, failure.err) {
			return failure.answer
		}
	}
	for _, refusal := range []error{boltdb.ErrOutcomeUnknown, boltdb.ErrClosed, boltdb.ErrDamaged} {
		if errors.Is(err, refusal) {
			return storage
		}
	}
	return problem.Internal()
}

func refused(r *order.Rejection) problem.Problem {
	kind, known := rejections[r.Code]
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
	p := kind.New(detail)
	for _, v := range r.Violations {
		p.Errors = append(p.Errors, problem.FieldError{Pointer: v.Pointer, Code: string(v.Rule), Detail: v.Detail})
	}
	return p
}

// invalidParameter is the answer to a malformed query parameter or header.
func invalidParameter(name, detail string) problem.Problem {
	return kindInvalidParameter.New(name + " " + detail)
}
