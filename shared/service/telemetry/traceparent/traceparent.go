// Package traceparent reads the W3C Trace Context header that ties a request, its message and its log lines together.
//
// It makes no spans; package tracing does.
package traceparent

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
)

// Header is the header's name, in HTTP requests and (in lower case) in messages.
const Header = "traceparent"

// Length of a version 00 header: "00-" + 32 + "-" + 16 + "-" + 2.
const size = 55

// Parent is a valid traceparent. The zero value is no trace.
type Parent struct {
	text string
}

// Parse reads a traceparent. It reports false for anything that the W3C recommendation calls invalid: upper case, ids
// of zeros only, version ff, a version 00 of another length. Of a later version the part that version 00 knows is kept,
// marked as version 00.
func Parse(text string) (Parent, bool) {
	if len(text) < size || text[2] != '-' || text[35] != '-' || text[52] != '-' {
		return Parent{}, false
	}
	version, trace, span, flags := text[:2], text[3:35], text[36:52], text[53:55]
	if !lowerHex(version) || !lowerHex(trace) || !lowerHex(span) || !lowerHex(flags) ||
		version == "ff" || strings.Trim(trace, "0") == "" || strings.Trim(span, "0") == "" {
		return Parent{}, false
	}
	if len(text) > size && (version == "00" || text[size] != '-') {
		return Parent{}, false
	}
	return Parent{text: "00" + text[2:size]}, true
}

// FromRequest reads the request's header. It reports false when there is none, more than one, or an invalid one.
func FromRequest(r *http.Request) (Parent, bool) {
	values := r.Header.Values(Header)
	if len(values) != 1 {
		return Parent{}, false
	}
	return Parse(values[0])
}

// String is the header's value, at most version 00; empty for no trace.
func (p Parent) String() string { return p.text }

// TraceID is the trace's 32 hexadecimal digits; empty for no trace.
func (p Parent) TraceID() string {
	if p.text == "" {
		return ""
	}
	return p.text[3:35]
}

// Sampled reports whether the trace is recorded by whoever began it.
func (p Parent) Sampled() bool { return p.text != "" && strings.IndexByte("13579bdf", p.text[54]) >= 0 }

// New makes the trace of a request that came without one, not sampled. Its ids are unique, and no secret.
func New() Parent {
	return Parent{text: fmt.Sprintf("00-%016x%016x-%016x-00", rand.Uint64(), rand.Uint64()|1, rand.Uint64()|1)} //nolint:gosec // G404: see above
}

type contextKey struct{}

// With returns a context in which FromContext finds p.
func With(ctx context.Context, p Parent) context.Context {
	return context.WithValue(ctx, contextKey{}, p)
}

// FromContext returns the trace that a request is part of, the zero Parent when nobody said.
func FromContext(ctx context.Context) Parent {
	p, _ := ctx.Value(contextKey{}).(Parent)
	return p
}

func lowerHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
