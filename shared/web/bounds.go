package web

import "time"

// Bounds are what clients may use of a server: connections, header bytes, time. They are settings. A field that is zero
// has its default.
type Bounds struct {
	// MaxConnections is how many connections may be open at once, and also how many HTTP/2 requests may run at once.
	// One more is cut off at once. The number is lower where the process may not have so many file descriptors.
	MaxConnections int `name:"max-connections" default:"10000" range:"1..1000000" help:"Maximum of open connections of the API, and of HTTP/2 requests that run at once. One more is cut off at once."`
	// MaxConnectionsOfAddress is how many of them one IP address may have, or one IPv6 network of 64 bits. So one
	// client cannot keep the others out. It is never more than a quarter of all. This machine and trusted proxies have
	// no such bound.
	MaxConnectionsOfAddress int `name:"max-connections-address" default:"2500" range:"1..1000000" help:"Maximum from one IP address; never more than a quarter of max-connections. This machine and trusted-proxies have no such limit."`
	// MaxHeaderBytes bounds a request's header. Beyond it net/http itself answers 431, in plain text. It accepts 4 KiB
	// more than it is told.
	MaxHeaderBytes int `name:"max-header-bytes" default:"65536" range:"4096..1048576" unit:"bytes" help:"Maximum bytes of a request's header; a longer one gets a 431."`
	// ReadHeaderTimeout bounds reading a request's header.
	ReadHeaderTimeout time.Duration `name:"read-header-timeout" default:"5s" range:"1s..1h" help:"How long a request's header may take to arrive. Then the connection is closed."`
	// ReadTimeout bounds reading a whole request.
	ReadTimeout time.Duration `name:"read-timeout" default:"30s" range:"1s..1h" help:"How long a whole request may take to arrive. Then it gets a 408."`
	// WriteTimeout bounds the time from the end of a request's header to the end of its answer. It is at least 10 s,
	// because a refusal may be held back for some seconds. BoundWriting sets another deadline for answers over 8 KiB,
	// and streams have none.
	WriteTimeout time.Duration `name:"write-timeout" default:"1m" range:"10s..1h" help:"How long an answer may take, from the end of the request's header. Then the connection is closed. Answers over 8 KiB have 5s plus the time that 128 KiB/s needs; live streams have no limit."`
	// IdleTimeout is how long a kept-alive connection may wait for its next request.
	IdleTimeout time.Duration `name:"idle-timeout" default:"2m" range:"1s..1h" help:"How long a connection may wait for its next request. Then it is closed."`
}
