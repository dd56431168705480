package openapitest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"ordertally/shared/auth"
	"ordertally/shared/web"
	"ordertally/shared/web/openapi"
	"ordertally/shared/web/openapi/openapitest"
	"ordertally/shared/web/problem"
)

// complaints records a check's errors instead of failing the test.
type complaints struct {
	testing.TB
	said []string
}

func (c *complaints) Errorf(format string, args ...any) {
	c.said = append(c.said, fmt.Sprintf(format, args...))
}

// Each answer differs from its description in one way.
func TestCheck_FindsWhatDiffersFromTheDescription(t *testing.T) {
	type answer struct {
		A int `json:"a"`
	}
	missing := problem.Kind{Status: http.StatusNotFound, Code: "missing", Says: "It is not there."}
	api := openapi.Document(openapi.API{
		Title: "T", Routes: []web.Route{{Method: http.MethodGet, Path: "/v1/x", Scope: auth.OrdersRead}},
		Operations: map[string]openapi.Operation{"GET /v1/x": {
			ID: "x", Summary: "X.", Answer: answer{}, Problems: []problem.Kind{missing},
			AnswerHeaders: []openapi.Header{openapi.Cached("Always.", "no-store"),
				{Name: "Location", Says: "Somewhere.", Required: true, Schema: openapi.String(1, 0)}},
			Replies: []openapi.Reply{{Status: http.StatusNotModified, Says: "The same."}},
		}},
	})
	good := func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Location", "/v1/y")
	}
	fails := func(kind problem.Kind) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, r *http.Request) { problem.Write(w, r, kind.New("")) }
	}
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter, *http.Request)
		says   string // "" for nothing
	}{
		"as described": {func(w http.ResponseWriter, _ *http.Request) { good(w); fmt.Fprint(w, `{"a":1}`) }, ""},
		"limits": {func(w http.ResponseWriter, _ *http.Request) {
			good(w)
			w.Header().Set("RateLimit", `"caller";r=1;t=1`)
			w.Header().Set("RateLimit-Policy", `"caller";q=1;w=1`)
			fmt.Fprint(w, `{"a":1}`)
		}, ""},
		"a status": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) },
			"the status is not described"},
		"a member of another type": {func(w http.ResponseWriter,
			_ *http.Request) {
			good(w)
			fmt.Fprint(w, `{"a":"1"}`)
		}, "does not fit its schema"},
		"a header that is not there": {func(w http.ResponseWriter, _ *http.Request) {
			good(w)
			w.Header().Del("Location")
			fmt.Fprint(w, `{"a":1}`)
		}, "the header Location is missing"},
		"a header of another value": {func(w http.ResponseWriter, _ *http.Request) {
			good(w)
			w.Header().Set("Cache-Control", "public")
			fmt.Fprint(w, `{"a":1}`)
		}, "the header Cache-Control"},
		"a header more": {func(w http.ResponseWriter, _ *http.Request) {
			good(w)
			w.Header().Set("ETag", `"x"`)
			fmt.Fprint(w, `{"a":1}`)
		}, "the header ETag is not described"},
		"one on an answer without a body": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("ETag", `"x"`)
			w.WriteHeader(http.StatusNotModified)
		}, "the header ETag is not described"},
		"a problem as described": {fails(missing), ""},
		"a code of another status": {fails(problem.Kind{Status: http.StatusNotFound, Code: "rate_limited"}),
			`the code "rate_limited" is not described`},
		"a code of nothing": {fails(problem.Kind{Status: http.StatusNotFound, Code: "gone"}),
			"does not fit its schema"},
		"a 401 without a challenge": {fails(auth.KindUnauthenticated), "the header WWW-Authenticate is missing"},
		"a limit with its own header": {fails(problem.Kind{Status: http.StatusTooManyRequests, Code: "rate_limited"}),
			""},
	} {
		said := &complaints{TB: t}
		openapitest.Check(said, api, http.HandlerFunc(c.answer)).ServeHTTP(httptest.NewRecorder(),
			httptest.NewRequest(http.MethodGet, "/v1/x", nil))
		switch all := strings.Join(said.said, "\n"); {
		case c.says == "" && all != "":
			t.Errorf("%s: %s", name, all)
		case c.says != "" && (len(said.said) != 1 || !strings.Contains(all, c.says)):
			t.Errorf("%s: said %q, want %q", name, all, c.says)
		}
	}
}
