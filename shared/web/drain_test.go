package web_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"ordertally/shared/web"
)

// Each of these clients alone would delay the stop until a read or write deadline.
func TestServer_StopsThoughClientsStaySilent(t *testing.T) {
	large := bytes.Repeat([]byte("x"), 64<<20) // more than the kernel takes
	for name, tc := range map[string]struct {
		sends   string
		handler http.HandlerFunc
	}{
		"half a header": {"GET / HTTP/1.1\r\nHos", ok},
		"nothing":       {"", ok},
		"half a body": {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf",
			func(w http.ResponseWriter, r *http.Request) {
				if _, err := io.ReadAll(r.Body); err == nil {
					t.Error("the body came whole")
				}
				ok(w, r)
			}},
		"half a chunked body": {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nha",
			func(w http.ResponseWriter, r *http.Request) {
				if _, err := io.ReadAll(r.Body); err == nil {
					t.Error("the body came whole")
				}
				ok(w, r)
			}},
		"takes no answer": {"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
			func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(large) }},
		"takes nothing of a stream": {"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
			func(w http.ResponseWriter, r *http.Request) {
				_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
				for r.Context().Err() == nil {
					if _, err := w.Write(large[:1<<20]); err != nil {
						return
					}
				}
			}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			entered := make(chan struct{}, 1)
			s := newServer("127.0.0.1:0", func(w http.ResponseWriter, r *http.Request) {
				entered <- struct{}{}
				tc.handler(w, r)
			})
			if err := s.Start(); err != nil {
				t.Fatal(err)
			}
			conn, err := net.Dial("tcp", s.Addr())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			if _, err := io.WriteString(conn, tc.sends); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(tc.sends, "\r\n\r\n") {
				<-entered
			} else if _, _, err := get(t, "http://"+s.Addr()); err != nil { // accepted after the silent one
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			began := time.Now()
			if err := s.Stop(ctx); err != nil {
				t.Errorf("Stop: %v", err)
			}
			if took := time.Since(began); took > 4*time.Second {
				t.Errorf("it took %s to stop", took)
			}
		})
	}
}

// The server waits longer than for a silent client, because the request arrived whole and its client is listening.
func TestServer_WaitsForWhatItHasAccepted(t *testing.T) {
	entered := make(chan struct{})
	s := newServer("127.0.0.1:0", func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			t.Error(err)
		}
		close(entered)
		<-web.Draining(r.Context())
		timer := time.NewTimer(2500 * time.Millisecond) // a slow disk
		defer timer.Stop()
		<-timer.C
		ok(w, r)
	})
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	answer := make(chan string, 1)
	go func() {
		answer <- raw(t, s.Addr(), "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody")
	}()
	<-entered
	if err := s.Stop(t.Context()); err != nil {
		t.Errorf("Stop: %v", err)
	}
	if got := <-answer; !strings.HasPrefix(got, "HTTP/1.1 200 ") {
		t.Errorf("an accepted request got %q", got)
	}
}
