// Package keyapi is the part of a service's HTTP API that makes, lists and revokes its API keys while it runs: routes, and what the OpenAPI
// document says of them. Package keyverbs calls it.
//
// All of it needs the scope keys:write, the list too: it tells who may do what. Nobody makes a key with a scope that they do not have
// themselves. Anybody with keys:write may revoke any key: that only takes away, and whoever finds a key in the wrong place must not have to
// look for somebody first. What was done, and by whom, stands in the list and in the log.
package keyapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	gojson "github.com/go-json-experiment/json"
	"github.com/rs/zerolog"

	"ordertally/shared/auth"
	"ordertally/shared/boltdb"
	"ordertally/shared/httpserver"
	"ordertally/shared/problem"
)

// The kinds of the problems of these routes.
var (
	KindMalformed = problem.Kind{
		Status: http.StatusBadRequest, Code: "malformed_json", Says: "The body is not exactly one well-formed JSON object within depth 32.",
	}
	KindParameter = problem.Kind{Status: http.StatusBadRequest, Code: "invalid_parameter", Says: "The query has a parameter: there is none here."}
	KindNoKey     = problem.Kind{Status: http.StatusNotFound, Code: problem.CodeNotFound, Says: "No API key has that id."}
	KindOpen      = problem.Kind{
		Status: http.StatusConflict, Code: "service_open", Says: "Nobody needs a credential here. The first key shuts everybody else out, so it is made in the file, while the service is stopped.",
	}
	KindTooMany        = problem.Kind{Status: http.StatusConflict, Code: "too_many_keys", Says: "As many keys are good as there may be."}
	KindInvalid        = problem.Kind{Status: http.StatusUnprocessableEntity, Code: "invalid_key", Says: "The body is well formed and does not describe a key: errors says where."}
	KindUnavailable    = problem.Kind{Status: http.StatusServiceUnavailable, Code: "unavailable", Says: "The file takes nothing now, so nothing was changed. Repeat later."}
	KindOutcomeUnknown = problem.Kind{
		Status: http.StatusServiceUnavailable, Code: "outcome_unknown", Says: "The change may or may not be stored. List the keys before repeating.",
	}
)

// The time that a key is good for.
const (
	DefaultLifetime = 90 * 24 * time.Hour
	MaxLifetime     = 10 * 365 * 24 * time.Hour
)

// maxBody is the most bytes of a request: a name and each scope once are far less.
const maxBody = 4 << 10

// API makes the routes.
type API struct {
	Guard   *auth.Guard
	Program string // that the remedies in problems name: order
	Logger  zerolog.Logger
}

// Routes returns the routes. wrap renders the error of a handler, which is a problem.Problem or one that the client is not told.
func (a *API) Routes(wrap func(func(http.ResponseWriter, *http.Request) error) http.HandlerFunc) []httpserver.Route {
	return []httpserver.Route{
		{Method: http.MethodGet, Path: "/v1/keys", Scope: auth.KeysWrite, Handler: wrap(a.list)},
		{Method: http.MethodPost, Path: "/v1/keys", Scope: auth.KeysWrite, Handler: wrap(a.make)},
		{Method: http.MethodDelete, Path: "/v1/keys/{id}", Scope: auth.KeysWrite, Handler: wrap(a.revoke)},
	}
}

// KeyState is what a key is.
type KeyState string

