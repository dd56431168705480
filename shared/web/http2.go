package web

import "net/http"

// http2 bounds one HTTP/2 connection. Bodies that were sent but not read yet are in the process's memory, not in the
// kernel's.
var http2 = &http.HTTP2Config{
	MaxConcurrentStreams:          100, // RFC 9113 advises against fewer
	MaxReceiveBufferPerConnection: 128 << 10,
	MaxReceiveBufferPerStream:     64 << 10,
	// An answer's deadline ends only its stream, and a blocked write would keep the stream's memory. So a connection
	// that takes nothing for this long is closed.
	WriteByteTimeout: writeGrace,
}

// streams bounds HTTP/2 requests as connections are bounded, in all and by network, because one connection has many.
// One more is cut off at once.
func (s *Server) streams(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor < 2 {
			next.ServeHTTP(w, r)
			return
		}
		client := Client(r)
		if s.bound.proxies.has(r.RemoteAddr) {
			client = "" // a proxy stands for many clients
		}
		if !s.under.TryAcquire(client, 1) {
			s.bound.refused()
			panic(http.ErrAbortHandler)
		}
		defer s.under.Release(client, 1)
		next.ServeHTTP(w, r)
	})
}
