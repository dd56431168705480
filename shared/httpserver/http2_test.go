package httpserver_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"ordertally/shared/httpserver"
	"ordertally/shared/tlsfiles/tlstest"
)

// deaf is a connection from which nothing is read any more once that is closed.
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

// TestAConnectionOfHTTP2ThatIsNotReadGivesBackWhatItHolds: whoever reads nothing at all of a connection blocks what writes to it, the deadlines of the answers
// included.
func TestAConnectionOfHTTP2ThatIsNotReadGivesBackWhatItHolds(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "server.crt"), filepath.Join(dir, "server.key")
	tlstest.NewAuthority(t).IssueServer("localhost", certFile, keyFile)
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 32<<20) // more than the kernel takes
	written := make(chan error, 1)
	s := httpserver.New(httpserver.Config{
		Addr: "127.0.0.1:0", TLS: &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.ProtoMajor != 2 {
				t.Error("this is not HTTP/2")
			}
			httpserver.BoundWriting(w, 64<<10)
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
		HTTP2:             &http.HTTP2Config{MaxReceiveBufferPerStream: 64 << 20, MaxReceiveBufferPerConnection: 64 << 20},
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, // the test's own server
		DialContext:       func(context.Context, string, string) (net.Conn, error) { return d, nil },
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
