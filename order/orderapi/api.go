// Package orderapi serves the order service's HTTP API. CONTRACT: routes, fields and codes are relied on by others.
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
	"ordertally/shared/problem"
)

// api holds what the handlers need.
type api struct {
	placement *order.Placement
	store     order.Store
	logger    zerolog.Logger
}

// New returns the handler of the API.
func New(placement *order.Placement, store order.Store, logger zerolog.Logger) http.Handler {
	a := &api{placement: placement, store: store, logger: logger}
	return httpserver.NewRouter([]httpserver.Route{
		{Method: http.MethodPost, Path: "/v1/orders", Handler: a.handle(a.place)},
		{Method: http.MethodGet, Path: "/v1/orders", Handler: a.handle(a.list)},
		{Method: http.MethodGet, Path: "/v1/orders/{id}", Handler: a.handle(a.get)},
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
			a.logger.Error().Err(err).Int("status", p.Status).Str("path", r.URL.Path).Msg("request failed")
		}
		problem.Write(w, r, p)
	}
}
