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

// ErrNothing says that a member of a JSON object is null or an empty string. Neither is a value here, and neither means
// that the member was left out.
var ErrNothing = errors.New("a member is null or empty")

const maxDepth = 32 // of nested objects and arrays

// ReadObject reads a request's small body into a struct, as UnmarshalObject does. The error is a problem. For a body
// that is well formed but does not fit, it is of kind invalid and points to the member at fault.
func ReadObject(
	w http.ResponseWriter, r *http.Request, limit int64, invalid problem.Kind, into any, mayBeEmpty ...string,
) error {
	body, err := ReadBody(w, r, limit)
	if err != nil {
		return err
	}
	err = UnmarshalObject(body, into, mayBeEmpty...)
	if errors.Is(err, ErrNothing) {
		return Invalid(invalid, "", "A member is null or empty. Leave it out instead.")
	}
	if semantic, ok := errors.AsType[*json.SemanticError](err); ok {
		return Invalid(invalid, string(semantic.JSONPointer), "is not known here, or has another type.")
	}
	if err != nil {
		return problem.KindMalformedJSON.New("The body must be exactly one well-formed JSON object, at least {}.")
	}
	return nil
}

// Invalid is the answer to a body that is well formed but breaks a rule. The pointer names the member at fault, and
// detail is a sentence without its subject. Without a pointer detail is a whole sentence about the body.
func Invalid(kind problem.Kind, pointer, detail string) problem.Problem {
	p := kind.New(detail)
	if pointer != "" {
		p.Detail = "The request breaks a rule: " + pointer[1:] + " " + detail
		p.Errors = []problem.FieldError{{Pointer: pointer, Detail: detail}}
	}
	return p
}

// UnmarshalObject reads a small body into a struct. The body must be exactly one JSON object within depth 32, with
// known members only. None may be null, and no string may be empty except those in mayBeEmpty.
//
// The error is a *json.SemanticError for a member that is unknown or has another type, and ErrNothing for one that is
// null or empty. Any other error says that the body is not such an object.
func UnmarshalObject(body []byte, into any, mayBeEmpty ...string) error {
	if tooDeep(body) {
		return errors.New("the body has more than 32 nested objects and arrays")
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
	return json.Unmarshal(body, into, json.RejectUnknownMembers(true)) //nolint:wrapcheck // callers tell its type
}

// tooDeep returns false for what is not JSON; the decoder refuses that.
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
