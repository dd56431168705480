package web

import (
	"crypto/tls"
	"net/http"

	"ordertally/shared/settings"
)

// Config of a Server.
type Config struct {
	// Addr is HOST:PORT. Port 0 picks a free one; Server.Addr returns it after Start.
	Addr string
	// Handler answers the requests. Required: there is no default mux.
	Handler http.Handler
	// TLS of the listener; nil for none. It must have a certificate or a way to get one.
	TLS *tls.Config
	Bounds
	// Proxies are trusted to say who their clients are.
	Proxies Proxies
	// MakeRoom closes another connection instead of the new one when the limit is reached: the one that has been idle
	// longest or, if none is idle, the one with the oldest request. So clients that hold connections shut nobody out.
	MakeRoom bool
	// OnRefused is called for each connection and each HTTP/2 request that is cut off because there are too many. It
	// may be nil.
	OnRefused func()
}

func (c Config) withDefaults() Config {
	settings.Fill(&c.Bounds)
	if c.OnRefused == nil {
		c.OnRefused = func() {}
	}
	return c
}
