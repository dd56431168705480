package openapi

import (
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"ordertally/shared/web"
)

// Header is a header of an answer. An answer that lacks a Required one is a mistake in the program.
type Header struct {
	Name     string
	Says     string
	Required bool
	Schema   *Schema
}

// Cached is a Cache-Control header with one of those values.
func Cached(says string, values ...string) Header {
	return Header{Name: "Cache-Control", Says: says, Required: true, Schema: Enum(values...)}
}

// Fresh is the header of an answer that changes at any time.
func Fresh() []Header { return []Header{Cached("The answer changes at any time.", "no-store")} }

// FreshPage is the headers of a page of a list that changes at any time.
func FreshPage() []Header {
	return append(Fresh(), Header{Name: "Link", Says: "The next page, rel=next. Left out on the last one.",
		Schema: &Schema{Type: "string"}})
}

// Limit is the query parameter that [web.Limit] reads.
func Limit() Parameter {
	limit := Integer(1)
	limit.Maximum, limit.Default = new(float64(web.MaxLimit)), web.DefaultLimit
	return Parameter{Name: "limit", Says: "Maximum number of entries on the page.", Schema: limit}
}

// Cursor is the query parameter that says where a page starts.
func Cursor() Parameter {
	return Parameter{Name: "cursor", Says: "next_cursor of the previous page, with the same filters.",
		Schema: String(1, 0)}
}

// The headers of many answers. The document describes them once.
var common = []Header{
	// Any answer may have these two. They are not required, because limits are an operator's setting.
	{Name: "RateLimit-Policy", Says: "The rate limits, if there are any. Each has a name and allows q requests in " +
		"w seconds (draft-ietf-httpapi-ratelimit-headers-10).",
		Schema: &Schema{Type: "string", Examples: []any{`"caller";q=100;w=10`}}},
	{Name: "RateLimit", Says: "What the sender has left of each limit: r requests now, and all of them after t " +
		"seconds.",
		Schema: &Schema{Type: "string", Examples: []any{`"caller";r=99;t=1`}}},

	{Name: "Retry-After", Says: "Seconds to wait before the request is repeated.", Required: true,
		Schema: &Schema{Type: "integer", Format: "int32", Minimum: new(1.0), Examples: []any{2}}},
	challenge,
}

var challenge = Header{
	Name: "WWW-Authenticate", Says: "What is needed (RFC 6750): the scheme, why the credential was refused, the " +
		"missing scope.", Required: true,
	Schema: &Schema{Type: "string", Pattern: "^Bearer ",
		Examples: []any{`Bearer realm="ordertally", error="insufficient_scope", scope="orders:write"`}},
}

// ofProblems returns the headers of the problems with that status. Foreign says that a 403 may be a
// cross_origin_request, which no credential helps against.
func ofProblems(status int, foreign bool) map[string]*huma.Param {
	all := headers([]Header{Cached("A problem must not be cached.", "no-store")})
	switch status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		all["Retry-After"] = refer("Retry-After")
	case http.StatusUnauthorized:
		all["WWW-Authenticate"] = refer("WWW-Authenticate")
	case http.StatusForbidden:
		all["WWW-Authenticate"] = refer("WWW-Authenticate")
		if foreign {
			all["WWW-Authenticate"] = &huma.Header{Description: challenge.Says + " Left out of a cross_origin_request.",
				Schema: challenge.Schema}
		}
	}
	return all
}

// traceparent may be on every request. Its schema allows any string, because W3C Trace Context says that a malformed
// one is ignored.
var traceparent = Parameter{
	Name: "traceparent", Says: "The trace that the request is part of (W3C Trace Context). It goes on in the " +
		"message; one that is malformed is ignored.",
	Schema: &Schema{Type: "string", Examples: []any{"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}},
}

// IfNoneMatch is the parameter of an operation whose answer has an entity tag.
func IfNoneMatch() Parameter {
	return Parameter{
		Name: "If-None-Match", Says: "The ETag of an answer that you have. A 304 says that it still holds.",
		Schema: &Schema{Type: "string", Examples: []any{`"8c4f0b6de2d9a1f03b7c5a9e64d21f08"`}},
	}
}

// headers describes an answer's headers: its own and those of every answer.
func headers(own []Header) map[string]*huma.Param {
	all := describe(own)
	all["RateLimit-Policy"], all["RateLimit"] = refer("RateLimit-Policy"), refer("RateLimit")
	return all
}

func describe(list []Header) map[string]*huma.Param {
	all := make(map[string]*huma.Param, len(list))
	for _, h := range list {
		all[h.Name] = &huma.Header{Description: h.Says, Required: h.Required, Schema: h.Schema}
	}
	return all
}

const headerRef = "#/components/headers/"

func refer(name string) *huma.Param { return &huma.Header{Ref: headerRef + name} }

// HeadersOf returns the described headers of a response, with references resolved.
func HeadersOf(api *huma.OpenAPI, response *huma.Response) map[string]*huma.Param {
	all := make(map[string]*huma.Param, len(response.Headers))
	for name, h := range response.Headers {
		if h.Ref != "" {
			h = api.Components.Headers[strings.TrimPrefix(h.Ref, headerRef)]
		}
		all[name] = h
	}
	return all
}
