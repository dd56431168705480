package web_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"ordertally/shared/web"
)

// start starts the server and stops it when the test ends.
func start(t *testing.T, s *web.Server) {
	t.Helper()
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
}

func newServer(addr string, handler http.HandlerFunc) *web.Server {
	return web.New(web.Config{Addr: addr, Handler: handler}, zerolog.Nop())
}

func ok(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) }

func TestServer_StartsAndStops(t *testing.T) {
	s := newServer("127.0.0.1:0", ok)
	if s.Addr() != "127.0.0.1:0" {
		t.Errorf("Addr before Start: %s", s.Addr())
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	addr := s.Addr()
	if addr == "127.0.0.1:0" {
		t.Errorf("Addr after Start: %s", addr)
	}
	if _, body, err := get(t, "http://"+addr); err != nil || body != "ok" {
		t.Errorf("%q, %v", body, err)
	}
	if err := s.Start(); err == nil || !strings.Contains(err.Error(), "already started") {
		t.Errorf("second Start: %v", err)
	}
	for range 2 {
		if err := s.Stop(t.Context()); err != nil {
			t.Errorf("Stop: %v", err)
		}
	}
	if err := s.Wait(t.Context()); err != nil {
		t.Errorf("Wait after Stop: %v", err)
	}
	if _, _, err := get(t, "http://"+addr); err == nil {
		t.Error("answered after Stop")
	}
	// The port is free again.
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
}

func TestServer_StopsBeforeStart(t *testing.T) {
	s := newServer("127.0.0.1:0", ok)
	for range 2 {
		if err := s.Stop(t.Context()); err != nil {
			t.Errorf("Stop: %v", err)
		}
	}
	if err := s.Start(); err == nil {
		t.Error("started after Stop")
	}
}

func TestServer_NamesABusyAddress(t *testing.T) {
	first := newServer("127.0.0.1:0", ok)
	start(t, first)
	second := newServer(first.Addr(), ok)
	err := second.Start()
	if err == nil || !strings.Contains(err.Error(), first.Addr()) ||
		!strings.Contains(err.Error(), "port 0 picks a free one") {
		t.Errorf("Start on a busy address: %v", err)
	}
	if err := second.Stop(t.Context()); err != nil {
		t.Errorf("Stop after a failed Start: %v", err)
	}
	if _, body, err := get(t, "http://"+first.Addr()); err != nil || body != "ok" {
		t.Errorf("the first one was harmed: %q, %v", body, err)
	}
}

func TestServer_RefusesABadAddressAndNoHandler(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:notaport", "127.0.0.1:70000", "nothing", "203.0.113.1:0"} {
		if err := newServer(addr, ok).Start(); err == nil || !strings.Contains(err.Error(), addr) {
			t.Errorf("Start on %q: %v", addr, err)
		}
	}
	if err := web.New(web.Config{Addr: "127.0.0.1:0"}, zerolog.Nop()).Start(); err == nil {
		t.Error("started without a handler")
	}
}

func TestServer_StopDrains(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	s := newServer("127.0.0.1:0", func(w http.ResponseWriter, r *http.Request) {
		close(entered)
		<-web.Draining(r.Context()) // Stop has begun
		<-release
		if r.Context().Err() != nil {
			t.Error("the request was cancelled while draining")
		}
		ok(w, r)
	})
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	answer := make(chan string, 1)
	go func() {
		_, body, err := get(t, "http://"+s.Addr())
		if err != nil {
			body = err.Error()
		}
		answer <- body
	}()
	<-entered
	stopped := make(chan error, 1)
	go func() { stopped <- s.Stop(t.Context()) }()
	select {
	case err := <-stopped:
		t.Errorf("Stop did not wait for the request: %v", err)
	default:
	}
	close(release)
	if body := <-answer; body != "ok" {
		t.Errorf("the request being handled got %q", body)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Stop: %v", err)
	}
}

func TestServer_StopCutsOffAtTheDeadline(t *testing.T) {
	entered, cancelled := make(chan struct{}), make(chan struct{})
	s := newServer("127.0.0.1:0", func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
		close(cancelled)
	})
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	answer := make(chan string, 1)
	go func() { answer <- raw(t, s.Addr(), "GET / HTTP/1.1\r\nHost: x\r\n\r\n") }()
	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := s.Stop(ctx)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), s.Addr()) ||
		!strings.Contains(err.Error(), "requests cut off: 1") {
		t.Errorf("Stop: %v", err)
	}
	<-cancelled
	if got := <-answer; got != "" {
		t.Errorf("the request that was cut off got an answer: %q", got)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Errorf("second Stop: %v", err)
	}
}

func TestServer_StopDoesNotWaitForIdleConnections(t *testing.T) {
	s := newServer("127.0.0.1:0", ok)
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Get("http://" + s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	if err := s.Stop(ctx); err != nil {
		t.Errorf("Stop: %v", err)
	}
}

func TestServer_Wait(t *testing.T) {
	s := newServer("127.0.0.1:0", ok)
	start(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	waited := make(chan error, 1)
	go func() { waited <- s.Wait(ctx) }()
	cancel()
	if err := <-waited; err != nil {
		t.Errorf("Wait whose context ended: %v", err)
	}
}

func TestDraining_IsNeverReadyWithoutAServer(t *testing.T) {
	select {
	case <-web.Draining(t.Context()):
		t.Error("ready")
	default:
	}
}

func TestServer_PassesOptionsStarToTheHandler(t *testing.T) {
	s := newServer("127.0.0.1:0", func(w http.ResponseWriter, r *http.Request) { orderRouter().ServeHTTP(w, r) })
	start(t, s)
	if status := raw(t, s.Addr(), "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); !strings.HasPrefix(
		status, "HTTP/1.1 404 ") {
		t.Errorf("OPTIONS *: %s", status)
	}
}

func TestServer_BoundsTheHeader(t *testing.T) {
	s := newServer("127.0.0.1:0", ok)
	start(t, s)
	request := func(size int) string {
		return raw(t, s.Addr(), "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Long: "+strings.Repeat("a", size)+
			"\r\n\r\n")
	}
	if status := request(60 << 10); !strings.HasPrefix(status, "HTTP/1.1 200 ") {
		t.Errorf("60 KiB: %s", status)
	}
	if status := request(80 << 10); !strings.HasPrefix(status, "HTTP/1.1 431 ") {
		t.Errorf("80 KiB: %s", status)
	}
}

func TestServer_BoundsTheTimeOfTheHeader(t *testing.T) {
	s := web.New(web.Config{Addr: "127.0.0.1:0", Handler: http.HandlerFunc(ok),
		Bounds: web.Bounds{ReadHeaderTimeout: 50 * time.Millisecond}}, zerolog.Nop())
	start(t, s)
	conn, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = conn.Write([]byte("GET / HTTP/1.1\r\n"))
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.ReadAll(conn); errors.Is(err, context.DeadlineExceeded) || err != nil &&
		strings.Contains(err.Error(), "timeout") {
		t.Errorf("the server kept a connection that sends no request: %v", err)
	}
}

// raw sends the bytes and returns all that comes back, until the server closes or resets the connection.
func raw(t *testing.T, addr, request string) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = io.WriteString(conn, request) // a server that answers early may not take it all
	data, _ := io.ReadAll(conn)
	return string(data)
}
