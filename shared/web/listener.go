package web

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// boundedListener closes a new connection at once when there are too many, in all or from its network. A client that
// sees this tries elsewhere or later. In the kernel's queue it would wait and not know why. This machine and the
// proxies stand for many clients and have no limit of their own.
//
// With makeRoom it closes another connection instead: the one that has been idle longest or, if none is idle, the one
// with the oldest request. A health check takes a millisecond, so it is closed last.
type boundedListener struct {
	net.Listener
	most, mostOfOne int
	proxies         Proxies
	refused         func()
	makeRoom        bool

	mu    sync.Mutex
	open  int
	from  map[string]int // connections by network
	conns map[*boundedConn]struct{}
}

// Accept implements net.Listener.
func (l *boundedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		network, ok := l.enter(conn.RemoteAddr().String())
		if !ok && l.makeRoom && l.closeOne() {
			l.refused() // counts the other connection
			network, ok = l.enter(conn.RemoteAddr().String())
		}
		if ok {
			c := &boundedConn{Conn: conn, listener: l, network: network, since: time.Now()}
			l.mu.Lock()
			if l.conns == nil {
				l.conns = make(map[*boundedConn]struct{})
			}
			l.conns[c] = struct{}{}
			l.mu.Unlock()
			return c, nil
		}
		l.refused()
		_ = conn.Close() // without waiting for its client
	}
}

// enter counts a connection if there is room for it. The network is "" if only the total counts.
func (l *boundedListener) enter(remote string) (network string, ok bool) {
	if addr, err := netip.ParseAddrPort(remote); err == nil && !addr.Addr().Unmap().IsLoopback() &&
		!l.proxies.has(remote) {
		network = Network(remote)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open >= l.most || network != "" && l.from[network] >= l.mostOfOne {
		return "", false
	}
	l.open++
	if network != "" {
		l.from[network]++
	}
	return network, true
}

// occupied notes which connections have a request.
func (l *boundedListener) occupied(next http.Handler) http.Handler {
	if !l.makeRoom {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(connKey{}).(*boundedConn); ok {
			l.note(c, 1)
			defer l.note(c, -1)
		}
		next.ServeHTTP(w, r)
	})
}

func (l *boundedListener) note(c *boundedConn, more int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.busy += more
	c.since = time.Now()
}

// closeOne closes the connection that is missed least. It reports whether there was one.
func (l *boundedListener) closeOne() bool {
	l.mu.Lock()
	var spare *boundedConn
	for c := range l.conns {
		if spare == nil || spare.busy > 0 && c.busy == 0 ||
			(spare.busy > 0) == (c.busy > 0) && c.since.Before(spare.since) {
			spare = c
		}
	}
	l.mu.Unlock()
	if spare == nil {
		return false
	}
	_ = spare.Close()
	return true
}

func (l *boundedListener) leave(c *boundedConn) {
	network := c.network
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
	delete(l.conns, c)
	if network == "" {
		return
	}
	if l.from[network]--; l.from[network] == 0 {
		delete(l.from, network)
	}
}

type boundedConn struct {
	net.Conn
	listener *boundedListener
	network  string
	closed   sync.Once
	begun    atomic.Bool // the header of its first request has arrived
	// When the running write began, in nanoseconds since processStart; 0 if none runs.
	writing atomic.Int64

	// The listener's lock guards these.
	busy  int       // requests being answered
	since time.Time // when the last one began or ended, or the connection was accepted
}

// Write implements net.Conn.
func (c *boundedConn) Write(p []byte) (int, error) {
	c.writing.Store(int64(time.Since(processStart)) + 1)
	defer c.writing.Store(0)
	return c.Conn.Write(p)
}

// blocked returns how long the running write has been waiting for the client.
func (c *boundedConn) blocked() time.Duration {
	since := c.writing.Load()
	if since == 0 {
		return 0
	}
	return time.Since(processStart) - time.Duration(since)
}

var processStart = time.Now()

// Close implements net.Conn.
func (c *boundedConn) Close() error {
	c.closed.Do(func() { c.listener.leave(c) })
	return c.Conn.Close()
}

// Network is a client's address without the port. Of an IPv6 address it is the first 64 bits, because one household or
// machine has all of such a network.
func Network(remote string) string {
	addr, err := netip.ParseAddrPort(remote)
	if err != nil {
		return remote
	}
	ip := addr.Addr().Unmap().WithZone("")
	if ip.Is6() {
		prefix, _ := ip.Prefix(64) // 64 bits are valid for any IPv6 address
		return prefix.String()
	}
	return ip.String()
}
