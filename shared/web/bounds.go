package web

import "time"

// Bounds are what clients may use of a server: connections, header bytes, time. They are settings. A field that is zero
// has its default.
type Bounds struct {
	// Maximum of open connections of the API, and of HTTP/2 requests that run at once. One more is cut off at once.
	//
	// It is lower where the process may not have so many file descriptors.
	MaxConnections int `name:"max-connections" default:"10000" range:"1..1000000"`
	// Maximum from one IP address; never more than a quarter of max-connections. This machine and trusted-proxies have
	// no such limit.
	//
	// So one client cannot keep the others out. Of IPv6, a network of 64 bits counts as one address.
	MaxConnectionsOfAddress int `name:"max-connections-address" default:"2500" range:"1..1000000"`
	// Maximum bytes of a request's header; a longer one gets a 431.
	//
	// The 431 is that of net/http, in plain text. It accepts 4 KiB more than it is told.
	MaxHeaderBytes int `name:"max-header-bytes" default:"65536" range:"4096..1048576" unit:"bytes"`
	// How long a request's header may take to arrive. Then the connection is closed.
	ReadHeaderTimeout time.Duration `name:"read-header-timeout" default:"5s" range:"1s..1h"`
	// How long a whole request may take to arrive. Then it gets a 408.
	ReadTimeout time.Duration `name:"read-timeout" default:"30s" range:"1s..1h"`
	// How long an answer may take, from the end of the request's header. Then the connection is closed. Answers over 8
	// KiB have 5s plus the time that 128 KiB/s needs; live streams have no limit.
	//
	// It is at least 10 s, because a refusal may be held back for some seconds. BoundWriting sets the deadline of long
	// answers.
	WriteTimeout time.Duration `name:"write-timeout" default:"1m" range:"10s..1h"`
	// How long a connection may wait for its next request. Then it is closed.
	IdleTimeout time.Duration `name:"idle-timeout" default:"2m" range:"1s..1h"`
}
