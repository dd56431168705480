package web_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"ordertally/shared/web"
	"ordertally/shared/web/problem"
)

// echo answers each line with itself, and with the error of its body at the end.
func echo(w http.ResponseWriter, r *http.Request) {
	d, err := web.OpenDuplex(w, r, "text/lines", 1000)
	if err != nil {
		var p problem.Problem
		errors.As(err, &p)
		problem.Write(w, r, p)
		return
	}
	defer d.Close()
	in := bufio.NewReader(d)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			_, _ = d.Write([]byte(err.Error() + "\n"))
			return
		}
		if _, err := d.Write([]byte(line)); err != nil {
			return
		}
	}
}

// serveEcho serves with a short ReadTimeout.
func serveEcho(t *testing.T, secured bool) (url string, client *http.Client) {
	t.Helper()
	config := web.Config{Addr: "127.0.0.1:0", Handler: http.HandlerFunc(echo),
		Bounds: web.Bounds{ReadTimeout: 200 * time.Millisecond}}
	transport := &http.Transport{}
	url = "http://"
	if secured {
		config.TLS, url = certificate(t), "https://"
		transport = &http.Transport{ForceAttemptHTTP2: true,
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	}
	s := web.New(config, zerolog.Nop())
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := s.Stop(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	return url + s.Addr(), &http.Client{Transport: transport}
}

func TestDuplex_AnswersWhileItReadsAndBoundsASilentClient(t *testing.T) {
	for name, secured := range map[string]bool{"HTTP/1.1": false, "HTTP/2.0": true} {
		t.Run(name, func(t *testing.T) {
			url, client := serveEcho(t, secured)
			body, send := io.Pipe()
			defer func() { _ = send.Close() }()
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, body)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "text/lines")
			go func() { _, _ = send.Write([]byte("first\n")) }()
			response, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = response.Body.Close() }()
			answer := bufio.NewReader(response.Body)
			if line, err := answer.ReadString('\n'); err != nil || line != "first\n" || response.Proto != name {
				t.Fatalf("%s: %q, %v", response.Proto, line, err)
			}
			if line, err := answer.ReadString('\n'); err != nil || !strings.HasPrefix(line, "408 request_timeout") {
				t.Errorf("a client that stays silent: %q, %v", line, err)
			}
		})
	}
}

func TestDuplex_BoundsTheBody(t *testing.T) {
	url, client := serveEcho(t, false)
	send := func(body io.Reader, contentType string) (int, string) {
		t.Helper()
		response, err := client.Post(url, contentType, body)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		text, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(text)
	}
	line := strings.Repeat("x", 99) + "\n"
	if status, text := send(strings.NewReader(strings.Repeat(line, 10)), "text/lines"); status != 200 ||
		text != strings.Repeat(line, 10)+"EOF\n" {
		t.Errorf("a body of 1000: %d %s", status, text)
	}
	if status, text := send(strings.NewReader(strings.Repeat(line, 11)), "text/lines"); status != 413 {
		t.Errorf("a body that says it is larger: %d %s", status, text)
	}
	unsized := io.MultiReader(strings.NewReader(strings.Repeat(line, 11))) // net/http does not know its length
	if status, text := send(unsized, "text/lines"); status != 200 ||
		!strings.HasPrefix(text, strings.Repeat(line, 10)+"413 body_too_large") {
		t.Errorf("a larger body: %d %s", status, text)
	}
	if status, text := send(strings.NewReader(line), "text/plain"); status != 415 {
		t.Errorf("another type: %d %s", status, text)
	}
}
