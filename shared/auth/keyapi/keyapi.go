// Package keyapi is the part of a service's HTTP API that makes, lists and revokes its API keys while it runs. It has
// the routes and their OpenAPI description. Package keyverbs calls it.
//
// Every route needs the scope keys:write, even the list, because it shows who may do what. Nobody can make a key with a
// scope that they lack. Anyone with keys:write may revoke any key: revoking only takes rights away, and whoever finds a
// leaked key must be able to act at once. The list and the log say who made and who revoked each key.
package keyapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"ordertally/shared/auth"
	"ordertally/shared/boltdb"
	"ordertally/shared/web"
	"ordertally/shared/web/problem"
)

// The kinds of the problems of these routes.
var (
	KindNoKey = problem.Kind{
		Status: http.StatusNotFound,
		Code:   problem.CodeNotFound,
		Says:   "No API key has that id.",
		Client: "Check the id: `GET /v1/keys` lists them.",
	}
	KindOpen = problem.Kind{
		Status: http.StatusConflict,
		Code:   "service_open",
		Says: "The service has no keys and is open to everybody. The first key would shut everybody else out, so " +
			"make it in the file while the service is stopped.",
		Client:   "Ask the operator for the first key.",
		Operator: "Stop the service and run `keys new NAME --scopes keys:write,... --data FILE`. Then start it again.",
	}
	KindTooMany = problem.Kind{
		Status:   http.StatusConflict,
		Code:     "too_many_keys",
		Says:     "The service has the maximum number of valid keys.",
		Client:   "Revoke keys that nobody uses.",
		Operator: "`keys ls` shows when each key was last used.",
	}
	KindInvalid = problem.Kind{
		Status: http.StatusUnprocessableEntity,
		Code:   "invalid_key",
		Says:   "The body is well formed but does not describe a key. errors says why.",
		Client: "Mend the fields that `errors` names.",
	}
)

// How long a key is valid.
const (
	DefaultLifetime = 90 * 24 * time.Hour
	MaxLifetime     = 10 * 365 * 24 * time.Hour
)

// maxBody bounds a request's body. A name and all scopes are far shorter.
const maxBody = 4 << 10

// API makes the routes.
type API struct {
	Guard   *auth.Guard
	Program string // for the commands that problems name, such as order
	Logger  zerolog.Logger
}

// Routes returns the routes. wrap answers a handler's error, which is a problem.Problem or one that the client is not
// told.
func (a *API) Routes(wrap func(func(http.ResponseWriter, *http.Request) error) http.HandlerFunc) []web.Route {
	return []web.Route{
		{Method: http.MethodGet, Path: "/v1/keys", Scope: auth.KeysWrite, Handler: wrap(a.list)},
		{Method: http.MethodPost, Path: "/v1/keys", Scope: auth.KeysWrite, Handler: wrap(a.make)},
		{Method: http.MethodDelete, Path: "/v1/keys/{id}", Scope: auth.KeysWrite, Handler: wrap(a.revoke)},
	}
}

// KeyState is the state of a key.
type KeyState string

// ListedKey is a key in the list. Clients rely on the names.
type ListedKey struct {
	// The id to revoke the key by; the first part of the key itself.
	// Example: k3q5w2z7ab
	ID string `json:"id"`
	// Who uses the key. Keys with the same name are one caller.
	// Example: shop
	Name string `json:"name"`
	// What it allows.
	// Example: orders:write
	Scopes []string `json:"scopes"`
	// Whether it is active, expired or revoked.
	State KeyState `json:"state"`
	// When it was made.
	CreatedAt time.Time `json:"created_at"`
	// Who made it, as key:NAME or token:SUBJECT. Left out if it was made in the file of a stopped service.
	// Example: key:admin
	CreatedBy string `json:"created_by,omitempty"`
	// When it expires. Left out if it never does.
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	// When it was revoked. Left out if it was not.
	RevokedAt time.Time `json:"revoked_at,omitzero"`
	// Who revoked it. Left out if it was not revoked, or was revoked in the file of a stopped service.
	// Example: key:admin
	RevokedBy string `json:"revoked_by,omitempty"`
	// When it was last used. A crash may lose the last minute. Left out if it never was.
	LastUse time.Time `json:"last_used_at,omitzero"`
}

// KeyList is the answer to GET.
type KeyList struct {
	// All keys, the oldest first, including revoked and expired ones.
	Keys []ListedKey `json:"keys"`
}

// CreatedKey is the answer to POST. Clients rely on the names.
type CreatedKey struct {
	// The id to revoke the key by.
	// Example: k3q5w2z7ab
	ID string `json:"id"`
	// The key, to be sent as a bearer credential. It is shown only here: the service keeps only a hash.
	// Example: ot_k3q5w2z7ab_abcdefghijklmnopqrstuvwxyz
	Key string `json:"key"`
	// Who uses the key.
	// Example: shop
	Name string `json:"name"`
	// What it allows.
	// Example: orders:write
	Scopes []string `json:"scopes"`
	// When it expires. Left out if it never does.
	ExpiresAt time.Time `json:"expires_at,omitzero"`
}

