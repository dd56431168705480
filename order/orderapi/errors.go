package orderapi

import (
	"errors"
	"fmt"
	"net/http"

	"ordertally/order"
	"ordertally/order/ack"
	"ordertally/order/admission"
	"ordertally/shared/uuidv7"
	"ordertally/shared/web"
	"ordertally/shared/web/problem"
)

const codeNotReplicated = "not_replicated"

// The kinds of problems of this API, besides those of the shared packages.
var (
	kindInvalidKey = problem.Kind{
		Status: http.StatusBadRequest, Code: string(order.CodeInvalidKey),
		Says:   "Idempotency-Key is not 1 to 255 visible ASCII characters, or is given twice.",
		Client: "Send a key of your own for each order: 1 to 255 visible ASCII characters, in one header.",
	}
	kindNoOrder = problem.Kind{
		Status: http.StatusNotFound,
		Code:   problem.CodeNotFound,
		Says:   "No order has that id.",
		Client: "Check the id. An id that is not a UUID gets the same answer.",
	}
	kindOrderTooLarge = problem.Kind{
		Status: http.StatusRequestEntityTooLarge,
		Code:   string(order.CodeOrderTooLarge),
		Says:   "The order as it would be stored has more than 1.75 MiB.",
		Client: "Split the order, or send shorter descriptions and less metadata.",
	}
	kindInvalidOrder = problem.Kind{
		Status: http.StatusUnprocessableEntity,
		Code:   string(order.CodeInvalidOrder),
		Says:   "The body is well formed but breaks rules of an order. errors lists them.",
		Client: "Mend the fields that `errors` names. Each has a JSON Pointer, the rule and what the field must be.",
	}
	kindKeyReused = problem.Kind{
		Status: http.StatusUnprocessableEntity,
		Code:   string(order.CodeKeyReused),
		Says:   "The Idempotency-Key was used for another order, compared as values.",
		Client: "Use a new key for a new order. If you meant to repeat the first request, send it as it was.",
	}
	kindReferenceTaken = problem.Kind{
		Status: http.StatusConflict,
		Code:   string(order.CodeReferenceTaken),
		Says:   "The source has another order with that reference, compared as values. Repeating does not help.",
		Client: "Find the order that has the reference: `GET /v1/orders?source=&reference=`. Use another reference " +
			"for another order.",
		Operator: "If two systems use one source, give each a source of its own.",
	}
	kindInvalidCancellation = problem.Kind{
		Status: http.StatusUnprocessableEntity,
		Code:   string(order.CodeInvalidCancellation),
		Says:   "The body is well formed but breaks rules of a cancellation. errors lists them.",
		Client: "Mend the fields that `errors` names.",
	}
	kindAlreadyCancelled = problem.Kind{
		Status: http.StatusConflict,
		Code:   string(order.CodeAlreadyCancelled),
		Says:   "Another request cancelled the order. Repeating does not help.",
		Client: "Nothing: the order is cancelled. `GET /v1/orders/{id}` shows it.",
	}
	kindTooManyLines = problem.Kind{
		Status: http.StatusRequestEntityTooLarge, Code: "too_many_lines",
		Says: "The batch has more than 10,000 lines. Those before this one are answered; none from here on was " +
			"placed.",
		Client: "Send the line that the answer names, and those behind it, in another batch.",
	}
	kindNotReplicated = problem.Kind{Status: http.StatusServiceUnavailable, Code: codeNotReplicated,
		Says: "The request took effect and its message will be published, but Kafka did not confirm it in time. With " +
			"an Idempotency-Key, or a source and a reference, repeat it after Retry-After; otherwise do not. " +
			"instance " +
			"is the order's path.",
		Client: "Send the same request again after `Retry-After`, until the answer is a 201. Without an " +
			"`Idempotency-Key`, or a `source` and a `reference`, do not: the order is stored already.",
		Operator: "Kafka is away or slow: `order status` says which, and since when. `ack-else` decides what clients " +
			"get meanwhile.",
	}
	kindRepublishing = problem.Kind{
		Status:   http.StatusConflict,
		Code:     "republishing",
		Says:     "Another republication is under way. Wait for its end.",
		Client:   "Wait until the other republication has ended, then ask again.",
		Operator: "One republication runs at a time.",
	}
	kindInvalidHandover = problem.Kind{
		Status: http.StatusUnprocessableEntity,
		Code:   "invalid_handover",
		Says:   "The body is well formed but is no list of 1 to 1000 offers. errors lists the faults.",
		Client: "Use `order handover`, which makes these requests.",
	}
	kindOverloaded = problem.Kind{Status: http.StatusServiceUnavailable, Code: web.CodeOverloaded,
		Says:   "More orders come than can be stored in time; nothing was stored. Repeat after Retry-After.",
		Client: "Send the request again after `Retry-After`. Wait longer after each attempt, and add a random part.",
		Operator: "A short flood needs nothing. If it lasts, look at `order_commit_seconds`: a slow disk stores " +
			"fewer orders. `order_admission_refused_total` has the reason: with `disk`, make room; with `backlog`, " +
			"Kafka has been away for long.",
	}
)

// rejections maps the code of a refused request to a kind of problem.
var rejections = map[order.Code]problem.Kind{
	order.CodeMalformedJSON:       problem.KindMalformedJSON,
	order.CodeInvalidKey:          kindInvalidKey,
	order.CodeOrderTooLarge:       kindOrderTooLarge,
	order.CodeInvalidOrder:        kindInvalidOrder,
	order.CodeInvalidCancellation: kindInvalidCancellation,
}

// failures is the answer to each error of a store.
var failures = []struct {
	err    error
	answer problem.Problem
}{
	{order.ErrNotFound, kindNoOrder.New("There is no such order.")},
	{
		order.ErrKeyReused,
		kindKeyReused.New("The Idempotency-Key was used for another order. Use a new key for a new order."),
	},
	{
		order.ErrReferenceTaken,
		kindReferenceTaken.New("The source has another order with that reference, and nothing was stored. " +
			"GET /v1/orders?source=...&reference=... answers it. Use another reference for another order."),
	},
	{
		order.ErrAlreadyCancelled,
		kindAlreadyCancelled.New("The order is cancelled already, by another request. GET the order to see when."),
	},
	{
		order.ErrRepublishing,
		kindRepublishing.New("Another republication is under way, and only one runs at a time. Nothing was sent for " +
			"this one. Start it again when the other has ended."),
	},
	{order.ErrOutcomeUnknown, retryable(problem.KindOutcomeUnknown,
		"It is not known whether the request took effect. Repeat it with the same Idempotency-Key to find out.")},
}

func retryable(kind problem.Kind, detail string) problem.Problem {
	p := kind.New(detail)
	p.RetryAfter = web.RetryAfter
	return p
}

// problemOf is the only place where errors become answers.
func problemOf(err error) problem.Problem {
	// before problems: a refusal may be why a body could not be read
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
	if p, ok := web.StorageProblem(err); ok {
		return p
	}
	if errors.Is(err, order.ErrUnavailable) || errors.Is(err, web.ErrStopping) {
		return retryable(problem.KindUnavailable, "The service cannot answer now and nothing was stored. Repeat the "+
			"request later.")
	}
	return problem.Internal()
}

// afterwards returns err, which came after the request took effect, as the client gets it.
func afterwards(err error, id uuidv7.ID) error {
	e, ok := errors.AsType[*ack.NotReplicated](err)
	if !ok {
		return err
	}
	p := kindNotReplicated.New(e.Error())
	p.RetryAfter, p.Instance = e.RetryAfter(), pathOf(id)
	return p
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
