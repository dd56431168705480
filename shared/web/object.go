package web

import (
	"bytes"
	"errors"
	"net/http"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"ordertally/shared/web/problem"
)

// ErrNothing says that a member of a JSON object is null or an empty text. Neither is a value here, and neither means
// "left out".
var ErrNothing = errors.New("a member is null or empty")

const maxDepth = 32 // objects and arrays inside each other

// ReadObject reads a small body of a request into a struct, as UnmarshalObject does. The error is a problem: of kind
// invalid, with the pointer to the member at fault, if the body is well formed and does not fit.
func ReadObject(
	w http.ResponseWriter, r *http.Request, limit int64, invalid problem.Kind, into any, mayBeEmpty ...string,
) error {
	body, err := ReadBody(w, r, limit)
	if err != nil {
		return err
	}
	err = UnmarshalObject(body, into, mayBeEmpty...)
	if errors.Is(err, ErrNothing) {
		return Invalid(invalid, "", "A member is null or empty; leave out what is not meant.")
	}
	if semantic, ok := errors.AsType[*json.SemanticError](err); ok {
		return Invalid(invalid, string(semantic.JSONPointer), "is not known here, or is of another type.")
	}
	if err != nil {
		return problem.KindMalformedJSON.New("The body must be exactly one well-formed JSON object; {} is the least.")
	}
	return nil
}

// Invalid is the answer to a body that is well formed and breaks a rule. The pointer names the member at fault, and
// detail is a sentence without its subject; with no pointer it is a whole one, about the body.
func Invalid(kind problem.Kind, pointer, detail string) problem.Problem {
	p := kind.New(detail)
	if pointer != "" {
		p.Detail = "The request breaks a rule: " + pointer[1:] + " " + detail
		p.Errors = []problem.FieldError{{Pointer: pointer, Detail: detail}}
	}
	return p
}

// UnmarshalObject reads a small body into a struct: exactly one JSON object within depth 32, members that are known,
// none of them null, and no text empty but those of mayBeEmpty. Errors to tell apart: *json.SemanticError, a member
// that is not known or is of another type; ErrNothing; any other, the body is not such JSON.
func UnmarshalObject(body []byte, into any, mayBeEmpty ...string) error {
	if tooDeep(body) {
		return errors.New("the body is deeper than 32 objects and arrays")
	}
	var members map[string]jsontext.Value
	if err := json.Unmarshal(body, &members); err != nil || members == nil {
		return errors.New("the body is not one well-formed JSON object")
	}
	for name, value := range members {
		if value.Kind() == 'n' || string(value) == `""` && !slices.Contains(mayBeEmpty, name) {
			return ErrNothing
		}
	}
	return json.Unmarshal(body, into, json.RejectUnknownMembers(true)) //nolint:wrapcheck // the caller looks into it
}

// tooDeep also says no to what is not JSON: that is for others to refuse.
func tooDeep(body []byte) bool {
	in := jsontext.NewDecoder(bytes.NewReader(body))
	for {
		if _, err := in.ReadToken(); err != nil {
			return false
		}
		if in.StackDepth() > maxDepth {
			return true
		}
	}
}
