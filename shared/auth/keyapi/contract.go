package keyapi

import (
	"net/http"
	"time"

	"ordertally/shared/auth"
	"ordertally/shared/openapi"
	"ordertally/shared/problem"
)

// ClosedSets are the types whose values are listed.
func ClosedSets() []openapi.Closed {
	return []openapi.Closed{openapi.ClosedSet("Whether a key lets anybody in: active, expired or revoked.", KeyState("active"), KeyState("expired"), KeyState("revoked"))}
}

// Operations describe the routes, by method and path.
func Operations() map[string]openapi.Operation {
	fresh := []openapi.Header{openapi.Cached("The answer changes at any time.", "no-store")}
	id := map[string]*openapi.Schema{"id": openapi.Said(openapi.String(1, 0), "The key's id, as the list has it.", "k3q5w2z7ab")}
	return map[string]openapi.Operation{
		"GET /v1/keys": {ID: "listKeys", Summary: "The API keys, the oldest first; not the secrets, of which only hashes are kept.", Answer: KeyList{}, AnswerHeaders: fresh},
		"POST /v1/keys": {
			ID: "createKey", Summary: "Make an API key.", Body: body(), Status: http.StatusCreated, Answer: CreatedKey{}, AnswerHeaders: fresh,
			Description: "The key is told this once. It may have no scope that the credential of the request does not have. Repeated after a lost answer it makes another: revoke the one that nobody has.",
			Problems:    []problem.Kind{KindMalformed, KindOpen, KindTooMany, KindInvalid, KindOutcomeUnknown},
		},
		"DELETE /v1/keys/{id}": {
			ID: "revokeKey", Summary: "Revoke an API key, for ever.", Path: id, Status: http.StatusNoContent, AnswerHeaders: fresh, Problems: []problem.Kind{KindNoKey, KindOutcomeUnknown},
			Description: "Requests that come after the answer are refused, and live streams of the key end. A key that is revoked already stays so. It may be that of the request itself.",
		},
	}
}

func body() openapi.Named {
	expires := openapi.Integer(1)
	expires.Maximum, expires.Default = new(MaxLifetime.Seconds()), int64(DefaultLifetime/time.Second)
	return openapi.Named{Name: "NewKey", Schema: &openapi.Schema{
		Type: "object", Required: []string{"name", "scopes"}, AdditionalProperties: false, Description: "An API key to be made.",
		Properties: map[string]*openapi.Schema{
			"name": {
				Type: "string", Pattern: "^[!-~]{1,64}$", Description: "Who will use the key. Keys of one name are one caller, so that a new one can follow an old one.", Examples: []any{"shop"},
			},
			"scopes": {
				Type: "array", Items: openapi.Enum(auth.Scopes()...), MinItems: new(1), UniqueItems: true, Description: "What it allows: none that the request's own credential does not.", Examples: []any{[]string{auth.OrdersRead}},
			},
			"expires_in":    openapi.Said(expires, "How many seconds it is good for; 90 days when it is left out."),
			"never_expires": {Type: "boolean", Description: "True for a key that is good until it is revoked; then without expires_in."},
		},
	}}
}
