package keyapi

import (
	"net/http"
	"time"

	"ordertally/shared/auth"
	"ordertally/shared/web/openapi"
	"ordertally/shared/web/problem"
)

// ClosedSets returns the types with a closed set of values.
func ClosedSets() []openapi.Closed {
	return []openapi.Closed{
		openapi.ClosedSet(
			"The state of a key: active, expired or revoked.",
			KeyState("active"),
			KeyState("expired"),
			KeyState("revoked"),
		),
	}
}

// Operations describe the routes, by method and path.
func Operations() map[string]openapi.Operation {
	fresh := openapi.Fresh()
	id := map[string]*openapi.Schema{
		"id": openapi.Said(openapi.String(1, 0), "The key's id, as in the list.", "k3q5w2z7ab"),
	}
	return map[string]openapi.Operation{
		"GET /v1/keys": {
			ID:            "listKeys",
			Summary:       "List the API keys, the oldest first. Secrets are not included: only their hashes are kept.",
			Answer:        KeyList{},
			AnswerHeaders: fresh,
		},
		"POST /v1/keys": {
			ID:            "createKey",
			Summary:       "Make an API key.",
			Body:          body(),
			BodyExample:   map[string]any{"name": "shop", "scopes": []string{"orders:write", "orders:read"}},
			Status:        http.StatusCreated,
			Answer:        CreatedKey{},
			AnswerHeaders: fresh,
			Description: "The key is shown only in this answer. It cannot have a scope that the credential of the " +
				"request lacks. A retry after a lost answer makes another key: revoke the one that nobody has.",
			Problems: []problem.Kind{problem.KindMalformedJSON, KindOpen, KindTooMany, KindInvalid,
				problem.KindOutcomeUnknown, problem.KindDiskFull, problem.KindReadOnly},
		},
		"DELETE /v1/keys/{id}": {
			ID:            "revokeKey",
			Summary:       "Revoke an API key, for ever.",
			Path:          id,
			Status:        http.StatusNoContent,
			AnswerHeaders: fresh,
			Problems: []problem.Kind{KindNoKey, problem.KindOutcomeUnknown, problem.KindDiskFull,
				problem.KindReadOnly},
			Description: "After the answer, requests with the key are refused, and its live streams end. Revoking " +
				"a revoked key changes nothing. A key may revoke itself.",
		},
	}
}

func body() openapi.Named {
	expires := openapi.Integer(1)
	expires.Maximum, expires.Default = new(MaxLifetime.Seconds()), int64(DefaultLifetime/time.Second)
	return openapi.Named{Name: "NewKey", Schema: &openapi.Schema{
		Type:                 "object",
		Required:             []string{"name", "scopes"},
		AdditionalProperties: false,
		Description:          "An API key to be made.",
		Properties: map[string]*openapi.Schema{
			"name": {
				Type:    "string",
				Pattern: "^[!-~]{1,64}$",
				Description: "Who will use the key. Keys with the same name are one caller, so a new key can replace " +
					"an old one.",
				Examples: []any{"shop"},
			},
			"scopes": {
				Type:        "array",
				Items:       openapi.Enum(auth.Scopes()...),
				MinItems:    new(1),
				UniqueItems: true,
				Description: "The scopes of the key. The credential of the request must have all of them.",
				Examples:    []any{[]string{auth.OrdersRead}},
			},
			"expires_in": openapi.Said(expires, "For how many seconds the key is valid; 90 days by default."),
			"never_expires": {
				Type:        "boolean",
				Description: "True for a key that is valid until it is revoked; excludes expires_in.",
			},
		},
	}}
}
