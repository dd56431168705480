// Package openapi makes and serves the OpenAPI 3.1 document of an HTTP API. Its sources are the table of routes, the
// kinds of problems and the Go types that the handlers marshal. The handlers are the service's own.
package openapi

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json/jsontext"

	"ordertally/shared/auth"
	"ordertally/shared/uuidv7"
	"ordertally/shared/web"
	"ordertally/shared/web/problem"
)

// API is what a document is made from.
type API struct {
	Title, Says string
	Routes      []web.Route
	Operations  map[string]Operation // by method and path
	Closed      []Closed             // sets of values that fields may have
	Problems    []problem.Kind       // of any operation, besides those of the shared packages
	Rules       []string             // the codes in a problem's errors; nil if any code may be there
}

// marshalAsWeDo tells huma that the handlers marshal an empty list as []. It sets a global variable of huma, so it runs
// once, however many documents are made at a time.
var marshalAsWeDo = sync.OnceFunc(func() { huma.DefaultArrayNullable = false })

// Document makes the document of an API. It leaves out what it cannot describe; [Check] reports that.
func Document(a API) *huma.OpenAPI {
	d := describeAPI(a)
	return d.api
}

// Problems returns the kinds of problems that an API answers with, sorted by code. Several kinds may have one code.
func Problems(a API) []problem.Kind { return describeAPI(a).answered }

// Check returns what is wrong with the description of an API, such as a route with a scope that is not described. Each
// API calls it in a test, because such a mistake must not keep the service from starting.
func Check(a API) error { return errors.Join(describeAPI(a).faults...) }

func describeAPI(a API) *document {
	marshalAsWeDo()
	registry := huma.NewMapRegistry(schemaRef, huma.DefaultSchemaNamer)
	registry.RegisterTypeAlias(reflect.TypeFor[jsontext.Value](), reflect.TypeFor[json.RawMessage]())
	registry.RegisterTypeAlias(reflect.TypeFor[big.Int](), reflect.TypeFor[integer]())
	registry.RegisterTypeAlias(reflect.TypeFor[uuidv7.ID](), reflect.TypeFor[id]())
	for _, set := range a.Closed {
		registry.RegisterTypeAlias(set.of, set.stands)
		registry.Map()[set.name] = set.schema
	}
	d := &document{registry: registry, problems: a.Problems, told: map[reflect.Type]bool{}, api: &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{Title: a.Title, Version: "1", Description: a.Says + "\n\n" + conventions,
			License: &huma.License{Name: "Apache License 2.0", Identifier: "Apache-2.0"}},
		Paths: map[string]*huma.PathItem{},
		Components: &huma.Components{Schemas: registry, Headers: describe(common),
			Responses: map[string]*huma.Response{}, SecuritySchemes: map[string]*huma.SecurityScheme{
				credential: {Type: "http", Scheme: "bearer",
					Description: "An API key, or a token of the configured OpenID Connect issuer. " + open},
			}},
	}}
	described := map[string]bool{}
	for _, path := range slices.Sorted(maps.Keys(a.Operations)) {
		op := a.Operations[path]
		route := find(a.Routes, path, op.Of)
		if route == nil {
			d.fault("%s is described but is no route", path)
			continue
		}
		d.add(route, path, &op)
		described[route.Method+" "+route.Path] = true
	}
	for i := range a.Routes {
		// public routes are pages and their files
		if name := a.Routes[i].Method + " " + a.Routes[i].Path; !described[name] && a.Routes[i].Scope != auth.Public {
			d.fault("route %s is not described", name)
		}
	}
	d.listCodes(a.Rules)
	for name, s := range registry.Map() {
		leaveOutNull(s)
		for member, of := range s.Properties {
			if of.Description == "" {
				d.fault("%s.%s has no text: write a comment to its field and run make generate", name, member)
			}
		}
	}
	return d
}

// The rules of all operations.
const (
	conventions = "Errors are application/problem+json (RFC 9457) with a `code` by which clients tell them apart. " +
		"Each " +
		"status of an operation lists the codes that it may have. " +
		"Any path may also answer `not_found` (404: there is no such path) and `method_not_allowed` (405, with " +
		"Allow). A request that is not HTTP gets a 400 in plain text, and one with too large a header a 431.\n\nHEAD " +
		"is answered wherever GET is. Members may be added to answers; " +
		"texts for people may change.\n\n" + open

	// The document says that a credential is needed and does not offer "none" as well. So generated clients have a
	// place for it, and API scanners check that it is asked for. Where none is needed, sending one does no harm.
	open = "A service without keys and without an issuer listens on loopback only, unless it was told otherwise. " +
		"There nobody needs a credential, and one that is sent is ignored."
)

const mediaJSON = "application/json"

// credential is the name of the security scheme.
const credential = "credential"

type document struct {
	registry huma.Registry
	api      *huma.OpenAPI
	problems []problem.Kind
	answered []problem.Kind        // by code, once the document is made
	faults   []error               // in the description
	told     map[reflect.Type]bool // whose fields are described
}

func (d *document) fault(format string, args ...any) {
	d.faults = append(d.faults, fmt.Errorf(format, args...))
}