// ListOf returns the list of keys, with their states at that time.
func ListOf(keys []auth.Key, now time.Time) KeyList {
	list := KeyList{Keys: make([]ListedKey, len(keys))}
	for i := range keys {
		k := &keys[i]
		list.Keys[i] = ListedKey{
			k.ID,
			k.Name,
			k.Scopes,
			KeyState(k.State(now)),
			k.CreatedAt,
			k.CreatedBy,
			k.ExpiresAt,
			k.RevokedAt,
			k.RevokedBy,
			k.LastUse,
		}
	}
	return list
}

// CreatedOf returns the answer that shows a new key.
func CreatedOf(key *auth.Key, credential string) CreatedKey {
	return CreatedKey{key.ID, credential, key.Name, key.Scopes, key.ExpiresAt}
}

func (a *API) list(w http.ResponseWriter, r *http.Request) error {
	if _, err := web.Parameters(r); err != nil {
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
	if _, err := web.Parameters(r); err != nil {
		return err
	}
	caller := auth.FromContext(r.Context())
	if !a.Guard.Closed() {
		return KindOpen.New(
			fmt.Sprintf(
				"The service asks for no credential, and the first key shuts out everybody who has none. Stop the "+
					"service, make it in the file "+
					"(%s keys new NAME --scopes SCOPE,... --data FILE), and start the service again. With keys:write "+
					"that key makes the next ones here.",
				a.Program,
			),
		)
	}
	var wanted request
	if err := web.ReadObject(w, r, maxBody, KindInvalid, &wanted, "name"); err != nil {
		return err
	}
	if err := wanted.check(); err != nil {
		return err
	}
	for _, scope := range wanted.Scopes {
		if !caller.May(scope) {
			p := auth.InsufficientScope(scope)
			p.Detail = "The credential does not have the scope " + scope + ", so it cannot make a key with that scope."
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
	key, credential, err := a.Guard.Keys.NewBy(r.Context(), caller, wanted.Name, wanted.Scopes, expires)
	if err != nil {
		return refusal(err)
	}
	a.Logger.Info().
		Str("key", key.ID).
		Str("name", key.Name).
		Strs("scopes", key.Scopes).
		Str("by", caller.Actor()).
		Msg("an API key was made")
	return answer(w, http.StatusCreated, CreatedOf(&key, credential))
}

// check returns the problem with the request; nil for none.
func (wanted *request) check() error {
	if err := auth.CheckName(wanted.Name); err != nil {
		return invalid(
			"/name",
			fmt.Sprintf("must be 1 to %d visible ASCII characters without spaces.", auth.MaxName),
		)
	}
	if err := auth.CheckScopes(wanted.Scopes); err != nil {
		return invalid("/scopes", strings.ToUpper(err.Error()[:1])+err.Error()[1:]+".")
	}
	if wanted.ExpiresIn != nil {
		if n := *wanted.ExpiresIn; n < 1 || n > int64(MaxLifetime/time.Second) {
			return invalid("/expires_in", fmt.Sprintf("must be 1 to %d, in seconds.", MaxLifetime/time.Second))
		}
		if wanted.Never {
			return invalid("/never_expires", "contradicts expires_in: give one of them.")
		}
	}
	return nil
}

func (a *API) revoke(w http.ResponseWriter, r *http.Request) error {
	if _, err := web.Parameters(r); err != nil {
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

// refusal returns the problem for an error of the keys. It returns an unknown error as it is.
func refusal(err error) error {
	switch {
	case errors.Is(err, auth.ErrNoKey):
		return KindNoKey.New("No API key has that id. GET /v1/keys lists them.")
	case errors.Is(err, auth.ErrRevoked):
		return auth.Unauthenticated(auth.ErrRevoked)
	case errors.Is(err, auth.ErrTooManyKeys):
		return KindTooMany.New(
			fmt.Sprintf(
				"The service has %d valid keys, which is the maximum. Revoke those that nobody needs.",
				auth.MaxKeys,
			),
		)
	case errors.Is(err, boltdb.ErrOutcomeUnknown):
		return problem.KindOutcomeUnknown.New(
			"It is not known whether the file took the change. List the keys before repeating the request.",
		)
	}
	return err
}

func invalid(pointer, detail string) problem.Problem {
	return web.Invalid(KindInvalid, pointer, detail)
}

func answer(w http.ResponseWriter, status int, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	web.WriteJSON(w, status, append(text, '\n'))
	return nil
}
