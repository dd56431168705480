package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gorilla/mux"

	"ordertally/shared/web/problem"
)

// Route is one line of a route table. Path is a gorilla/mux template such as /v1/orders/{id}. A handler reads its
// variables, decoded, with r.PathValue("id").
type Route struct {
	Method string
	Path   string
	// Scope is the scope that a caller needs. The router ignores it; auth.Guard.Protect checks it.
	Scope   string
	Handler http.HandlerFunc
}

// Router answers requests by a flat table of routes.
//
//   - A path without a route is a 404 problem.
//   - A path with routes, but none of this method, is a 405 problem with Allow. A route for GET answers HEAD too.
//     OPTIONS is a method like any other: there is no CORS.
//   - A path is taken as it was sent. One with an empty, "." or ".." segment or an encoded slash is a 404, never a
//     redirect. A redirect would turn a POST into a GET and give one resource several names. For the same reason a path
//     with a trailing slash is another path.
//
// If two templates match a path, the first in the table wins, whatever the methods.
//
// Each path is one gorilla/mux route without a method matcher, because mux 1.8.1 loses a 405 across sub-routers and
// never sets Allow.
type Router struct {
	mux *mux.Router
	// plain has the resources whose templates have no variables, as mux finds them.
	plain map[string]http.Handler
}

// NewRouter builds the router. It panics on a malformed template, a method that a path has twice, or a missing handler:
// like a regular expression, a route table is part of the program.
func NewRouter(routes []Route) *Router {
	m := mux.NewRouter().SkipClean(true) // plainPath refuses unclean paths
	resources := make(map[string]*resource)
	for _, route := range routes {
		if route.Handler == nil || route.Method == "" {
			panic(fmt.Sprintf("route %q %q has no method or no handler", route.Method, route.Path))
		}
		res := resources[route.Path]
		if res == nil {
			res = &resource{template: route.Path, methods: make(map[string]http.HandlerFunc)}
			resources[route.Path] = res
			if err := m.Handle(route.Path, res).GetError(); err != nil {
				panic(fmt.Sprintf("route %q %q: %v", route.Method, route.Path, err))
			}
		}
		if res.methods[route.Method] != nil {
			panic(fmt.Sprintf("route %q %q is there twice", route.Method, route.Path))
		}
		res.methods[route.Method] = route.Handler
	}
	for _, res := range resources {
		res.finish()
	}
	plain := map[string]http.Handler{}
	for path := range resources {
		var match mux.RouteMatch
		r := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: path}}
		if !strings.Contains(path, "{") && m.Match(r, &match) && len(match.Vars) == 0 {
			plain[path] = match.Handler
		}
	}
	return &Router{mux: m, plain: plain}
}

// ServeHTTP answers one request.
func (rt *Router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !plainPath(r) {
		notFound(w, r)
		return
	}
	if plain := rt.plain[r.URL.Path]; plain != nil && r.URL.RawPath == "" {
		plain.ServeHTTP(w, r)
		return
	}
	// mux.Router.ServeHTTP would copy the request twice.
	var match mux.RouteMatch
	if !rt.mux.Match(r, &match) {
		notFound(w, r)
		return
	}
	for name, value := range match.Vars {
		r.SetPathValue(name, value)
	}
	match.Handler.ServeHTTP(w, r)
}

func notFound(w http.ResponseWriter, r *http.Request) { problem.Write(w, r, problem.NotFound()) }

// plainPath reports whether the path can be read in one way only.
func plainPath(r *http.Request) bool {
	path := r.URL.Path
	if !strings.HasPrefix(path, "/") { // "*" and CONNECT's authority
		return false
	}
	if strings.Contains(strings.ToLower(r.URL.RawPath), "%2f") {
		return false
	}
	for rest, more := path[1:], true; more; {
		var segment string
		segment, rest, more = strings.Cut(rest, "/")
		if segment == "." || segment == ".." || segment == "" && more { // "/" and a trailing slash end in an empty one
			return false
		}
	}
	return true
}

// resource is one path of the table, with all its methods.
type resource struct {
	template string
	methods  map[string]http.HandlerFunc
	allow    []string // sorted
}

func (res *resource) finish() {
	if get := res.methods[http.MethodGet]; get != nil && res.methods[http.MethodHead] == nil {
		res.methods[http.MethodHead] = get // net/http drops the body
	}
	for method := range res.methods {
		res.allow = append(res.allow, method)
	}
	slices.Sort(res.allow)
}

func (res *resource) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	exchangeOf(r.Context()).route = res.template
	handler := res.methods[r.Method]
	if handler == nil {
		problem.Write(w, r, problem.MethodNotAllowed(res.allow...))
		return
	}
	handler(w, r)
}
