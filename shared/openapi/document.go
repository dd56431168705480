// Package openapi makes the OpenAPI 3.1 document of an HTTP API from its table of routes and from the Go types that its handlers
// marshal, and serves it. It serves nothing else: the handlers are the service's own.
package openapi

import (
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json/jsontext"

	"ordertally/shared/auth"
	"ordertally/shared/httpserver"
	"ordertally/shared/problem"
)

// Schema is a JSON Schema, of the draft that OpenAPI 3.1 uses (2020-12).
type Schema = huma.Schema

// Operation describes one route.
type Operation struct {
	ID          string // lower camel case; the name of a generated client's method
	Summary     string // one line
	Description string
	Query       []Parameter
	Headers     []Parameter // of the request
	Path        map[string]*Schema
	// Body is a value of the type that the request's JSON has, a *Schema or a Named; nil for none.
	Body any
	// Status of success, default 200, and what it answers: a value of the type that is marshalled, or a *Schema. Its content type is
	// Media, default application/json.
	Status  int
	Answer  any
	Media   string
	Replies []Reply // other successes
	// AnswerHeaders are those of the success that a client may need, with what they say.
	AnswerHeaders map[string]string
	// Refusals are the statuses of problems besides those that follow from the rest of the description.
	Refusals []int
}

// Reply is a success without a body, such as 304.
type Reply struct {
	Status int
	Says   string
}

// Parameter is one of a query or a header.
type Parameter struct {
	Name     string
	Says     string
	Required bool
	Schema   *Schema
}

// Document makes the document of an API. It panics when a route that needs a scope is not described, or what is described is no
// route: both are a mistake in the program.
func Document(title, says string, routes []httpserver.Route, operations map[string]Operation) *huma.OpenAPI {
	huma.DefaultArrayNullable = false // the handlers marshal an empty list as []
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	registry.RegisterTypeAlias(reflect.TypeFor[jsontext.Value](), reflect.TypeFor[json.RawMessage]())
	registry.RegisterTypeAlias(reflect.TypeFor[big.Int](), reflect.TypeFor[integer]())
	d := &document{registry: registry, api: &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info:    &huma.Info{Title: title, Version: "1", Description: says, License: &huma.License{Name: "see LICENSE"}},
		Paths:   map[string]*huma.PathItem{},
		Components: &huma.Components{Schemas: registry, SecuritySchemes: map[string]*huma.SecurityScheme{
			credential: {Type: "http", Scheme: "bearer", Description: "An API key, or a token of the configured OpenID Connect issuer."},
		}},
	}}
	left := len(operations)
	for i := range routes {
		route := &routes[i]
		op, known := operations[route.Method+" "+route.Path]
		if !known && route.Scope == auth.Public {
			continue // pages and their files
		}
		if !known {
			panic(fmt.Sprintf("route %s %s is not described", route.Method, route.Path))
		}
		left--
		d.add(route, &op)
	}
	if left != 0 {
		panic(fmt.Sprintf("%d operations of %s are no routes", left, title))
	}
	return d.api
}

// credential is the name of the security scheme.
const credential = "credential"

type document struct {
	registry huma.Registry
	api      *huma.OpenAPI
}

// variable is a part of a path that varies, with the pattern it may have.
var variable = regexp.MustCompile(`\{([^}:]+)(?::([^}]*))?\}`)

func (d *document) add(route *httpserver.Route, op *Operation) {
	path := variable.ReplaceAllString(route.Path, "{$1}")
	item := d.api.Paths[path]
	if item == nil {
		item = &huma.PathItem{}
		d.api.Paths[path] = item
	}
	made := &huma.Operation{
		OperationID: op.ID, Summary: op.Summary, Description: strings.TrimSpace(op.Description), Responses: map[string]*huma.Response{},
		Security: []map[string][]string{{credential: {route.Scope}}},
	}
	if route.Scope == auth.Public {
		made.Security = []map[string][]string{}
	}
	refusals := append([]int{
		http.StatusBadRequest, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable,
	}, op.Refusals...)
	if route.Scope != auth.Public {
		refusals = append(refusals, http.StatusUnauthorized, http.StatusForbidden)
	}
	for _, found := range variable.FindAllStringSubmatch(route.Path, -1) {
		schema := op.Path[found[1]]
		if schema == nil {
			schema = &Schema{Type: "string", MinLength: new(1)}
		}
		if found[2] != "" {
			schema = &Schema{Type: "string", Pattern: "^" + found[2] + "$"}
		}
		made.Parameters = append(made.Parameters, &huma.Param{Name: found[1], In: "path", Required: true, Schema: schema})
		refusals = append(refusals, http.StatusNotFound)
	}
	add := func(in string, list []Parameter) {
		for _, p := range list {
			made.Parameters = append(made.Parameters, &huma.Param{Name: p.Name, In: in, Description: p.Says, Required: p.Required, Schema: p.Schema})
		}
	}
	add("query", op.Query)
	add("header", op.Headers)
	if op.Body != nil {
		made.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: d.schema(op.Body)}}}
		refusals = append(refusals, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity)
	}
	d.answers(made, op, refusals)
	switch route.Method {
	case http.MethodGet:
		item.Get = made
	case http.MethodPost:
		item.Post = made
	default:
		panic("method " + route.Method + " is not described by this package")
	}
}

