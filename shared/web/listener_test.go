package web_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"ordertally/shared/web"
)

func TestServer_ClosesOneConnectionTooMany(t *testing.T) {
	var refused atomic.Int32
	s := web.New(web.Config{
		Addr: "127.0.0.1:0", Handler: http.HandlerFunc(ok), Bounds: web.Bounds{MaxConnections: 2},
		OnRefused: func() { refused.Add(1) },
	}, zerolog.Nop())
	start(t, s)
	// dial returns a connection that was answered, or nil when it was closed.
	dial := func() net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		_, _ = fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		if _, err := io.ReadFull(c, make([]byte, 12)); err != nil {
			return nil
		}
		return c
	}
	first := dial()
	if first == nil || dial() == nil {
		t.Fatal("a connection within the bound is refused")
	}
	for i := range 2 {
		if dial() != nil || refused.Load() != int32(i+1) {
			t.Fatalf("%d connections refused, want %d", refused.Load(), i+1)
		}
	}
	_ = first.Close()
	// the server sees the end of the other when it reads it
	for deadline := time.Now().Add(10 * time.Second); dial() == nil; {
		if time.Now().After(deadline) {
			t.Fatal("no room after a connection was closed")
		}
	}
}
