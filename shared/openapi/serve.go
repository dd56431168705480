package openapi

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"ordertally/shared/auth"
	"ordertally/shared/httpserver"
	"ordertally/shared/webpage"
)

//go:embed page.html
var pageHTML string

var page = template.Must(template.New("page").Parse(pageHTML))

// Routes are /openapi.json, the document, and /docs, a page that shows it. Both are public: they tell what the source tells.
func Routes(api *huma.OpenAPI) []httpserver.Route {
	text, html := Text(api), render(api)
	return []httpserver.Route{
		{Method: http.MethodGet, Path: "/openapi.json", Scope: auth.Public, Handler: func(w http.ResponseWriter, _ *http.Request) {
			h := w.Header()
			h.Set("Content-Type", "application/json")
			h.Set("Content-Length", strconv.Itoa(len(text)))
			h.Set("Cache-Control", "no-cache") // the next release changes it
			h.Set("X-Content-Type-Options", "nosniff")
			_, _ = w.Write(text) // the only error is a client that has gone
		}},
		{Method: http.MethodGet, Path: "/docs", Scope: auth.Public, Handler: func(w http.ResponseWriter, _ *http.Request) { webpage.Write(w, html) }},
	}
}

// shown is an operation on the page.
type shown struct {
	*huma.Operation
	Method, Path, Scope string
	Body, Answer        string // what the JSON is, for people
	Statuses            []string
}

func render(api *huma.OpenAPI) []byte {
	var list []shown
	for path, item := range api.Paths {
		for method, op := range map[string]*huma.Operation{http.MethodGet: item.Get, http.MethodPost: item.Post} {
			if op == nil {
				continue
			}
			s := shown{Operation: op, Method: method, Path: path}
			if len(op.Security) > 0 {
				s.Scope = op.Security[0][credential][0]
			}
			if op.RequestBody != nil {
				s.Body = nameOf(op.RequestBody.Content)
			}
			for status, answer := range op.Responses {
				s.Statuses = append(s.Statuses, status)
				if strings.HasPrefix(status, "2") {
					s.Answer = nameOf(answer.Content)
				}
			}
			slices.Sort(s.Statuses)
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b shown) int { return strings.Compare(a.Path+" "+a.Method, b.Path+" "+b.Method) })
	var html bytes.Buffer
	err := page.Execute(&html, struct {
		Title, Says string
		Operations  []shown
		Schemas     map[string]*Schema
	}{api.Info.Title, api.Info.Description, list, api.Components.Schemas.Map()})
	if err != nil {
		panic("page of " + api.Info.Title + ": " + err.Error()) // it is part of the program
	}
	return html.Bytes()
}

// nameOf is the name of the schema of a body, or its type.
func nameOf(content map[string]*huma.MediaType) string {
	for media, m := range content {
		if _, name, ok := strings.Cut(m.Schema.Ref, "schemas/"); ok {
			return name
		}
		return media
	}
	return ""
}
