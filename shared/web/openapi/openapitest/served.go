package openapitest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"ordertally/shared/web/openapi"
)

// Served checks that a service serves the document at /openapi.json, shows each operation at /docs, and has a page for
// the code of each problem. It also checks that every schema is valid, every member has a description, and every
// example fits its schema.
func Served(t *testing.T, url string, api *huma.OpenAPI) {
	t.Helper()
	get := func(path, contentType string) []byte {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		body, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != contentType {
			t.Fatalf("GET %s: %s, %v, %v", path, response.Status, response.Header, err)
		}
		return body
	}
	text := get("/openapi.json", "application/json")
	if !bytes.Equal(text, openapi.Text(api)) {
		t.Error("another document is served")
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	html := string(get("/docs", "text/html; charset=utf-8"))
	if strings.Contains(html, "<script") || strings.Contains(html, "style=") {
		t.Error("the page has something that its policy forbids")
	}
	problems := string(get("/problems", "text/html; charset=utf-8"))
	for _, code := range api.Components.Schemas.Map()["ProblemCode"].Enum {
		path := fmt.Sprintf("/problems/%s", code)
		page := string(get(path, "text/html; charset=utf-8"))
		for _, part := range []string{"<h3>When</h3>", "What the client does", "What the operator does", "<code>" +
			fmt.Sprint(code) + "</code>"} {
			if !strings.Contains(page, part) {
				t.Errorf("%s has no %s", path, part)
			}
		}
		if !strings.Contains(problems, path+`"`) {
			t.Errorf("/problems does not lead to %s", path)
		}
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("openapi.json", document); err != nil {
		t.Fatal(err)
	}
	for name := range api.Components.Schemas.Map() {
		if _, err := compiler.Compile("openapi.json#/components/schemas/" + name); err != nil {
			t.Errorf("schema %s: %v", name, err)
		}
		if !strings.Contains(html, `id="schema-`+name+`"`) {
			t.Errorf("the page does not show the schema %s", name)
		}
	}
	described(t, api)
	examples(t, document, compiler)
	ids := map[string]bool{}
	for path, item := range api.Paths {
		for _, op := range openapi.OperationsOf(item) {
			if op.OperationID == "" || ids[op.OperationID] || op.Summary == "" {
				t.Errorf("%s: operation %q has no name of its own, or no summary", path, op.OperationID)
			}
			ids[op.OperationID] = true
			if !strings.Contains(html, `id="`+op.OperationID+`"`) {
				t.Errorf("the page does not show %s", op.OperationID)
			}
		}
	}
}
