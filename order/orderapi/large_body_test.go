package orderapi_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"ordertally/order/orderapi/apitest"
	"ordertally/shared/clock"
)

// TestPlace_RefusesChunkedBodiesThatGrowLarge has a client send large bodies in chunks without ending them. One body
// too many is refused once it grows large. Other clients still place orders, and so does this one with small bodies.
func TestPlace_RefusesChunkedBodiesThatGrowLarge(t *testing.T) {
	s := apitest.Start(t, clock.System{})
	r := newSlowReaders(t, s)
	place := func(from string, body io.Reader) *httptest.ResponseRecorder {
		req := request(from, http.MethodPost, "/v1/orders", "-")
		req.Body, req.ContentLength = io.NopCloser(body), -1
		w := httptest.NewRecorder()
		r.handler.ServeHTTP(w, req)
		return w
	}
	padding := strings.Repeat(" ", 100<<10)
	const share = 16
	var answered []chan int
	var open []*io.PipeWriter
	for range share {
		body, in := io.Pipe()
		status := make(chan int, 1)
		go func() {
			status <- place("203.0.113.1", body).Code
			_ = body.Close()
		}()
		for _, part := range []string{padding, " "} { // when the second is read the first has been counted
			if _, err := io.WriteString(in, part); err != nil {
				t.Fatal(err)
			}
		}
		open, answered = append(open, in), append(answered, status)
	}
	w := place("203.0.113.1", strings.NewReader(padding+small))
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" ||
		w.Header().Get("Connection") != "close" || !strings.Contains(w.Body.String(), `"overloaded"`) {
		t.Errorf("one large body too many: %d %v %s", w.Code, w.Header(), w.Body)
	}
	for from, body := range map[string]string{"203.0.113.1": small, "203.0.113.2": padding + small} {
		if w := place(from, strings.NewReader(body)); w.Code != http.StatusCreated {
			t.Errorf("%d bytes from %s: %d %s", len(body), from, w.Code, w.Body)
		}
	}
	for i, in := range open {
		if _, err := fmt.Fprint(in, small); err != nil {
			t.Fatal(err)
		}
		_ = in.Close()
		if status := <-answered[i]; status != http.StatusCreated {
			t.Errorf("one that was let in: %d", status)
		}
	}
}
