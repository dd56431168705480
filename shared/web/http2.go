package web

import "net/http"

// http2 is what one connection of HTTP/2 may have. What was sent and not read yet is in the memory of the program
// there, not in the kernel's.
var http2 = &http.HTTP2Config{
	MaxConcurrentStreams:          100, // fewer than that RFC 9113 advises against
	MaxReceiveBufferPerConnection: 128 << 10,
	MaxReceiveBufferPerStream:     64 << 10,
	// The deadline of an answer ends its stream. A connection that does not take what is being written to it ends with
	// all its streams: what they hold is given back.
	WriteByteTimeout: writeGrace,
}

// streams bounds the requests of HTTP/2 that are under way as connections are bounded, in all and from one network:
// there a connection has many. One more is cut off at once.
func (s *Server) streams(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor < 2 {
			next.ServeHTTP(w, r)
			return
		}
		client := Client(r)
		if s.bound.proxies.has(r.RemoteAddr) {
			client = "" // it stands for many, too
		}
		if !s.under.TryAcquire(client, 1) {
			s.bound.refused()
			panic(http.ErrAbortHandler)
		}
		defer s.under.Release(client, 1)
		next.ServeHTTP(w, r)
	})
}
