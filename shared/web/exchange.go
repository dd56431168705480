package web

import (
	"context"
	"net/http"

	"ordertally/shared/event/cloudevent"
)

// exchange carries what inner handlers learn about a request to the outer ones. It is the request's context too. It
// belongs to the request's goroutine.
type exchange struct {
	context.Context //nolint:containedctx // it is the context

	recorder  recorder
	route     string // its template, or "unmatched"
	caller    string // "" when not known
	trace     cloudevent.Trace
	key, kept any // see Keep
}

type exchangeKey struct{}

// with makes the exchange the context of its request.
func (ex *exchange) with(ctx context.Context) context.Context {
	ex.Context = ctx
	return ex
}

// Value implements context.Context.
func (ex *exchange) Value(key any) any {
	switch key {
	case exchangeKey{}:
		return ex
	case ex.key:
		return ex.kept
	}
	return ex.Context.Value(key)
}

// Keep returns the request with a value in its context, as context.WithValue. Around a request with a Front it costs no
// copy of it: the value is in the context of the request that it was given too. Such a request keeps one value.
func Keep(r *http.Request, key, value any) *http.Request {
	if ex, ok := r.Context().(*exchange); ok && ex.key == nil {
		ex.key, ex.kept = key, value
		return r
	}
	return r.WithContext(context.WithValue(r.Context(), key, value))
}

// exchangeOf returns the request's exchange. Without a Front or Metrics.Instrument around, nobody reads it.
func exchangeOf(ctx context.Context) *exchange {
	if ex, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return ex
	}
	return &exchange{}
}

// NoteCaller sets who sent the request, for its log line.
func NoteCaller(ctx context.Context, name string) { exchangeOf(ctx).caller = name }

// Trace returns the trace context and baggage for a message that the request makes.
func Trace(ctx context.Context) cloudevent.Trace { return exchangeOf(ctx).trace }
