// Package openapitest checks an API's answers against its OpenAPI document.
package openapitest

import (
	"bytes"
	"iter"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"ordertally/shared/web/openapi"
	"ordertally/shared/web/problem"
)

// Check returns a handler that answers as next does. It fails the test when an answer does not fit the description of
// its operation: status, content type, headers, problem codes and JSON. It ignores requests for other paths.
func Check(t testing.TB, api *huma.OpenAPI, next http.Handler) http.Handler {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(openapi.Text(api)))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("openapi.json", document); err != nil {
		t.Fatal(err)
	}
	c := &checker{t: t, api: api, next: next, compiler: compiler, schemas: map[string]*jsonschema.Schema{},
		fields: map[*openapi.Schema]*jsonschema.Schema{}}
	for path, item := range api.Paths {
		pattern := regexp.MustCompile("^" +
			regexp.MustCompile(`\\\{[^}]*\\\}`).ReplaceAllString(regexp.QuoteMeta(path), "[^/]+") + "$")
		for method, op := range openapi.OperationsOf(item) {
			c.operations = append(c.operations, operation{op, method, path, pattern})
			if method == http.MethodGet {
				c.operations = append(c.operations, operation{op, http.MethodHead, path, pattern})
			}
		}
	}
	return c
}

type operation struct {
	*huma.Operation
	method, path string
	pattern      *regexp.Regexp
}

type checker struct {
	t          testing.TB
	api        *huma.OpenAPI
	next       http.Handler
	operations []operation

	mu       sync.Mutex
	compiler *jsonschema.Compiler
	schemas  map[string]*jsonschema.Schema
	fields   map[*openapi.Schema]*jsonschema.Schema // of headers
}

// ServeHTTP implements http.Handler.
func (c *checker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	seen := &answer{ResponseWriter: w}
	c.next.ServeHTTP(seen, r)
	op := c.find(r)
	if op == nil || seen.status == 0 || seen.status == http.StatusMethodNotAllowed {
		return
	}
	name := r.Method + " " + op.path + " " + strconv.Itoa(seen.status)
	described := openapi.ResponseOf(c.api, op.Operation, strconv.Itoa(seen.status))
	if described == nil {
		c.t.Errorf("%s: the status is not described: %s", name, &seen.body)
		return
	}
	c.headers(name, described, w.Header())
	if len(described.Content) == 0 || r.Method == http.MethodHead {
		return
	}
	media, _, _ := mime.ParseMediaType(w.Header().Get("Content-Type"))
	content := described.Content[media]
	if content == nil {
		c.t.Errorf("%s: the content type %q is not described", name, media)
		return
	}
	if !strings.HasSuffix(media, "json") || strings.HasSuffix(media, "ndjson") && content.Schema.Type == "string" {
		return
	}
	var value any
	for text := range answersOf(media, seen.body.Bytes()) {
		var err error
		if value, err = jsonschema.UnmarshalJSON(bytes.NewReader(text)); err == nil {
			err = c.schema(op, seen.status, media).Validate(value)
		}
		if err != nil {
			c.t.Errorf("%s: the answer does not fit its schema: %v", name, err)
			return
		}
	}
	if media == problem.ContentType {
		c.code(name, described, value)
	}
}

// answersOf returns the values of an answer: one, or one a line.
func answersOf(media string, body []byte) iter.Seq[[]byte] {
	if strings.HasSuffix(media, "ndjson") {
		return bytes.Lines(body)
	}
	return slices.Values([][]byte{body})
}

// code checks that the status lists the problem's code.
func (c *checker) code(name string, described *huma.Response, value any) {
	object, _ := value.(map[string]any)
	code, _ := object["code"].(string)
	if listed, _ := described.Extensions[openapi.CodesOf].([]string); !slices.Contains(listed, code) {
		c.t.Errorf("%s: the code %q is not described, only %v", name, code, listed)
	}
}

// find prefers the operation with the fewest variables.
func (c *checker) find(r *http.Request) *operation {
	var best *operation
	for i := range c.operations {
		op := &c.operations[i]
		if op.method == r.Method && op.pattern.MatchString(r.URL.Path) &&
			(best == nil || strings.Count(op.path, "{") < strings.Count(best.path, "{")) {
			best = op
		}
	}
	return best
}

func (c *checker) schema(op *operation, status int, media string) *jsonschema.Schema {
	escape := strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D", "+", "%2B").Replace
	method := strings.ToLower(op.method)
	if op.method == http.MethodHead {
		method = "get"
	}
	at := "openapi.json#/paths/" + escape(op.path) + "/" + method + "/responses/" + strconv.Itoa(status)
	if ref := op.Responses[strconv.Itoa(status)].Ref; ref != "" {
		at = "openapi.json" + ref
	}
	at += "/content/" + escape(media) + "/schema"
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.schemas[at] == nil {
		schema, err := c.compiler.Compile(at)
		if err != nil {
			panic(at + ": " + err.Error())
		}
		c.schemas[at] = schema
	}
	return c.schemas[at]
}

// answer records what was written.
type answer struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= http.StatusOK {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(b []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	a.body.Write(b)
	return a.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
