package web_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"ordertally/shared/web"
	"ordertally/shared/web/problem"
)

const limit = 100

func TestReadBody_ChecksTheMediaType(t *testing.T) {
	tests := map[string]struct {
		header http.Header
		status int // 0 is accepted
	}{
		"json":            {http.Header{"Content-Type": {"application/json"}}, 0},
		"charset":         {http.Header{"Content-Type": {"application/json; charset=utf-8"}}, 0},
		"upper case":      {http.Header{"Content-Type": {"Application/JSON"}}, 0},
		"identity":        {http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {"Identity"}}, 0},
		"missing":         {http.Header{}, 415},
		"empty":           {http.Header{"Content-Type": {""}}, 415},
		"text":            {http.Header{"Content-Type": {"text/plain"}}, 415},
		"form":            {http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, 415},
		"json of another": {http.Header{"Content-Type": {"application/merge-patch+json"}}, 415},
		"malformed":       {http.Header{"Content-Type": {"application/json; charset"}}, 415},
		"two":             {http.Header{"Content-Type": {"application/json", "application/json"}}, 415},
		"gzip":            {http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {"gzip"}}, 415},
		"identity, then br": {http.Header{"Content-Type": {"application/json"},
			"Content-Encoding": {"identity", "br"}}, 415},
		"identity, gzip": {http.Header{"Content-Type": {"application/json"},
			"Content-Encoding": {"identity, gzip"}}, 415},
		"longer json prefix": {http.Header{"Content-Type": {"application/jsonp"}}, 415},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest("POST", "/", strings.NewReader(`{"a":1}`))
			r.Header = tc.header
			body, err := web.ReadBody(httptest.NewRecorder(), r, limit)
			if tc.status == 0 {
				if err != nil || string(body) != `{"a":1}` {
					t.Errorf("%q, %v", body, err)
				}
				return
			}
			if p, ok := errors.AsType[problem.Problem](err); !ok || p.Status != tc.status ||
				p.Code != "unsupported_media_type" {
				t.Errorf("error %v, want status %d", err, tc.status)
			}
		})
	}
}

// unread fails the test when it is read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

func TestReadBody_KeepsToTheLimit(t *testing.T) {
	read := func(body io.Reader, length int64) ([]byte, error) {
		r := httptest.NewRequest("POST", "/", body)
		r.Header.Set("Content-Type", "application/json")
		r.ContentLength = length
		return web.ReadBody(httptest.NewRecorder(), r, limit)
	}
	tooLarge := func(err error) bool {
		p, ok := errors.AsType[problem.Problem](err)
		return ok && p.Status == 413 && p.Code == "body_too_large" && strings.Contains(p.Detail, "100 bytes")
	}
	for _, size := range []int{0, 1, limit - 1, limit} {
		for _, length := range []int64{int64(size), -1} { // -1: chunked
			body, err := read(strings.NewReader(strings.Repeat("x", size)), length)
			if err != nil || len(body) != size {
				t.Errorf("%d bytes, length %d: %d, %v", size, length, len(body), err)
			}
		}
	}
	if _, err := read(strings.NewReader(strings.Repeat("x", limit+1)), -1); !tooLarge(err) {
		t.Errorf("one more, chunked: %v", err)
	}
	if _, err := read(unread{t}, 4*limit+1); !tooLarge(err) {
		t.Errorf("one more, said by Content-Length: %v", err)
	}
	if _, err := read(unread{t}, 1<<62); !tooLarge(err) {
		t.Errorf("an absurd Content-Length: %v", err)
	}
}

// bodyServer answers with the problem of ReadBody, and tells the errors on a channel.
func bodyServer(t *testing.T) (addr string, errs <-chan error) {
	t.Helper()
	ch := make(chan error, 10)
	s := web.New(web.Config{
		Addr:   "127.0.0.1:0",
		Bounds: web.Bounds{ReadTimeout: 300 * time.Millisecond},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := web.ReadBody(w, r, limit)
			ch <- err
			if p, ok := errors.AsType[problem.Problem](err); ok {
				problem.Write(w, r, p)
				return
			}
			_, _ = fmt.Fprintf(w, "%d", len(body))
		}),
	}, zerolog.Nop())
	start(t, s)
	return s.Addr(), ch
}

const post = "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"

func TestReadBody_OnTheWire(t *testing.T) {
	addr, errs := bodyServer(t)
	tests := map[string]struct{ request, status string }{
		"whole": {post + "Connection: close\r\nContent-Length: 2\r\n\r\n{}", "200 OK"},
		"chunked": {post + "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
			"200 OK"},
		"chunked, too large": {post + "Transfer-Encoding: chunked\r\n\r\n65\r\n" + strings.Repeat("x", 101) +
			"\r\n0\r\n\r\n", "413 Request Entity Too Large"},
		"expect, too large": {post + "Expect: 100-continue\r\nContent-Length: 9999999\r\n\r\n",
			"413 Request Entity Too Large"},
		"broken chunk":         {post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", "400 Bad Request"},
		"never sends its body": {post + "Content-Length: 2\r\n\r\n{", "408 Request Timeout"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			answer := raw(t, addr, tc.request)
			err := <-errs
			if !strings.HasPrefix(answer, "HTTP/1.1 "+tc.status+"\r\n") {
				t.Errorf("answer %q, error %v", answer, err)
			}
			if !strings.Contains(answer, "Connection: close\r\n") {
				t.Errorf("the connection stays open: %q", answer)
			}
			if tc.status != "200 OK" && !strings.Contains(answer, "application/problem+json") {
				t.Errorf("no problem: %q", answer)
			}
		})
	}
}

func TestReadBody_KeepsTheConnectionAfterAGoodRequest(t *testing.T) {
	addr, errs := bodyServer(t)
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	reader := bufio.NewReader(conn)
	for range 2 {
		if _, err := io.WriteString(conn, post+"Content-Length: 2\r\n\r\n{}"); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(reader, nil)
		if err != nil || resp.StatusCode != 200 {
			t.Fatal(resp, err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

func TestReadBody_SaysThatTheClientIsGone(t *testing.T) {
	addr, errs := bodyServer(t)
	for name, leave := range map[string]func(*net.TCPConn){
		"closed": func(c *net.TCPConn) { _ = c.Close() },
		"reset":  func(c *net.TCPConn) { _ = c.SetLinger(0); _ = c.Close() },
		"half":   func(c *net.TCPConn) { _ = c.CloseWrite() },
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			// 100 Continue says that the handler reads.
			if _, err := io.WriteString(conn, post+"Expect: 100-continue\r\nContent-Length: 50\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil ||
				!strings.Contains(line, "100 Continue") {
				t.Fatal(line, err)
			}
			_, _ = io.WriteString(conn, `{"currency"`)
			leave(conn.(*net.TCPConn))
			err = <-errs
			if _, ok := errors.AsType[problem.Problem](err); ok || !errors.Is(err, web.ErrClientGone) {
				t.Errorf("error %v, want ErrClientGone and no problem", err)
			}
		})
	}
}