func (d *document) answers(made *huma.Operation, op *Operation, refusals []int) {
	status, media := op.Status, op.Media
	if status == 0 {
		status = http.StatusOK
	}
	if media == "" {
		media = "application/json"
	}
	success := &huma.Response{Description: http.StatusText(status), Content: map[string]*huma.MediaType{media: {Schema: d.schema(op.Answer)}}}
	for name, says := range op.AnswerHeaders {
		if success.Headers == nil {
			success.Headers = map[string]*huma.Param{}
		}
		success.Headers[name] = &huma.Header{Description: says, Schema: &Schema{Type: "string"}}
	}
	made.Responses[strconv.Itoa(status)] = success
	for _, reply := range op.Replies {
		made.Responses[strconv.Itoa(reply.Status)] = &huma.Response{Description: reply.Says}
	}
	for _, status := range refusals {
		refusal := &huma.Response{
			Description: http.StatusText(status), Content: map[string]*huma.MediaType{problem.ContentType: {Schema: d.schema(problem.Problem{})}},
		}
		if status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests {
			refusal.Headers = map[string]*huma.Param{"Retry-After": {Description: "Seconds to wait.", Schema: &Schema{Type: "integer", Minimum: new(0.0)}}}
		}
		made.Responses[strconv.Itoa(status)] = refusal
	}
}

// schema is that of a value's type, by its name when it has one.
func (d *document) schema(value any) *Schema {
	switch value := value.(type) {
	case nil:
		return &Schema{}
	case *Schema:
		return value
	case Named:
		return d.named(value)
	}
	t := reflect.TypeOf(value)
	if t.Kind() == reflect.Struct && t.Name() == "" {
		return huma.SchemaFromType(d.registry, t)
	}
	return d.registry.Schema(t, true, t.Name())
}

// Named is a schema written by hand that has a name in the document, and so in clients made of it. Parts are schemas that it refers to as
// Ref has it.
type Named struct {
	Name   string
	Schema *Schema
	Parts  []Named
}

// Ref refers to a schema by its name.
func Ref(name string) *Schema { return &Schema{Ref: "#/components/schemas/" + name} }

func (d *document) named(n Named) *Schema {
	for _, part := range n.Parts {
		d.named(part)
	}
	if before, there := d.registry.Map()[n.Name]; there && !reflect.DeepEqual(before, n.Schema) {
		panic(fmt.Sprintf("two schemas are called %s", n.Name))
	}
	d.registry.Map()[n.Name] = n.Schema
	return Ref(n.Name)
}

// Text returns the document as JSON.
func Text(api *huma.OpenAPI) []byte {
	text, err := json.Marshal(api)
	if err != nil {
		panic(fmt.Sprintf("OpenAPI document of %s: %v", api.Info.Title, err)) // it is part of the program
	}
	return text
}

// Integer is the schema of a whole number in JSON, of any size from low on.
func Integer(low float64) *Schema { return &Schema{Type: "integer", Minimum: &low} }

// String is the schema of a text with bounds in characters, 0 for none.
func String(least, most int) *Schema {
	s := &Schema{Type: "string"}
	if least > 0 {
		s.MinLength = &least
	}
	if most > 0 {
		s.MaxLength = &most
	}
	return s
}

// Enum is the schema of one of some texts.
func Enum[T ~string](values ...T) *Schema {
	s := &Schema{Type: "string"}
	for _, v := range values {
		s.Enum = append(s.Enum, string(v))
	}
	return s
}

// FilterOrAll makes s the schema of a request that names at least one of those members or says "all": true, and not both.
func FilterOrAll(s *Schema, filter ...string) {
	s.Properties["all"] = &Schema{Type: "boolean", Description: "Whoever means all has to say so."}
	named := &Schema{}
	for _, name := range filter {
		named.AnyOf = append(named.AnyOf, &Schema{Required: []string{name}})
	}
	all := func(means bool) map[string]*Schema { return map[string]*Schema{"all": {Const: means}} }
	s.OneOf = []*Schema{
		{AnyOf: named.AnyOf, Properties: all(false)},
		{Required: []string{"all"}, Properties: all(true), Not: named},
	}
}

// integer stands in for big.Int, which reflection takes for a text.
type integer struct{}

// Schema implements huma.SchemaProvider.
func (integer) Schema(huma.Registry) *Schema { return &Schema{Type: "integer"} }
