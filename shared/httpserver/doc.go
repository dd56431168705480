// Package httpserver is the part of an HTTP service that does not depend on what it serves: listening, draining, limits,
// routes, metrics, panics and request bodies.
//
//	metrics := httpserver.NewMetrics(reg)
//	handler := metrics.Instrument(metrics.Recover(logger, httpserver.NewRouter(routes)))
//	server := httpserver.New(httpserver.Config{Addr: ":8080", Handler: handler}, logger)
//
// It has no compression and no authentication.
package httpserver
