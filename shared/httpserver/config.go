package httpserver

import (
	"crypto/tls"
	"net/http"
	"time"
)

// DefaultMaxConnections is the default of Config.MaxConnections.
const DefaultMaxConnections = 10_000

// Config of a Server. For each timeout 0 means the default and a negative value none.
type Config struct {
	// Addr is HOST:PORT. Port 0 picks a free one, which Addr() tells after Start.
	Addr string
	// Handler answers the requests. Required: there is no default mux.
	Handler http.Handler

	// TLS of the listener; nil for none. It must have a way to get a certificate.
	TLS *tls.Config

	// MaxConnections is how many connections may be open at once; one more is closed as soon as it comes. Default 10,000. OnRefused, when
	// set, is told of each.
	MaxConnections int
	OnRefused      func()

	// ReadHeaderTimeout bounds reading a request's header. Default 5 s.
	ReadHeaderTimeout time.Duration
	// ReadTimeout bounds reading a whole request. Default 30 s.
	ReadTimeout time.Duration
	// WriteTimeout bounds the time from the end of a request's header to the end of its answer. Default 60 s. A handler
	// that streams lifts it with http.NewResponseController(w).SetWriteDeadline.
	WriteTimeout time.Duration
	// IdleTimeout is how long a kept-alive connection may wait for its next request. Default 120 s.
	IdleTimeout time.Duration
	// MaxHeaderBytes bounds a request's header, in bytes. Default 64 KiB. Above it net/http answers 431 by itself, in plain
	// text, as it does with 400 for what is not HTTP.
	MaxHeaderBytes int
}

func (c Config) withDefaults() Config {
	def := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
	}
	def(&c.ReadHeaderTimeout, 5*time.Second)
	def(&c.ReadTimeout, 30*time.Second)
	def(&c.WriteTimeout, 60*time.Second)
	def(&c.IdleTimeout, 120*time.Second)
	if c.MaxHeaderBytes <= 0 {
		c.MaxHeaderBytes = 64 << 10
	}
	if c.MaxConnections <= 0 {
		c.MaxConnections = DefaultMaxConnections
	}
	if c.OnRefused == nil {
		c.OnRefused = func() {}
	}
	return c
}
