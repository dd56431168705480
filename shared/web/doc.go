// Package web is the part of an HTTP service that does not depend on its API: listening, draining, limits, routes,
// metrics, panics and request bodies.
//
//	metrics := web.NewMetrics(reg)
//	handler := metrics.Instrument(metrics.Recover(logger, web.NewRouter(routes)))
//	server := web.New(web.Config{Addr: ":8080", Handler: handler}, logger)
//
// It has no compression and no authentication.
package web
