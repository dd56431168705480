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

// silence is how long a client may stay silent when the server stops. lookAgain is how often that is looked at.
const (
	silence   = 2 * time.Second
	lookAgain = 100 * time.Millisecond
)

type connKey struct{}

// withConn lets a request's context tell its connection.
func withConn(ctx context.Context, conn net.Conn) context.Context {
	if wrapped, ok := conn.(interface{ NetConn() net.Conn }); ok { // TLS
		conn = wrapped.NetConn()
	}
	if bounded, ok := conn.(*boundedConn); ok {
		return context.WithValue(ctx, connKey{}, bounded)
	}
	return ctx
}

// underway knows the requests being handled. The zero value is of none.
type underway struct {
	mu       sync.Mutex
	requests map[*request]struct{}
}

// request is one being handled.
type request struct {
	control  *http.ResponseController
	conn     *boundedConn // nil where it is not known
	received atomic.Bool  // its body came whole
}

// begin notes a request, until the function that it returns is called.
func (u *underway) begin(w http.ResponseWriter, r *http.Request) (end func()) {
	conn, _ := r.Context().Value(connKey{}).(*boundedConn)
	if conn != nil {
		conn.begun.Store(true)
	}
	q := &request{control: http.NewResponseController(w), conn: conn}
	if r.Body == nil || r.Body == http.NoBody {
		q.received.Store(true)
	} else {
		r.Body = &watchedBody{ReadCloser: r.Body, of: q}
	}
	u.mu.Lock()
	if u.requests == nil {
		u.requests = make(map[*request]struct{})
	}
	u.requests[q] = struct{}{}
	u.mu.Unlock()
	return func() {
		u.mu.Lock()
		delete(u.requests, q)
		u.mu.Unlock()
	}
}

// whole is how many have come whole and belong to clients that take what is written to them.
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

// cutSilent ends the requests whose client is silent: reading the body fails, or writing the answer.
func (u *underway) cutSilent(now time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for q := range u.requests {
		if !q.received.Load() {
			_ = q.control.SetReadDeadline(now) // fails where the connection has gone
		}
		if q.conn != nil && q.conn.blocked() >= silence {
			_ = q.control.SetWriteDeadline(now)
		}
	}
}

// cutSilent waits for a while, and then ends whatever waits for a silent client until ctx ends: requests, and
// connections that have not sent the header of one.
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

// closeFresh closes the connections that never sent a request's whole header.
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

// watchedBody notes when a body has come whole.
type watchedBody struct {
	io.ReadCloser
	of *request
}

// Read implements io.Reader.
func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		b.of.received.Store(true)
	}
	return n, err
}
