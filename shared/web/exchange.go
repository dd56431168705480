package web

import (
	"context"

	"ordertally/shared/event/cloudevent"
)

// exchange is what the outer handlers want to know of a request and the inner ones find out. It belongs to the
// request's goroutine.
type exchange struct {
	route  string // its template, or "unmatched"
	caller string // who sent it, "" when that is not known
	trace  cloudevent.Trace
}

type exchangeKey struct{}

// exchangeOf returns that of a request; without a Front or an Instrument around, one that nobody looks at.
func exchangeOf(ctx context.Context) *exchange {
	if ex, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return ex
	}
	return &exchange{}
}

// NoteCaller says who sent the request, for its log line.
func NoteCaller(ctx context.Context, name string) { exchangeOf(ctx).caller = name }

// Trace is what a message carries that the request makes: the request's span or what it came with, and its baggage.
func Trace(ctx context.Context) cloudevent.Trace { return exchangeOf(ctx).trace }
