package web

import (
	"crypto/tls"
	"net/http"

	"ordertally/shared/settings"
)

// Config of a Server.
type Config struct {
	// Addr is HOST:PORT. Port 0 picks a free one, which Addr() tells after Start.
	Addr string
	// Handler answers the requests. Required: there is no default mux.
	Handler http.Handler
	// TLS of the listener; nil for none. It must have a way to get a certificate.
	TLS *tls.Config
	// Bounds are what clients may take.
	Bounds
	// Proxies tell who the clients behind them are.
	Proxies Proxies
	// MakeRoom closes another connection instead of the new one when the limit is reached: the one that has been idle
	// longest, or else the one with the oldest request. So clients that hold connections open shut nobody out.
	MakeRoom bool
	// OnRefused, when set, is told of each connection, and each request of HTTP/2, that is cut off because there are
	// too many.
	OnRefused func()
}

func (c Config) withDefaults() Config {
	settings.Fill(&c.Bounds)
	if c.OnRefused == nil {
		c.OnRefused = func() {}
	}
	return c
}
