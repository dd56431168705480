package web

import "time"

// Bounds are what clients may take of a server: connections, header bytes, time. They are settings; a zero
// field has its default.
type Bounds struct {
	// MaxConnections is how many connections may be open at once; one more is closed as soon as it comes. As many
	// requests of HTTP/2 may be under way. Fewer where the process may not have so many descriptors.
	MaxConnections int `name:"max-connections" default:"10000" range:"1..1000000" help:"Most open connections of the API, and most requests of HTTP/2 under way; one more is cut off at once."`
	// MaxConnectionsOfAddress is how many of them one IP address may have, or one IPv6 network of 64 bits, so that one
	// client cannot keep the others out. The machine itself and trusted proxies have no such bound. It is never
	// more than a quarter of all.
	MaxConnectionsOfAddress int `name:"max-connections-address" default:"2500" range:"1..1000000" help:"Most of them from one IP address, but for the machine itself and trusted-proxies; never more than a quarter of all."`
	// MaxHeaderBytes bounds a request's header, in bytes. Above it net/http answers 431 by itself, in
	// plain text, as it does with 400 for what is not HTTP. It lets 4 KiB more pass than it is told.
	MaxHeaderBytes int `name:"max-header-bytes" default:"65536" range:"4096..1048576" unit:"bytes" help:"Most bytes of a request's header; more get a 431."`
	// ReadHeaderTimeout bounds reading a request's header.
	ReadHeaderTimeout time.Duration `name:"read-header-timeout" default:"5s" range:"1s..1h" help:"How long a request's header may take to arrive; then the connection is closed."`
	// ReadTimeout bounds reading a whole request.
	ReadTimeout time.Duration `name:"read-timeout" default:"30s" range:"1s..1h" help:"How long a whole request may take to arrive; then it gets a 408."`
	// WriteTimeout bounds the time from the end of a request's header to the end of its answer. It is 10 s at
	// least, because a refusal may be held back for some. Answers of more than 8 KiB have the time that BoundWriting
	// gives them instead, and streams lift it.
	WriteTimeout time.Duration `name:"write-timeout" default:"1m" range:"10s..1h" help:"How long answering may take, from the end of the request's header to the end of the answer; then the connection is closed. Answers of more than 8 KiB have 5s and what 128 KiB a second need instead; live streams may go on."`
	// IdleTimeout is how long a kept-alive connection may wait for its next request.
	IdleTimeout time.Duration `name:"idle-timeout" default:"2m" range:"1s..1h" help:"How long a connection may wait for its next request; then it is closed."`
}
