package openapi

import (
	"net/http"
	"strconv"

	"ordertally/shared/auth"
	"ordertally/shared/web"
)

// Routes returns /openapi.json, the document; /docs, a page that shows it; and a page for each code of a problem, with
// a list of them. All are public, as the source is.
func Routes(a API) []web.Route {
	d := describeAPI(a)
	text, html := Text(d.api), render(d.api)
	return append(problemRoutes(shownProblem{API: d.api.Info.Title, Documented: true}, d.answered), []web.Route{
		{Method: http.MethodGet, Path: "/openapi.json", Scope: auth.Public,
			Handler: func(w http.ResponseWriter, _ *http.Request) {
				h := w.Header()
				h.Set("Content-Type", "application/json")
				h.Set("Content-Length", strconv.Itoa(len(text)))
				h.Set("Cache-Control", "no-cache") // the next release changes it
				h.Set("X-Content-Type-Options", "nosniff")
				_, _ = w.Write(text) // fails only if the client has disconnected
			}},
		{Method: http.MethodGet, Path: "/docs", Scope: auth.Public, Handler: servePage(html)},
	}...)
}
