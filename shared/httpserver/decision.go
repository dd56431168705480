package httpserver

import (
	"errors"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// ErrNull says that a member of a JSON object is null. Null is no value of any member here, and never means "left out".
var ErrNull = errors.New("a member is null")

// UnmarshalObject reads a small body into a struct: exactly one JSON object, members that are known, none of them null. Errors to tell
// apart: *json.SemanticError, a member that is not known or is of another type; ErrNull; any other, the body is not such JSON.
func UnmarshalObject(body []byte, into any) error {
	var members map[string]jsontext.Value
	if err := json.Unmarshal(body, &members); err != nil || members == nil {
		return errors.New("the body is not one well-formed JSON object")
	}
	for _, value := range members {
		if value.Kind() == 'n' {
			return ErrNull
		}
	}
	return json.Unmarshal(body, into, json.RejectUnknownMembers(true)) //nolint:wrapcheck // the caller looks into it
}
