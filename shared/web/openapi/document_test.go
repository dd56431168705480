package openapi_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"ordertally/shared/auth"
	"ordertally/shared/web"
	"ordertally/shared/web/openapi"
	"ordertally/shared/web/problem"
)

func TestFilterOrAll(t *testing.T) {
	s := &openapi.Schema{Type: "object", AdditionalProperties: false,
		Properties: map[string]*openapi.Schema{"class": openapi.String(1, 0), "before": openapi.String(1, 0)}}
	openapi.FilterOrAll(s, "class", "before")
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	read := func(text string) any {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("s.json", read(string(text))); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("s.json")
	if err != nil {
		t.Fatal(err)
	}
	for body, fits := range map[string]bool{
		`{}`: false, `{"all":false}`: false, `{"all":true}`: true, `{"class":"a"}`: true,
		`{"class":"a","before":"b"}`: true, `{"class":"a","all":false}`: true,
		`{"class":"a","all":true}`: false, `{"all":true,"before":"b"}`: false, `{"class":1}`: false,
		`{"all":"yes"}`: false,
	} {
		if err := schema.Validate(read(body)); (err == nil) != fits {
			t.Errorf("%s: %v, want fits %v", body, err, fits)
		}
	}
}

// A test of the API finds the route. It must not keep the service from starting.
func TestDocument_NamesWhatIsNotDescribedAndIsMadeAllTheSame(t *testing.T) {
	route := web.Route{Method: http.MethodGet, Path: "/v1/x/{id:[0-9]+}", Scope: auth.OrdersRead,
		Handler: func(http.ResponseWriter, *http.Request) {}}
	put := web.Route{Method: http.MethodPut, Path: "/v1/x/{id:[0-9]+}", Scope: auth.OrdersRead}
	x := openapi.Operation{ID: "x", Summary: "X.", Answer: struct {
		A int `json:"a" doc:"A number."`
	}{}}
	named := func(kind string) openapi.Operation {
		return openapi.Operation{Answer: openapi.Named{Name: "A", Schema: &openapi.Schema{Type: kind}}}
	}
	other := web.Route{Method: http.MethodGet, Path: "/v1/y", Scope: auth.OrdersRead}
	for name, c := range map[string]struct {
		routes     []web.Route
		operations map[string]openapi.Operation
	}{
		"route GET /v1/x/{id:[0-9]+} is not described": {[]web.Route{route}, nil},
		"GET /v1/y is described but is no route": {[]web.Route{route},
			map[string]openapi.Operation{"GET /v1/x/{id:[0-9]+}": x, "GET /v1/y": x}},
		"PUT /v1/x/{id:[0-9]+}: this package describes GET, POST and DELETE only": {[]web.Route{put},
			map[string]openapi.Operation{"PUT /v1/x/{id:[0-9]+}": x}},
		"two schemas have the name A": {[]web.Route{route, other},
			map[string]openapi.Operation{"GET /v1/x/{id:[0-9]+}": named("string"), "GET /v1/y": named("integer")}},
	} {
		api := openapi.API{Title: "T", Routes: c.routes, Operations: c.operations}
		if err := openapi.Check(api); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("found %v, want %q", err, name)
		}
		if len(openapi.Text(openapi.Document(api))) == 0 || len(openapi.Routes(api)) != 4 {
			t.Errorf("%s: no document", name)
		}
	}
	whole := openapi.API{Title: "T", Routes: []web.Route{route},
		Operations: map[string]openapi.Operation{"GET /v1/x/{id:[0-9]+}": x}}
	if err := openapi.Check(whole); err != nil {
		t.Errorf("all is described: %v", err)
	}
	one := x
	one.ID, one.Of = "one", "GET /v1/x/{id:[0-9]+}"
	api := openapi.Document(openapi.API{
		Title: "T", Routes: []web.Route{route, {Method: http.MethodGet, Path: "/", Scope: auth.Public}},
		Operations: map[string]openapi.Operation{"GET /v1/x/{id:[0-9]+}": x, "GET /v1/x/1": one},
	})
	text := openapi.Text(api)
	for _, part := range []string{
		`"/v1/x/{id}"`, `"/v1/x/1"`, `"pattern":"^[0-9]+$"`, `"401"`, `"403"`, `"404"`, `"credential":["orders:read"]`,
		`"openapi":"3.1.0"`, `"identifier":"Apache-2.0"`, `"name":"traceparent"`,
	} {
		if !bytes.Contains(text, []byte(part)) {
			t.Errorf("the document has no %s: %s", part, text)
		}
	}
	if len(api.Paths) != 2 {
		t.Errorf("a public page is described: %v", api.Paths)
	}
}

type colour string

// Fields of a closed set refer to it, and each status lists its codes.
func TestDocument_HasClosedSetsAndCodes(t *testing.T) {
	route := web.Route{Method: http.MethodGet, Path: "/v1/x", Scope: auth.OrdersRead}
	teapot := problem.Kind{Status: http.StatusTeapot, Code: "teapot", Says: "It is one."}
	api := openapi.Document(openapi.API{
		Title: "T", Routes: []web.Route{route}, Rules: []string{"short"},
		Closed: []openapi.Closed{openapi.ClosedSet[colour]("Red or blue.", "red", "blue")},
		Operations: map[string]openapi.Operation{
			"GET /v1/x": {ID: "x", Summary: "X.", Problems: []problem.Kind{teapot}, Answer: struct {
				Colour colour  `json:"colour" doc:"Its colour."`
				Maybe  *string `json:"maybe,omitempty"`
			}{}}},
	})
	text := string(openapi.Text(api))
	for _, part := range []string{
		`"colour":{"$ref":"#/components/schemas/Colour","description":"Its colour."}`, `"enum":["red","blue"]`,
		`"x-problem-codes":["teapot"]`, "- `teapot`: It is one.",
		`"enum":["insufficient_scope","internal","issuer_unavailable","method_not_allowed","misdirected_request",` +
			`"not_found","rate_limited","teapot","unauthenticated"]`, `"enum":["short"]`, `"maybe":{"type":"string"}`,
	} {
		if !strings.Contains(text, part) {
			t.Errorf("the document has no %s: %s", part, text)
		}
	}
}
