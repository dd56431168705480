// Package orderapi serves the order service's HTTP API. CONTRACT: routes, fields and codes are relied on by others.
//
// Beside the orders it has the operators' routes, below /v1/outbox, for messages that are parked.
//
// It decodes nothing of an order and decides nothing about it: package order does. A stored order is answered as the bytes
// that were stored.
package orderapi

import (
	"errors"
	"net/http"

	"github.com/rs/zerolog"

	"ordertally/order"
	"ordertally/shared/httpserver"
	"ordertally/shared/outbox"
	"ordertally/shared/problem"
	"ordertally/shared/webpage"
)

// Config is what the API serves.
type Config struct {
	Placement *order.Placement
	Store     order.Store
	Outbox    *outbox.Outbox // its parked messages
	Topic     string         // that messages are published to
	Logger    zerolog.Logger
}

type api struct{ Config }

// New returns the handler of the API.
func New(config Config) http.Handler {
	a := &api{config}
	return httpserver.NewRouter([]httpserver.Route{
		{Method: http.MethodGet, Path: "/", Handler: page},
		{Method: http.MethodGet, Path: "/assets/{file}", Handler: webpage.Assets(assets)},
		{Method: http.MethodPost, Path: "/v1/orders", Handler: a.handle(a.place)},
		{Method: http.MethodGet, Path: "/v1/orders", Handler: a.handle(a.list)},
		{Method: http.MethodGet, Path: "/v1/orders/digests", Handler: a.handle(a.digests)},
		{Method: http.MethodGet, Path: "/v1/orders/{id}", Handler: a.handle(a.get)},
		{Method: http.MethodGet, Path: "/v1/orders/{id}/delivery", Handler: a.handle(a.delivery)},
		{Method: http.MethodGet, Path: "/v1/outbox", Handler: a.handle(a.report)},
		{Method: http.MethodPost, Path: "/v1/outbox/adopt", Handler: a.handle(a.adopt)},
		{Method: http.MethodGet, Path: "/v1/outbox/parked", Handler: a.handle(a.listParked)},
		{Method: http.MethodGet, Path: "/v1/outbox/parked/{id}", Handler: a.handle(a.getParked)},
		{Method: http.MethodPost, Path: "/v1/outbox/parked/{id}/retry", Handler: a.handle(a.decide(outbox.Retry))},
		{Method: http.MethodPost, Path: "/v1/outbox/parked/{id}/discard", Handler: a.handle(a.decide(outbox.Discard))},
		{Method: http.MethodPost, Path: "/v1/outbox/retry", Handler: a.handle(a.decideAll(outbox.Retry))},
		{Method: http.MethodPost, Path: "/v1/outbox/discard", Handler: a.handle(a.decideAll(outbox.Discard))},
	})
}

// handle renders the error of a handler; what no table knows is logged, because the client is not told.
func (a *api) handle(serve func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := serve(w, r)
		if err == nil || errors.Is(err, httpserver.ErrClientGone) {
			return
		}
		p := problemOf(err)
		if p.Status >= http.StatusInternalServerError {
			a.Logger.Error().Err(err).Int("status", p.Status).Str("path", r.URL.Path).Msg("request failed")
		}
		problem.Write(w, r, p)
	}
}
