package httpserver

import (
	"crypto/tls"
	"net/http"
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
	// MakeRoom has a new connection, when there are as many as allowed, take the place of the one that has done nothing for longest: whoever holds
	// connections open then shuts nobody out. Without it the new one is closed.
	MakeRoom bool
	// OnRefused, when set, is told of each connection, and each request of HTTP/2, that is cut off because there are too many.
	OnRefused func()
}

func (c Config) withDefaults() Config {
	c.Bounds = c.WithDefaults()
	if c.OnRefused == nil {
		c.OnRefused = func() {}
	}
	return c
}
