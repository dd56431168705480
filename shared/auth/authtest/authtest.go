// Package authtest tests a service's table of routes.
package authtest

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"ordertally/shared/auth"
	"ordertally/shared/boltdb"
	"ordertally/shared/clock"
	"ordertally/shared/web"
)

// Keys returns the keys of an empty file, which is closed when the test ends.
func Keys(t testing.TB) *auth.Keys {
	t.Helper()
	db, err := boltdb.Open(filepath.Join(t.TempDir(), "keys.db"), boltdb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	keys, err := auth.OpenKeys(t.Context(), db, clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// Key makes a key with those scopes and returns its credential.
func Key(t testing.TB, keys *auth.Keys, scopes ...string) string {
	t.Helper()
	_, credential, err := keys.New(t.Context(), "test", scopes, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return credential
}

// Useless makes an expired and a revoked key with those scopes, and returns their credentials. It moves at, the clock
// of the keys, two hours on.
func Useless(t testing.TB, keys *auth.Keys, at *clock.Manual, scopes ...string) (expired, revoked string) {
	t.Helper()
	_, expired, err := keys.New(t.Context(), "old", scopes, at.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	gone, revoked, err := keys.New(t.Context(), "gone", scopes, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keys.Revoke(t.Context(), gone.ID); err != nil {
		t.Fatal(err)
	}
	at.Advance(2 * time.Hour)
	return expired, revoked
}

// Routes checks that the table has exactly the routes of want, "METHOD PATH" -> scope. A request without a credential
// must get a 401, one with all other scopes a 403, and one with just the route's scope must reach the handler. Stubs
// replace the handlers.
func Routes(t *testing.T, routes []web.Route, want map[string]string) {
	t.Helper()
	keys := Keys(t)
	var called string
	routes = slices.Clone(routes)
	for i := range routes {
		name := routes[i].Method + " " + routes[i].Path
		if routes[i].Scope != want[name] {
			t.Errorf("%s needs %q, want %q", name, routes[i].Scope, want[name])
		}
		routes[i].Handler = func(http.ResponseWriter, *http.Request) { called = name }
	}
	if len(routes) != len(want) {
		t.Errorf("the program has %d routes, the test knows %d", len(routes), len(want))
	}
	handler := web.NewRouter((&auth.Guard{Keys: keys}).Protect(routes))
	ask := func(route web.Route, credential string) int {
		called = ""
		r := httptest.NewRequestWithContext(t.Context(), route.Method, address(route.Path), nil)
		auth.SetBearer(r, credential)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w.Code
	}
	only, others := map[string]string{}, map[string]string{}
	for _, scope := range auth.Scopes() {
		only[scope] = Key(t, keys, scope)
		others[scope] = Key(t, keys, slices.DeleteFunc(auth.Scopes(), func(s string) bool { return s == scope })...)
	}
	for _, route := range routes {
		name := route.Method + " " + route.Path
		if route.Scope == auth.Public {
			if status := ask(route, ""); status != http.StatusOK || called != name {
				t.Errorf("%s without a credential: %d, handled by %q", name, status, called)
			}
			continue
		}
		if status := ask(route, ""); status != http.StatusUnauthorized || called != "" {
			t.Errorf("%s without a credential: %d, handled by %q", name, status, called)
		}
		if status := ask(route, others[route.Scope]); status != http.StatusForbidden || called != "" {
			t.Errorf("%s with all scopes but its own: %d, handled by %q", name, status, called)
		}
		if status := ask(route, only[route.Scope]); status != http.StatusOK || called != name {
			t.Errorf("%s with its scope: %d, handled by %q", name, status, called)
		}
	}
}

var (
	pattern  = regexp.MustCompile(`\{[^}:]+:[^}]*\}`)
	variable = regexp.MustCompile(`\{[^}:]+\}`)
)

// address returns a path that the template matches. A pattern in it is that of a ledger's entries.
func address(template string) string {
	return variable.ReplaceAllString(pattern.ReplaceAllString(template, "0-1-ab"), "x")
}
