package openapi_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"ordertally/shared/auth"
	"ordertally/shared/httpserver"
	"ordertally/shared/openapi"
)

func TestFilterOrAll(t *testing.T) {
	s := &openapi.Schema{Type: "object", AdditionalProperties: false, Properties: map[string]*openapi.Schema{"class": openapi.String(1, 0), "before": openapi.String(1, 0)}}
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
		`{}`: false, `{"all":false}`: false, `{"all":true}`: true, `{"class":"a"}`: true, `{"class":"a","before":"b"}`: true, `{"class":"a","all":false}`: true,
		`{"class":"a","all":true}`: false, `{"all":true,"before":"b"}`: false, `{"class":1}`: false, `{"all":"yes"}`: false,
	} {
		if err := schema.Validate(read(body)); (err == nil) != fits {
			t.Errorf("%s: %v, want fits %v", body, err, fits)
		}
	}
}

func TestWhatIsNotDescribedStopsTheProgram(t *testing.T) {
	route := httpserver.Route{Method: http.MethodGet, Path: "/v1/x/{id:[0-9]+}", Scope: auth.OrdersRead, Handler: func(http.ResponseWriter, *http.Request) {}}
	x := openapi.Operation{ID: "x", Summary: "X.", Answer: struct {
		A int `json:"a"`
	}{}}
	for name, operations := range map[string]map[string]openapi.Operation{
		"no description": {}, "a description of no route": {"GET /v1/x/{id:[0-9]+}": x, "GET /v1/y": x},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s was taken", name)
				}
			}()
			openapi.Document("T", "", []httpserver.Route{route}, operations)
		}()
	}
	api := openapi.Document("T", "", []httpserver.Route{route, {Method: http.MethodGet, Path: "/", Scope: auth.Public}}, map[string]openapi.Operation{"GET /v1/x/{id:[0-9]+}": x})
	text := openapi.Text(api)
	for _, part := range []string{`"/v1/x/{id}"`, `"pattern":"^[0-9]+$"`, `"401"`, `"403"`, `"404"`, `"credential":["orders:read"]`, `"openapi":"3.1.0"`} {
		if !bytes.Contains(text, []byte(part)) {
			t.Errorf("the document has no %s: %s", part, text)
		}
	}
	if len(api.Paths) != 1 {
		t.Errorf("a public page is described: %v", api.Paths)
	}
}
