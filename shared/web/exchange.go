package web

import (
	"context"

	"ordertally/shared/event/cloudevent"
)

// exchange carries what inner handlers learn about a request to the outer ones. It belongs to the request's goroutine.
type exchange struct {
	route  string // its template, or "unmatched"
	caller string // "" when not known
	trace  cloudevent.Trace
}

type exchangeKey struct{}

func withExchange(ctx context.Context, ex *exchange) context.Context {
	return context.WithValue(ctx, exchangeKey{}, ex)
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
