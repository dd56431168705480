package problem_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"testing"
	"time"

	"ordertally/shared/web/problem"
)

func write(p problem.Problem, header http.Header) *http.Response {
	r := httptest.NewRequest(http.MethodPost, "/v1/orders", nil)
	for name, values := range header {
		r.Header[name] = values
	}
	w := httptest.NewRecorder()
	problem.Write(w, r, p)
	return w.Result()
}

func decode(t *testing.T, resp *http.Response) map[string]any {
	t.Helper()
	var body map[string]any
	dec := json.NewDecoder(resp.Body)
	if err := dec.Decode(&body); err != nil {
		t.Fatal(err)
	}
	return body
}

func TestWrite_WritesAWholeProblem(t *testing.T) {
	p := problem.New(http.StatusUnprocessableEntity, "invalid_order", "The order breaks 1 rule.")
	p.Instance = "/v1/orders"
	p.Errors = []problem.FieldError{{Pointer: "/lines/0/quantity", Code: "out_of_range",
		Detail: "must be 1 to 1000000000, not <0>"}}
	resp := write(p, http.Header{"Traceparent": {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}})
	if resp.StatusCode != 422 {
		t.Errorf("status %d", resp.StatusCode)
	}
	for name, want := range map[string]string{
		"Content-Type":           "application/problem+json",
		"Cache-Control":          "no-store",
		"X-Content-Type-Options": "nosniff",
		"Retry-After":            "",
		"Allow":                  "",
	} {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	want := map[string]any{
		"type": "/problems/invalid_order", "title": "Unprocessable Entity", "status": 422.0,
		"detail": "The order breaks 1 rule.", "instance": "/v1/orders", "code": "invalid_order",
		"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
		"errors": []any{map[string]any{
			"pointer": "/lines/0/quantity", "code": "out_of_range", "detail": "must be 1 to 1000000000, not <0>"}},
	}
	if got := decode(t, resp); !reflect.DeepEqual(got, want) {
		t.Errorf("body %v, want %v", got, want)
	}
}

func TestWrite_LeavesOutEmptyMembers(t *testing.T) {
	resp := write(problem.NotFound(), http.Header{"Traceparent": {"00-invalid"}})
	got := decode(t, resp)
	for _, name := range []string{"instance", "trace_id", "errors"} {
		if _, ok := got[name]; ok {
			t.Errorf("%s is there: %v", name, got[name])
		}
	}
}

func TestWrite_SetsTheContentLength(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		problem.Write(w, r, problem.New(400, "bad_day", "“tomorrow” is no day \xff"))
	}))
	defer server.Close()
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		req, _ := http.NewRequestWithContext(t.Context(), method, server.URL, nil)
		resp, err := server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var body []byte
		if method == http.MethodGet {
			var v json.RawMessage
			if err := json.NewDecoder(resp.Body).Decode(&v); err != nil {
				t.Fatal(err)
			}
			body = v
			if resp.ContentLength != int64(len(body)+1) { // and the line's end
				t.Errorf("Content-Length %d of a body of %d", resp.ContentLength, len(body)+1)
			}
		}
		if n, _ := strconv.Atoi(resp.Header.Get("Content-Length")); n == 0 {
			t.Errorf("%s: no Content-Length", method)
		}
	}
}

func TestWrite_SetsRetryAfter(t *testing.T) {
	tests := []struct {
		status int
		after  time.Duration
		want   string
	}{
		{429, 0, "1"}, {503, 0, "1"}, {503, -time.Second, "1"},
		{503, time.Millisecond, "1"}, {503, time.Second, "1"}, {503, 1001 * time.Millisecond, "2"},
		{409, 0, ""}, {409, 2 * time.Second, "2"}, {500, 0, ""},
	}
	for _, tc := range tests {
		p := problem.New(tc.status, "busy", "")
		p.RetryAfter = tc.after
		if got := write(p, nil).Header.Get("Retry-After"); got != tc.want {
			t.Errorf("status %d after %s: Retry-After %q, want %q", tc.status, tc.after, got, tc.want)
		}
	}
}

func TestWrite_SetsAllow(t *testing.T) {
	resp := write(problem.MethodNotAllowed("GET", "HEAD"), nil)
	if resp.StatusCode != 405 || resp.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("status %d, Allow %q", resp.StatusCode, resp.Header.Get("Allow"))
	}
}

func TestWrite_MakesMistakesInternal(t *testing.T) {
	for _, p := range []problem.Problem{
		{}, {Status: 200, Code: "fine", Detail: "secret"}, {Status: 600, Code: "x", Detail: "secret"},
		{Status: 422, Detail: "secret"},
	} {
		resp := write(p, nil)
		body := decode(t, resp)
		if resp.StatusCode != 500 || body["status"] != 500.0 || body["code"] != "internal" || body["detail"] != nil {
			t.Errorf("%+v became %d %v", p, resp.StatusCode, body)
		}
	}
}

func TestWrite_DropsTheHeadersOfTheOtherAnswer(t *testing.T) {
	w := httptest.NewRecorder()
	for _, name := range []string{"Location", "Etag", "Content-Encoding", "Last-Modified", "Content-Length"} {
		w.Header().Set(name, "7")
	}
	w.Header().Set("X-Kept", "yes")
	problem.Write(w, httptest.NewRequest("GET", "/", nil), problem.Internal())
	h := w.Result().Header
	for _, name := range []string{"Location", "Etag", "Content-Encoding", "Last-Modified"} {
		if h.Get(name) != "" {
			t.Errorf("%s was kept", name)
		}
	}
	if h.Get("X-Kept") != "yes" || h.Get("Content-Length") == "7" {
		t.Errorf("headers %v", h)
	}
}

func TestProblem_IsAnError(t *testing.T) {
	err := fmt.Errorf("read body: %w", problem.New(413, problem.CodeBodyTooLarge, "Too much."))
	p, ok := errors.AsType[problem.Problem](err)
	if !ok || p.Status != 413 || err.Error() != "read body: 413 body_too_large: Too much." {
		t.Errorf("%v, %v, %v", p, ok, err)
	}
	if got := problem.Internal().Error(); got != "500 internal" {
		t.Errorf("Error() = %q", got)
	}
}
