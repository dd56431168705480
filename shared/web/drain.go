package web

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// A stopping server waits for a silent client as long as silence. It checks every lookAgain.
const (
	silence   = 2 * time.Second
	lookAgain = 100 * time.Millisecond
)

type connKey struct{}

// withConn puts the connection into the context of its requests.
func withConn(ctx context.Context, conn net.Conn) context.Context {
	if wrapped, ok := conn.(interface{ NetConn() net.Conn }); ok { // TLS
		conn = wrapped.NetConn()
	}
	if bounded, ok := conn.(*boundedConn); ok {
		return context.WithValue(ctx, connKey{}, bounded)
	}
	return ctx
}

// underway is the set of requests being handled. The zero value is empty.
type underway struct {
	mu       sync.Mutex
	requests map[*request]struct{}
}

// request is a request being handled. It is the request's body too, and notes when the whole of it was read.
type request struct {
	io.ReadCloser // the body, if there is one

	in       *underway
	w        http.ResponseWriter
	conn     *boundedConn // nil if not known
	received atomic.Bool  // its whole body was read
}

// begin adds a request.
func (u *underway) begin(w http.ResponseWriter, r *http.Request) *request {
	conn, _ := r.Context().Value(connKey{}).(*boundedConn)
	if conn != nil {
		conn.begun.Store(true)
	}
	q := &request{in: u, w: w, conn: conn}
	if r.Body == nil || r.Body == http.NoBody {
		q.received.Store(true)
	} else {
		q.ReadCloser = r.Body
		r.Body = q
	}
	u.mu.Lock()
	if u.requests == nil {
		u.requests = make(map[*request]struct{})
	}
	u.requests[q] = struct{}{}
	u.mu.Unlock()
	return q
}

// end removes the request.
func (q *request) end() {
	q.in.mu.Lock()
	delete(q.in.requests, q)
	q.in.mu.Unlock()
}

// whole counts the requests that have arrived whole and whose client reads its answer.
func (u *underway) whole() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	n := 0
	for q := range u.requests {
		if q.received.Load() && (q.conn == nil || q.conn.blocked() < silence/2) {
			n++
		}
	}
	return n
}

// cutSilent makes reading or writing fail for the requests whose client is silent.
func (u *underway) cutSilent(now time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for q := range u.requests {
		if !q.received.Load() {
			_ = http.NewResponseController(q.w).SetReadDeadline(now) // fails if the connection is closed
		}
		if q.conn != nil && q.conn.blocked() >= silence {
			_ = http.NewResponseController(q.w).SetWriteDeadline(now)
		}
	}
}

// cutSilent waits as long as silence. From then on, until ctx ends, it cuts off the requests of silent clients and the
// connections that never sent a request's header.
func (s *Server) cutSilent(ctx context.Context) {
	timer := time.NewTimer(silence)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-timer.C:
			s.handled.cutSilent(now)
			s.bound.closeFresh()
			timer.Reset(lookAgain)
		}
	}
}

// closeFresh closes the connections that never sent a whole request header.
func (l *boundedListener) closeFresh() {
	l.mu.Lock()
	var fresh []*boundedConn
	for conn := range l.conns {
		if !conn.begun.Load() {
			fresh = append(fresh, conn)
		}
	}
	l.mu.Unlock()
	for _, conn := range fresh {
		_ = conn.Close()
	}
}

// Read implements io.Reader.
func (q *request) Read(p []byte) (int, error) {
	n, err := q.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		q.received.Store(true)
	}
	return n, err
}
