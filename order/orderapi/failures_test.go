package orderapi_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/rs/zerolog"

	"ordertally/order"
	"ordertally/order/orderapi"
	"ordertally/shared/auth"
	"ordertally/shared/auth/ratelimit"
	"ordertally/shared/web/floodtest"
)

// unreadable is a store that cannot be read.
type unreadable struct{ order.Store }

func (unreadable) List(context.Context, order.Query) (order.Page, error) {
	return order.Page{}, errors.New("a secret")
}

func TestAFloodOfFailuresIsNoFloodOfErrors(t *testing.T) {
	floodtest.Run(t, "/v1/orders", "/v1/orders", "a secret", func(logger zerolog.Logger) (http.Handler, func()) {
		return orderapi.New(orderapi.Config{Store: unreadable{}, Guard: auth.Unguarded(),
			Limiter: ratelimit.Unlimited(),
			Logger:  logger}), func() {}
	})
}
