package openapi

import "ordertally/shared/web/problem"

// Operation describes one route.
type Operation struct {
	ID          string // lower camel case; the name of a generated client's method
	Summary     string // one line
	Description string
	// Of names the route, by method and path, when the operation is that route with one of its variables set: the path
	// that the operation is described under has a value where the route's has the variable.
	Of      string
	Query   []Parameter
	Headers []Parameter // of the request
	Path    map[string]*Schema
	// Body is a value of the type that the request's JSON has, a *Schema or a Named; nil for none.
	Body        any
	BodyExample any // what marshals to one
	// BodyOptional says that the request may have no body.
	BodyOptional bool
	// Status of success, default 200, and what it answers: a value of the type that is marshalled, or a *Schema. Its
	// content type is Media, default application/json.
	Status        int
	Answer        any
	AnswerExample any // what marshals to one
	Media         string
	Replies       []Reply // other successes
	// AnswerHeaders are those of the success, besides the ones that every answer has.
	AnswerHeaders []Header
	// Problems are the kinds that may be answered besides those that follow from the rest of the description.
	Problems []problem.Kind
}

// Reply is a success without a body, such as 304.
type Reply struct {
	Status  int
	Says    string
	Headers []Header
}

// Parameter is one of a query or a header.
type Parameter struct {
	Name     string
	Says     string
	Required bool
	Schema   *Schema
}

// Named is a schema written by hand that has a name in the document, and so in clients made of it. Parts are what it
// refers to as Ref has it: each a Named, or a value of a type.
type Named struct {
	Name   string
	Schema *Schema
	Parts  []any
}

// Ref refers to a schema by its name.
func Ref(name string) *Schema { return &Schema{Ref: "#/components/schemas/" + name} }
