package problem

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Write answers r with p. It removes the headers that belong to the answer that was not given: Location, ETag,
// Last-Modified and Content-Encoding. A problem without a Code, or whose Status is not an error, becomes Internal, so
// that no mistake in the program looks like a success. A client that has disconnected is no error.
func Write(w http.ResponseWriter, r *http.Request, p Problem) {
	p = Complete(p, r)
	body, err := json.Marshal(p)
	if err != nil { // cannot happen: Problem has strings and integers only
		body = []byte(`{"type":"/problems/internal","title":"Internal Server Error","status":500,"code":"internal"}`)
		p.Status = http.StatusInternalServerError
	}
	body = append(body, '\n')
	h := w.Header()
	for _, name := range []string{"Content-Encoding", "Etag", "Last-Modified", "Location"} {
		h.Del(name)
	}
	h.Set("Content-Type", ContentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.RetrySeconds))
	}
	if p.Challenge != "" {
		h.Set("WWW-Authenticate", p.Challenge)
	}
	if len(p.Allow) > 0 {
		h.Set("Allow", strings.Join(p.Allow, ", "))
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(body) // fails only if the client has disconnected
}

// TraceID returns the trace id in a request's context; "" for none.
func TraceID(ctx context.Context) string {
	if id := trace.SpanContextFromContext(ctx).TraceID(); id.IsValid() {
		return id.String()
	}
	return ""
}

// Complete fills in what a problem leaves to Write. It is for a problem that is only part of an answer.
func Complete(p Problem, r *http.Request) Problem {
	if p.Status < 400 || p.Status > 599 || p.Code == "" {
		p = Internal()
	}
	if p.Type == "" {
		p.Type = "/problems/" + p.Code
	}
	if p.Title == "" {
		p.Title = http.StatusText(p.Status)
	}
	if p.TraceID == "" {
		p.TraceID = TraceID(propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header)))
	}
	if p.RetryAfter <= 0 && (p.Status == http.StatusTooManyRequests || p.Status == http.StatusServiceUnavailable) {
		p.RetryAfter = time.Second
	}
	p.RetrySeconds = int((max(p.RetryAfter, 0) + time.Second - 1) / time.Second)
	return p
}
