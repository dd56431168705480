package openapi

import "ordertally/shared/web/problem"

// Operation describes one route.
type Operation struct {
	ID          string // lower camel case; names the method of a generated client
	Summary     string // one line
	Description string
	// Of names the route, by method and path, if the operation is described for one value of a variable: its path then
	// has the value where the route's path has the variable.
	Of      string
	Query   []Parameter
	Headers []Parameter // of the request
	Path    map[string]*Schema
	// Body is a value of the request's Go type, a *Schema or a Named; nil if there is no body.
	Body        any
	BodyExample any // marshals to the example
	// BodyMedia is the content type of the body, default application/json. Schema and example of application/x-ndjson
	// are those of one line. So it may be with an answer.
	BodyMedia string
	// BodyOptional says that the body may be left out.
	BodyOptional bool
	// Status is that of success, default 200. Answer is a value of the Go type that it marshals, or a *Schema. Media is
	// its content type, default application/json.
	Status        int
	Answer        any
	AnswerExample any // marshals to the example
	Media         string
	Replies       []Reply // other successes
	// AnswerHeaders are the headers of the success, besides those of every answer.
	AnswerHeaders []Header
	// Problems are the operation's own, besides those that follow from the rest of the description.
	Problems []problem.Kind
}

// Reply is a success without a body, such as 304.
type Reply struct {
	Status  int
	Says    string
	Headers []Header
}

// Parameter is a parameter of the query or a header.
type Parameter struct {
	Name     string
	Says     string
	Required bool
	Schema   *Schema
}

// Named is a handwritten schema with a name in the document, and so in generated clients. Parts are what it refers to
// by Ref: each is a Named or a value of a Go type.
type Named struct {
	Name   string
	Schema *Schema
	Parts  []any
}

const schemaRef = "#/components/schemas/"

// Ref refers to a schema by its name.
func Ref(name string) *Schema { return &Schema{Ref: schemaRef + name} }
