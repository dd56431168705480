package httpserver

import (
	"errors"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// ErrNothing says that a member of a JSON object is null or an empty text. Neither is a value here, and neither means "left out".
var ErrNothing = errors.New("a member is null or empty")

// UnmarshalObject reads a small body into a struct: exactly one JSON object, members that are known, none of them null, and no text empty
// but those of mayBeEmpty. Errors to tell apart: *json.SemanticError, a member that is not known or is of another type; ErrNothing; any
// other, the body is not such JSON.
func UnmarshalObject(body []byte, into any, mayBeEmpty ...string) error {
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
