package web

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// boundedListener closes a connection at once when there are as many as allowed, in all or from its network: a client
// that sees that tries elsewhere, or later, and one that is left waiting in the kernel's queue does not. The machine
// itself and the proxies stand for many clients and have no bound of their own.
//
// One that makes room closes another connection instead: the one that has been without a request to answer for longest
// or, where all have one, whose request is the oldest. A check of health is answered in a millisecond, and so is the
// last to go.
type boundedListener struct {
	net.Listener
	most, mostOfOne int
	proxies         Proxies
	refused         func()
	makeRoom        bool

	mu    sync.Mutex
	open  int
	from  map[string]int // by network
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
			l.refused() // the other one
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
		_ = conn.Close() // its client is not waited for
	}
}

// enter counts a connection, unless there is no room for it. The network is "" where it does not count.
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

// occupied notes on the connections what they do.
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

// closeOne closes the connection that can be spared most, and reports whether there was one.
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
	begun    atomic.Bool // its first request's header came
	// Since when a write has been waiting for the client, in nanoseconds of the process; 0 for none.
	writing atomic.Int64

	busy  int       // requests of it that are being answered; the listener's lock guards both
	since time.Time // the last of them began or ended, or the connection came
}

// Write implements net.Conn.
func (c *boundedConn) Write(p []byte) (int, error) {
	c.writing.Store(int64(time.Since(processStart)) + 1)
	defer c.writing.Store(0)
	return c.Conn.Write(p)
}

// blocked is for how long the client has not taken what is being written to it.
func (c *boundedConn) blocked() time.Duration {
	since := c.writing.Load()
	if since == 0 {
		return 0
	}
	return time.Since(processStart) - time.Duration(since)
}

// processStart is what moments are counted from.
var processStart = time.Now()

// Close implements net.Conn.
func (c *boundedConn) Close() error {
	c.closed.Do(func() { c.listener.leave(c) })
	return c.Conn.Close()
}

// Network is the address of a client without its port; of IPv6 the first 64 bits, which one household or machine has
// for itself.
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
