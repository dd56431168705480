package httpserver

import (
	"net"
	"sync/atomic"
)

// boundedListener closes a connection at once when there are as many as allowed: a client that sees that tries elsewhere, or later, and one
// that is left waiting in the kernel's queue does not.
type boundedListener struct {
	net.Listener
	most    int64
	open    atomic.Int64
	refused func()
}

// Accept implements net.Listener.
func (l *boundedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.open.Add(1) <= l.most {
			return &boundedConn{Conn: conn, listener: l}, nil
		}
		l.open.Add(-1)
		l.refused()
		_ = conn.Close() // its client is not waited for
	}
}

type boundedConn struct {
	net.Conn
	listener *boundedListener
	closed   atomic.Bool
}

// Close implements net.Conn.
func (c *boundedConn) Close() error {
	if c.closed.CompareAndSwap(false, true) {
		c.listener.open.Add(-1)
	}
	return c.Conn.Close()
}