// find returns the route that is described as path; nil for none. If path has a value in place of a variable, of names
// the route.
func find(routes []web.Route, path, of string) *web.Route {
	if of == "" {
		of = path
	}
	for i := range routes {
		if routes[i].Method+" "+routes[i].Path == of {
			return &routes[i]
		}
	}
	return nil
}

// variable matches a variable of a path template, with its pattern if it has one.
var variable = regexp.MustCompile(`\{([^}:]+)(?::([^}]*))?\}`)

func (d *document) add(route *web.Route, described string, op *Operation) {
	template := strings.TrimPrefix(described, route.Method+" ")
	path := variable.ReplaceAllString(template, "{$1}")
	item := d.api.Paths[path]
	if item == nil {
		item = &huma.PathItem{}
		d.api.Paths[path] = item
	}
	made := &huma.Operation{
		OperationID: op.ID, Summary: op.Summary, Description: strings.TrimSpace(op.Description),
		Responses: map[string]*huma.Response{},
		Security:  []map[string][]string{{credential: {route.Scope}}},
	}
	if route.Scope == auth.Public {
		made.Security = []map[string][]string{}
	}
	for _, found := range variable.FindAllStringSubmatch(template, -1) {
		schema := op.Path[found[1]]
		if schema == nil {
			schema = &Schema{Type: "string", MinLength: new(1)}
		}
		if found[2] != "" {
			schema = &Schema{Type: "string", Pattern: "^" + found[2] + "$", Description: schema.Description}
		}
		plain := *schema
		plain.Description = "" // the parameter has it
		made.Parameters = append(made.Parameters,
			&huma.Param{Name: found[1], In: "path", Required: true, Description: schema.Description, Schema: &plain})
	}
	add := func(in string, list []Parameter) {
		for _, p := range list {
			made.Parameters = append(made.Parameters,
				&huma.Param{Name: p.Name, In: in, Description: p.Says, Required: p.Required, Schema: p.Schema})
		}
	}
	add("query", op.Query)
	add("header", append(slices.Clone(op.Headers), traceparent))
	if op.Body != nil {
		made.RequestBody = &huma.RequestBody{Required: !op.BodyOptional,
			Content: map[string]*huma.MediaType{
				cmp.Or(op.BodyMedia, mediaJSON): {Schema: d.schema(op.Body), Example: op.BodyExample}}}
	}
	d.answers(made, op)
	for status, response := range d.refusals(d.kinds(op, route, variable.MatchString(template))) {
		made.Responses[strconv.Itoa(status)] = response
	}
	switch route.Method {
	case http.MethodGet:
		item.Get = made
	case http.MethodPost:
		item.Post = made
	case http.MethodDelete:
		item.Delete = made
	default:
		d.fault("%s %s: this package describes GET, POST and DELETE only", route.Method, route.Path)
	}
}

func (d *document) answers(made *huma.Operation, op *Operation) {
	status, media := cmp.Or(op.Status, http.StatusOK), cmp.Or(op.Media, mediaJSON)
	made.Responses[strconv.Itoa(status)] = &huma.Response{
		Description: http.StatusText(status) + ".",
		Headers:     headers(op.AnswerHeaders),
	}
	if status != http.StatusNoContent {
		made.Responses[strconv.Itoa(status)].Content = map[string]*huma.MediaType{
			media: {Schema: d.schema(op.Answer), Example: op.AnswerExample},
		}
	}
	for _, reply := range op.Replies {
		made.Responses[strconv.Itoa(reply.Status)] = &huma.Response{Description: reply.Says,
			Headers: headers(reply.Headers)}
	}
}

// OperationsOf returns the described operations of a path, by method.
func OperationsOf(item *huma.PathItem) map[string]*huma.Operation {
	all := map[string]*huma.Operation{}
	for method, op := range map[string]*huma.Operation{http.MethodGet: item.Get, http.MethodPost: item.Post,
		http.MethodDelete: item.Delete} {
		if op != nil {
			all[method] = op
		}
	}
	return all
}

// schema returns the schema of a value's type, as a reference if the type has a name.
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
	s := d.registry.Schema(t, true, t.Name())
	d.describeFields()
	return s
}

func (d *document) named(n Named) *Schema {
	for _, part := range n.Parts {
		d.schema(part)
	}
	if before, there := d.registry.Map()[n.Name]; there && !reflect.DeepEqual(before, n.Schema) {
		d.fault("two schemas have the name %s", n.Name)
	}
	d.registry.Map()[n.Name] = n.Schema
	return Ref(n.Name)
}

// leaveOutNull makes a member that may be left out not nullable: a nil pointer is then left out, not written as null.
func leaveOutNull(s *Schema) {
	for name, member := range s.Properties {
		if member.Nullable && !slices.Contains(s.Required, name) {
			member.Nullable = false
		}
	}
}

// Text returns the document as JSON.
func Text(api *huma.OpenAPI) []byte {
	text, err := json.Marshal(api)
	if err != nil {
		panic(fmt.Sprintf("OpenAPI document of %s: %v", api.Info.Title, err)) // it is part of the program
	}
	return text
}