// ListedKey is a key as it is listed. CONTRACT: the names are relied on.
type ListedKey struct {
	ID        string    `json:"id" doc:"What the key is revoked by, and the first part of the key itself." example:"k3q5w2z7ab"`
	Name      string    `json:"name" doc:"Whose it is. Keys of one name are one caller." example:"shop"`
	Scopes    []string  `json:"scopes" doc:"What it allows." example:"orders:write"`
	State     KeyState  `json:"state" doc:"Whether it lets anybody in."`
	CreatedAt time.Time `json:"created_at" doc:"When it was made."`
	CreatedBy string    `json:"created_by,omitempty" doc:"Who made it, as key:NAME or token:SUBJECT. Left out of one that was made in the file of a stopped service." example:"key:admin"`
	ExpiresAt time.Time `json:"expires_at,omitzero" doc:"When it stops to be good. Left out of one that never does."`
	RevokedAt time.Time `json:"revoked_at,omitzero" doc:"When it was revoked. Left out of one that was not."`
	RevokedBy string    `json:"revoked_by,omitempty" doc:"Who revoked it. Left out of one that was not, and of one that was in the file of a stopped service." example:"key:admin"`
	LastUse   time.Time `json:"last_used_at,omitzero" doc:"When it was used last, to about a minute across a crash. Left out of one that never was."`
}

// KeyList is the answer to GET.
type KeyList struct {
	Keys []ListedKey `json:"keys" doc:"The oldest first, revoked and expired ones too."`
}

// CreatedKey is the answer to POST. CONTRACT: the names are relied on.
type CreatedKey struct {
	ID        string    `json:"id" doc:"What the key is revoked by." example:"k3q5w2z7ab"`
	Key       string    `json:"key" doc:"The key, to be sent as a bearer credential. It is told this once: only a hash is kept." example:"ot_k3q5w2z7ab_abcdefghijklmnopqrstuvwxyz"`
	Name      string    `json:"name" doc:"Whose it is." example:"shop"`
	Scopes    []string  `json:"scopes" doc:"What it allows." example:"orders:write"`
	ExpiresAt time.Time `json:"expires_at,omitzero" doc:"When it stops to be good. Left out of one that never does."`
}

// ListOf returns the keys as they are listed, with their states at that time.
func ListOf(keys []auth.Key, now time.Time) KeyList {
	list := KeyList{Keys: make([]ListedKey, len(keys))}
	for i := range keys {
		k := &keys[i]
		list.Keys[i] = ListedKey{
			k.ID, k.Name, k.Scopes, KeyState(k.State(now)), k.CreatedAt, k.CreatedBy, k.ExpiresAt, k.RevokedAt, k.RevokedBy, k.LastUse,
		}
	}
	return list
}

// CreatedOf returns what is told of a new key.
func CreatedOf(key *auth.Key, credential string) CreatedKey {
	return CreatedKey{key.ID, credential, key.Name, key.Scopes, key.ExpiresAt}
}

func (a *API) list(w http.ResponseWriter, r *http.Request) error {
	if err := noParameters(r); err != nil {
		return err
	}
	return answer(w, http.StatusOK, ListOf(a.Guard.Keys.List(), a.Guard.Keys.Now()))
}

// request is the body of POST.
type request struct {
	Name      string   `json:"name"`
	Scopes    []string `json:"scopes"`
	ExpiresIn *int64   `json:"expires_in"` // seconds
	Never     bool     `json:"never_expires"`
}

func (a *API) make(w http.ResponseWriter, r *http.Request) error {
	if err := noParameters(r); err != nil {
		return err
	}
	caller := auth.FromContext(r.Context())
	if !a.Guard.Closed() {
		return KindOpen.New(fmt.Sprintf("Nobody needs a credential here, and the first key shuts out everybody who has none. Stop the service, make it in the file "+
			"(%s keys new NAME --scopes SCOPE,... --data FILE), and start the service again. With keys:write that key makes the next ones here.", a.Program))
	}
	body, err := httpserver.ReadBody(w, r, maxBody)
	if err != nil {
		return err
	}
	wanted, err := read(body)
	if err != nil {
		return err
	}
	for _, scope := range wanted.Scopes {
		if !caller.May(scope) {
			p := auth.InsufficientScope(scope)
			p.Detail = "The credential does not have the scope " + scope + ", and nobody makes a key that may do more than they may themselves."
			return p
		}
	}
	var expires time.Time
	if !wanted.Never {
		lifetime := DefaultLifetime
		if wanted.ExpiresIn != nil {
			lifetime = time.Duration(*wanted.ExpiresIn) * time.Second
		}
		expires = a.Guard.Keys.Now().Add(lifetime)
	}
	key, credential, err := a.Guard.Keys.NewBy(r.Context(), caller.Actor(), wanted.Name, wanted.Scopes, expires)
	if err != nil {
		return refusal(err)
	}
	a.Logger.Info().Str("key", key.ID).Str("name", key.Name).Strs("scopes", key.Scopes).Str("by", caller.Actor()).Msg("an API key was made")
	return answer(w, http.StatusCreated, CreatedOf(&key, credential))
}

