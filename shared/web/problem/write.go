package problem

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"ordertally/shared/service/telemetry/traceparent"
)

// Write answers r with p. Headers that the handler had set for the answer it did not give (Location, Etag, a content
// encoding) are removed; others stay. A Status that is no error, or no Code, becomes Internal: a mistake in the program
// must not reach the client as a success. A client that has gone is not an error.
func Write(w http.ResponseWriter, r *http.Request, p Problem) {
	p = complete(p, r)
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
		h.Set("Retry-After", strconv.FormatInt(int64((p.RetryAfter+time.Second-1)/time.Second), 10))
	}
	if p.Challenge != "" {
		h.Set("WWW-Authenticate", p.Challenge)
	}
	if len(p.Allow) > 0 {
		h.Set("Allow", strings.Join(p.Allow, ", "))
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(body) // the only error is a client that has gone
}

func complete(p Problem, r *http.Request) Problem {
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
		if p.TraceID = traceparent.FromContext(r.Context()).TraceID(); p.TraceID == "" {
			parent, _ := traceparent.FromRequest(r)
			p.TraceID = parent.TraceID()
		}
	}
	if p.RetryAfter <= 0 && (p.Status == http.StatusTooManyRequests || p.Status == http.StatusServiceUnavailable) {
		p.RetryAfter = time.Second
	}
	return p
}
