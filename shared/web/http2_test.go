package web_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"ordertally/shared/settings/tlsfiles/tlstest"
	"ordertally/shared/web"
)

// deaf is a connection whose reads block once its channel is closed.
type deaf struct {
	net.Conn
	from, closed chan struct{}
}

func (d deaf) Read(b []byte) (int, error) {
	select {
	case <-d.from:
		<-d.closed
		return 0, net.ErrClosed
	default:
		return d.Conn.Read(b)
	}
}

func certificate(t *testing.T) *tls.Config {
	t.Helper()
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "server.crt"), filepath.Join(dir, "server.key")
	tlstest.NewAuthority(t).IssueServer("localhost", certFile, keyFile)
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
}

// A client that reads nothing of a connection blocks every write to it, so the answers' own deadlines do not help.
func TestServer_ClosesAnHTTP2ConnectionThatIsNotRead(t *testing.T) {
	answer := make([]byte, 32<<20) // more than the kernel takes
	written := make(chan error, 1)
	s := web.New(web.Config{
		Addr: "127.0.0.1:0", TLS: certificate(t),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.ProtoMajor != 2 {
				t.Error("this is not HTTP/2")
			}
			web.BoundWriting(w, 64<<10)
			_ = http.NewResponseController(w).Flush()
			_, err := w.Write(answer)
			written <- err
		}),
	}, zerolog.Nop())
	start(t, s)

	conn, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).SetReadBuffer(8 << 10); err != nil {
		t.Fatal(err)
	}
	d := deaf{conn, make(chan struct{}), make(chan struct{})}
	transport := &http.Transport{
		ForceAttemptHTTP2: true,
		HTTP2: &http.HTTP2Config{MaxReceiveBufferPerStream: 64 << 20,
			MaxReceiveBufferPerConnection: 64 << 20},
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // the test's own server
		DialContext:     func(context.Context, string, string) (net.Conn, error) { return d, nil },
	}
	resp, err := (&http.Client{Transport: transport}).Get("https://" + s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	close(d.from)
	select {
	case err := <-written:
		if err == nil {
			t.Error("the kernel took the whole answer")
		}
	case <-time.After(time.Minute):
		t.Error("the answer is held for a client that reads nothing")
	}
	close(d.closed)
	_ = resp.Body.Close()
	_ = conn.Close()
	transport.CloseIdleConnections()
}

// One connection may have a hundred requests, and one client as many as it may have connections.
func TestServer_BoundsHTTP2RequestsAsConnections(t *testing.T) {
	proxies, err := web.ParseProxies([]string{"127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	began, goOn := make(chan struct{}), make(chan struct{})
	var refused atomic.Int32
	s := web.New(web.Config{
		Addr: "127.0.0.1:0", TLS: certificate(t), Proxies: proxies, OnRefused: func() { refused.Add(1) },
		Bounds: web.Bounds{MaxConnections: 8, MaxConnectionsOfAddress: 2},
		Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			began <- struct{}{}
			<-goOn
		}),
	}, zerolog.Nop())
	start(t, s)
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	ask := func(from string) error {
		r, err := http.NewRequest(http.MethodPost, "https://"+s.Addr(), nil) // the transport does not repeat a POST
		if err != nil {
			t.Fatal(err)
		}
		if from != "" {
			r.Header.Set("X-Forwarded-For", from)
		}
		resp, err := client.Do(r)
		if err == nil {
			_ = resp.Body.Close()
		}
		return err
	}
	ended := make(chan error)
	for _, from := range []string{"203.0.113.1", "203.0.113.1", "", "", "", "", "203.0.113.2"} {
		go func() { ended <- ask(from) }()
		<-began
	}
	if err := ask("203.0.113.1"); err == nil {
		t.Error("a client has more than its share")
	}
	go func() { ended <- ask("") }()
	<-began
	if err := ask(""); err == nil {
		t.Error("there is more than all")
	}
	close(goOn)
	for range 8 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	go func() { ended <- ask("203.0.113.1") }()
	<-began
	if err := <-ended; err != nil {
		t.Errorf("once they have ended: %v", err)
	}
	if n := refused.Load(); n != 2 {
		t.Errorf("%d refusals were told of, want 2", n)
	}
}