// read returns what is wanted, or the problem with it.
func read(body []byte) (*request, error) {
	var wanted request
	err := httpserver.UnmarshalObject(body, &wanted, "name")
	if errors.Is(err, httpserver.ErrNothing) {
		return nil, invalid("", "A member is null or empty; leave out what is not meant.")
	}
	if semantic, ok := errors.AsType[*gojson.SemanticError](err); ok {
		return nil, invalid(string(semantic.JSONPointer), "is not known here, or is of another type.")
	}
	if err != nil {
		return nil, KindMalformed.New("The body must be exactly one well-formed JSON object.")
	}
	if err := auth.CheckName(wanted.Name); err != nil {
		return nil, invalid("/name", fmt.Sprintf("must be 1 to %d visible ASCII characters without spaces.", auth.MaxName))
	}
	if err := auth.CheckScopes(wanted.Scopes); err != nil {
		return nil, invalid("/scopes", strings.ToUpper(err.Error()[:1])+err.Error()[1:]+".")
	}
	if wanted.ExpiresIn != nil {
		if n := *wanted.ExpiresIn; n < 1 || n > int64(MaxLifetime/time.Second) {
			return nil, invalid("/expires_in", fmt.Sprintf("must be 1 to %d, in seconds.", MaxLifetime/time.Second))
		}
		if wanted.Never {
			return nil, invalid("/never_expires", "contradicts expires_in: give one of them.")
		}
	}
	return &wanted, nil
}

func (a *API) revoke(w http.ResponseWriter, r *http.Request) error {
	if err := noParameters(r); err != nil {
		return err
	}
	by := auth.FromContext(r.Context()).Actor()
	key, err := a.Guard.Keys.RevokeBy(r.Context(), by, r.PathValue("id"))
	if err != nil {
		return refusal(err)
	}
	a.Logger.Info().Str("key", key.ID).Str("name", key.Name).Str("by", by).Msg("an API key was revoked")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// refusal is the problem that an error of the keys is, or the error.
func refusal(err error) error {
	switch {
	case errors.Is(err, auth.ErrNoKey):
		return KindNoKey.New("No API key has that id. GET /v1/keys lists them.")
	case errors.Is(err, auth.ErrTooManyKeys):
		return KindTooMany.New(fmt.Sprintf("%d keys are good, and there may be no more. Revoke those that nobody needs.", auth.MaxKeys))
	case errors.Is(err, boltdb.ErrFull), errors.Is(err, boltdb.ErrClosed):
		return KindUnavailable.New("The file takes nothing now, so nothing was changed. Repeat the request later.")
	case errors.Is(err, boltdb.ErrOutcomeUnknown):
		return KindOutcomeUnknown.New("It is not known whether the file took the change. List the keys before repeating the request.")
	}
	return err
}

func invalid(pointer, detail string) problem.Problem {
	p := KindInvalid.New("The request does not describe a key.")
	p.Errors = []problem.FieldError{{Pointer: pointer, Detail: detail}}
	return p
}

func noParameters(r *http.Request) error {
	if r.URL.RawQuery != "" {
		return KindParameter.New("This path takes no query parameters.")
	}
	return nil
}

func answer(w http.ResponseWriter, status int, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	text = append(text, '\n')
	httpserver.BoundWriting(w, len(text))
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(text) // #nosec G705 -- JSON, sent with nosniff; the only error is a client that has gone
	return nil
}
