package web

import (
	"cmp"
	"errors"
	"fmt"
	"time"
)

// Bounds are what clients may take of a server: connections, header bytes, time. The tags make them flags. A zero field
// has its default.
type Bounds struct {
	// MaxConnections is how many connections may be open at once; one more is closed as soon as it comes. As many
	// requests of HTTP/2 may be under way. Fewer where the process may not have so many descriptors. Default 10,000.
	MaxConnections int `default:"10000" help:"Most open connections of the API, and most requests of HTTP/2 under way; one more is cut off at once." name:"max-connections"`
	// MaxConnectionsOfAddress is how many of them one IP address may have, or one IPv6 network of 64 bits, so that one
	// client cannot keep the others out. The machine itself and trusted proxies have no such bound. Default 2,500;
	// never more than a quarter of all.
	MaxConnectionsOfAddress int `default:"2500" help:"Most of them from one IP address, but for the machine itself and trusted-proxies; never more than a quarter of all." name:"max-connections-address"`
	// MaxHeaderBytes bounds a request's header, in bytes. Default 64 KiB. Above it net/http answers 431 by itself, in
	// plain text, as it does with 400 for what is not HTTP. It lets 4 KiB more pass than it is told.
	MaxHeaderBytes int `default:"65536" help:"Most bytes of a request's header; more get a 431." name:"max-header-bytes"`
	// ReadHeaderTimeout bounds reading a request's header. Default 5 s.
	ReadHeaderTimeout time.Duration `default:"5s" help:"How long a request's header may take to arrive; then the connection is closed." name:"read-header-timeout"`
	// ReadTimeout bounds reading a whole request. Default 30 s.
	ReadTimeout time.Duration `default:"30s" help:"How long a whole request may take to arrive; then it gets a 408." name:"read-timeout"`
	// WriteTimeout bounds the time from the end of a request's header to the end of its answer. Default 60 s; at least
	// 10 s, because a refusal may be held back for some. Answers of more than 8 KiB have the time that BoundWriting
	// gives them instead, and streams lift it.
	WriteTimeout time.Duration `default:"1m" help:"How long answering may take, from the end of the request's header to the end of the answer; then the connection is closed. Answers of more than 8 KiB have 5s and what 128 KiB a second need instead; live streams may go on." name:"write-timeout"`
	// IdleTimeout is how long a kept-alive connection may wait for its next request. Default 120 s.
	IdleTimeout time.Duration `default:"2m" help:"How long a connection may wait for its next request; then it is closed." name:"idle-timeout"`
}

var defaultBounds = Bounds{
	MaxConnections: 10_000, MaxConnectionsOfAddress: 2_500, MaxHeaderBytes: 64 << 10,
	ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: time.Minute,
	IdleTimeout: 2 * time.Minute,
}

// WithDefaults returns b with its zero fields filled in.
func (b Bounds) WithDefaults() Bounds {
	d := defaultBounds
	return Bounds{
		MaxConnections:          cmp.Or(b.MaxConnections, d.MaxConnections),
		MaxConnectionsOfAddress: cmp.Or(b.MaxConnectionsOfAddress, d.MaxConnectionsOfAddress),
		MaxHeaderBytes:          cmp.Or(b.MaxHeaderBytes, d.MaxHeaderBytes),
		ReadHeaderTimeout:       cmp.Or(b.ReadHeaderTimeout, d.ReadHeaderTimeout),
		ReadTimeout:             cmp.Or(b.ReadTimeout, d.ReadTimeout),
		WriteTimeout:            cmp.Or(b.WriteTimeout, d.WriteTimeout),
		IdleTimeout:             cmp.Or(b.IdleTimeout, d.IdleTimeout),
	}
}

// Validate names what is out of range. Zero fields are good.
func (b Bounds) Validate() error {
	b = b.WithDefaults()
	return errors.Join(
		within("max-connections", b.MaxConnections, 1, 1_000_000),
		within("max-connections-address", b.MaxConnectionsOfAddress, 1, 1_000_000),
		within("max-header-bytes", b.MaxHeaderBytes, 4<<10, 1<<20),
		within("read-header-timeout", b.ReadHeaderTimeout, time.Second, time.Hour),
		within("read-timeout", b.ReadTimeout, time.Second, time.Hour),
		within("write-timeout", b.WriteTimeout, 10*time.Second, time.Hour),
		within("idle-timeout", b.IdleTimeout, time.Second, time.Hour),
	)
}

func within[T cmp.Ordered](name string, value, low, high T) error {
	if low <= value && value <= high {
		return nil
	}
	return fmt.Errorf("%s: %v is not between %v and %v", name, value, low, high)
}
