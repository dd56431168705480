package web

import (
	"net"
	"testing"
)

// crowd accepts a connection from each of the addresses, and then no more.
type crowd struct {
	net.Listener
	from []string
}

type visitor struct {
	net.Conn
	from   net.Addr
	closed bool
}

func (v *visitor) RemoteAddr() net.Addr { return v.from }
func (v *visitor) Close() error         { v.closed = true; return nil }

func (c *crowd) Accept() (net.Conn, error) {
	if len(c.from) == 0 {
		return nil, net.ErrClosed
	}
	addr, err := net.ResolveTCPAddr("tcp", c.from[0])
	c.from = c.from[1:]
	return &visitor{from: addr}, err
}

func TestServer_LetsNoAddressTakeAllConnections(t *testing.T) {
	proxies, err := ParseProxies([]string{"10.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	l := &boundedListener{most: 8, mostOfOne: 2, proxies: proxies, refused: func() { refused++ },
		from: map[string]int{}}
	accept := func(from ...string) (in []net.Conn, out int) {
		t.Helper()
		before := refused
		l.Listener = &crowd{from: from}
		for {
			conn, err := l.Accept()
			if err != nil {
				return in, refused - before
			}
			in = append(in, conn)
		}
	}
	in, out := accept("203.0.113.1:1", "203.0.113.1:2", "203.0.113.1:3", "[::ffff:203.0.113.1]:4", "203.0.113.2:1")
	if len(in) != 3 || out != 2 {
		t.Fatalf("two of one address, one of another: %d in, %d out", len(in), out)
	}
	for range 2 { // closed twice, as net/http may
		_ = in[0].Close()
	}
	if again, out := accept("203.0.113.1:5", "203.0.113.1:6"); len(again) != 1 || out != 1 {
		t.Errorf("after one has gone: %d in, %d out", len(again), out)
	}
	for _, conn := range in[1:] {
		_ = conn.Close()
	}
	if six, out := accept("[2001:db8::1]:1", "[2001:db8::2]:1", "[2001:db8::3]:1",
		"[2001:db8:0:1::1]:1"); len(six) != 3 || out != 1 {
		t.Errorf("a network of IPv6: %d in, %d out", len(six), out)
	}
	if many, out := accept("127.0.0.1:1", "127.0.0.1:2", "10.1.1.1:1", "10.1.1.1:2", "10.1.1.1:3"); len(many) != 4 ||
		out != 1 {
		t.Errorf("the machine and a proxy, up to what there is in all: %d in, %d out", len(many), out)
	}
}
