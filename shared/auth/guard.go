package auth

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"ordertally/shared/web"
	"ordertally/shared/web/problem"
)

// The kinds of the problems of this package.
var (
	KindUnauthenticated = problem.Kind{
		Status: http.StatusUnauthorized, Code: "unauthenticated",
		Says:     "No credential was sent, or one that is malformed, unknown, expired or revoked.",
		Client:   "Send a valid key: `Authorization: Bearer KEY`. Ask the operator for one.",
		Operator: "Make a key with `keys new`. `keys ls` shows which keys have expired or were revoked.",
	}
	KindInsufficientScope = problem.Kind{
		Status: http.StatusForbidden, Code: "insufficient_scope",
		Says:     "The credential is valid but lacks the scope that is needed.",
		Client:   "Ask the operator for a key that has the scope. The detail names it.",
		Operator: "Make a key with that scope, if the client should have it.",
	}
	KindIssuerAway = problem.Kind{
		Status: http.StatusServiceUnavailable, Code: "issuer_unavailable",
		Says:     "The issuer of the token does not answer, so the token cannot be checked. Repeat later.",
		Client:   "Send the request again later. Your token may be good.",
		Operator: "Look whether the service reaches the issuer: `oidc-issuer`. API keys work meanwhile.",
	}
)

// Guard lets in requests with an API key or a token of the issuer. Without any key and without an issuer it lets in
// everybody.
type Guard struct {
	Keys   *Keys
	Issuer *Issuer // nil for none

	refusals refusals
}

// Unguarded returns a guard that lets everybody in.
func Unguarded() *Guard { return &Guard{Keys: &Keys{}} }

// Closed reports whether requests need a credential.
func (g *Guard) Closed() bool { return g.Keys.Any() || g.Issuer != nil }

// Close closes the connection to the issuer.
func (g *Guard) Close() {
	if g.Issuer != nil {
		g.Issuer.Close()
	}
}

// loopback reports whether only this machine reaches addr. A name other than localhost may mean anything.
func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// Protect returns the routes with handlers that check the credential. A request without a valid one gets a 401, and one
// without the route's scope a 403. Many 401s are paced: see refusals. Protect panics if a route has no scope, because
// that is a mistake in the program.
func (g *Guard) Protect(routes []web.Route) []web.Route {
	protected := slices.Clone(routes)
	for i := range protected {
		switch route := &protected[i]; {
		case route.Scope == Public:
		case !slices.Contains(Scopes(), route.Scope):
			panic(fmt.Sprintf("route %s %s has the scope %q", route.Method, route.Path, route.Scope))
		default:
			route.Handler = g.require(route.Scope, route.Handler)
		}
	}
	return protected
}

func (g *Guard) require(scope string, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		caller, err := g.authenticate(r)
		if err == nil {
			web.NoteCaller(r.Context(), caller.Name)
		}
		switch {
		case errors.Is(err, errIssuerAway):
			problem.Write(w, r, KindIssuerAway.New(sentence(err)))
		case err != nil:
			g.refusals.hold(r.Context(), web.Draining(r.Context()))
			problem.Write(w, r, Unauthenticated(err))
		case !caller.May(scope):
			problem.Write(w, r, InsufficientScope(scope))
		default:
			r = web.Keep(r, callerKey{}, caller)
			if r.Body != nil && r.Body != http.NoBody && caller != Anonymous {
				r.Body = &callersBody{r.Body, g.Keys.Now, caller}
			}
			next(w, r)
		}
	}
}

// callersBody is a body that cannot be read once the credential has expired or was revoked. The credential is checked
// before the body arrives. So without this, a client with a half-sent request could use a key after its revocation.
type callersBody struct {
	io.ReadCloser
	now    func() time.Time
	caller *Caller
}

// Read returns the 401 problem even in place of io.EOF.
func (b *callersBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if over := b.caller.over(b.now()); over != nil {
		return 0, Unauthenticated(over)
	}
	return n, err
}

// Unauthenticated returns the 401 for a credential that was refused with that error.
func Unauthenticated(err error) problem.Problem {
	p := KindUnauthenticated.New(sentence(err))
	p.Challenge = challenge(err)
	return p
}

// InsufficientScope returns the 403 for a caller who lacks that scope.
func InsufficientScope(scope string) problem.Problem {
	p := KindInsufficientScope.New("The credential does not have the scope " + scope + ". Use one that does.")
	p.Challenge = realm + `, error="insufficient_scope", scope="` + scope + `"`
	return p
}

// errNoCredential refuses a request without a credential. RFC 6750 wants no error code for it.
var errNoCredential = errors.New(`send a credential: "Authorization: Bearer", then an API key or a token`)

func (g *Guard) authenticate(r *http.Request) (*Caller, error) {
	if !g.Closed() {
		return Anonymous, nil
	}
	values := r.Header.Values("Authorization")
	if len(values) == 0 {
		return nil, errNoCredential
	}
	scheme, credential, _ := strings.Cut(values[0], " ")
	if len(values) > 1 || !strings.EqualFold(scheme, "Bearer") || credential == "" {
		return nil, errors.New(`the Authorization header is not "Bearer" and one credential`)
	}
	if id, secret, ok := parseKey(credential); ok {
		return g.Keys.authenticate(id, secret)
	}
	if g.Issuer == nil {
		return nil, errors.New("the credential is not an API key, and tokens are not accepted here")
	}
	return g.Issuer.authenticate(r.Context(), credential)
}

const realm = `Bearer realm="ordertally"`

// challenge returns the WWW-Authenticate header (RFC 6750) of a 401.
func challenge(err error) string {
	if errors.Is(err, errNoCredential) {
		return realm
	}
	return realm + `, error="invalid_token"`
}

// sentence makes an error the detail of a problem.
func sentence(err error) string {
	text := err.Error()
	return strings.ToUpper(text[:1]) + text[1:] + "."
}
