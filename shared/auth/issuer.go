package auth

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/sync/singleflight"

	"ordertally/shared/clock"
	"ordertally/shared/settings/secret"
)

const (
	// issuerTimeout bounds one request to the issuer.
	issuerTimeout = 10 * time.Second
	// issuerPause is the shortest time between two requests to the issuer. It keeps a flood of tokens with unknown key
	// ids away from it.
	issuerPause = time.Second
	// trustFor is how long a valid token is accepted without checking its signature again, until it expires at most.
	trustFor = 5 * time.Minute
	// renewEvery is how often the issuer's keys are fetched. So long may a withdrawn key still be accepted.
	renewEvery = 5 * time.Minute
	// maxTrusted bounds how many tokens are remembered.
	maxTrusted = 10_000
)

// Issuer checks the tokens of one OpenID Connect issuer: JWTs for one audience, signed with a key that the issuer
// publishes. A token's scopes are in its claim scope (a string) or scp (a string or a list). Scopes of other services
// are ignored.
//
// The keys are fetched for the first token, for a token that names an unknown key, and every five minutes while Run
// runs. An Issuer is safe for concurrent use.
type Issuer struct {
	url, audience string
	clock         clock.Clock
	client        *http.Client
	life          context.Context // ends with Close
	end           context.CancelFunc

	asking singleflight.Group // asks the issuer once for all that wait

	mu       sync.RWMutex
	verifier *oidc.IDTokenVerifier // nil until the issuer has answered
	header   string                // of the last valid token
	trusted  map[[sha256.Size]byte]trust
}

// trust is what is remembered of a valid token.
type trust struct {
	caller *Caller
	until  time.Time
}

// keysNotHad reports whether the library could not fetch the keys. It says so in the text only; a test fails if that
// changes.
func keysNotHad(err error) bool { return strings.Contains(err.Error(), "fetching keys") }

// errIssuerAway refuses a token that cannot be checked.
var errIssuerAway = errors.New("the issuer of the token does not answer; repeat the request later")

// NewIssuer returns the issuer with that URL, which must be as in its discovery document, for tokens with that
// audience. It does not connect yet.
func NewIssuer(issuer, audience string, c clock.Clock) (*Issuer, error) {
	u, err := url.Parse(issuer)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !loopback(hostPort(u))):
		return nil, fmt.Errorf("oidc-issuer: %q is not an https URL (http is for loopback only)", secret.URL(issuer))
	case u.User != nil:
		return nil, fmt.Errorf("oidc-issuer: %q has a user name or password in it: give the URL that the issuer's "+
			"tokens have, without them", secret.URL(issuer))
	case audience == "":
		return nil, errors.New("oidc-audience: is needed with oidc-issuer, to refuse tokens for other audiences")
	}
	life, end := context.WithCancel(context.Background())
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConns: 1, IdleConnTimeout: time.Minute}
	return &Issuer{
		url: issuer, audience: audience, clock: c, life: life, end: end, trusted: make(map[[sha256.Size]byte]trust),
		client: &http.Client{Timeout: issuerTimeout + issuerPause, Transport: &paced{next: transport}},
	}, nil
}

func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = "80"
	}
	return u.Hostname() + ":" + port
}

// Close ends the discovery of the issuer's keys and closes the connection to it.
func (i *Issuer) Close() {
	i.end()
	i.client.CloseIdleConnections()
}

func (i *Issuer) authenticate(ctx context.Context, token string) (*Caller, error) {
	sum, now := sha256.Sum256([]byte(token)), i.clock.Now()
	i.mu.RLock()
	known, ok := i.trusted[sum]
	i.mu.RUnlock()
	if ok && now.Before(known.until) {
		return known.caller, nil
	}
	verifier, err := i.verify(ctx)
	if err != nil {
		return nil, errIssuerAway
	}
	checked, err := verifier.Verify(ctx, token)
	if err != nil {
		if keysNotHad(err) {
			return nil, errIssuerAway // the token may be valid
		}
		return nil, errors.New("the token is refused: " + reason(err))
	}
	if err := unambiguous(token); err != nil {
		return nil, fmt.Errorf("the token is refused: %w", err)
	}
	// The library accepts a token in the second in which it expires, and up to five minutes before nbf. Clocks that far
	// apart are for the operator to set right.
	if !now.Before(checked.Expiry) {
		return nil, errors.New("the token is refused: it has expired")
	}
	var claims map[string]any
	if err := checked.Claims(&claims); err != nil {
		return nil, errors.New("the token is refused: its claims are not readable")
	}
	if name := misspelt(claims); name != "" {
		return nil, errors.New("the token is refused: its claims are not readable: names are case-sensitive, and one " +
			"is a misspelt " + name)
	}
	if notBefore, _ := claims["nbf"].(float64); notBefore > float64(now.Add(time.Minute).Unix()) {
		return nil, errors.New("the token is refused: it is not valid yet")
	}
	if err := checkSubject(checked.Subject); err != nil {
		return nil, fmt.Errorf("the token is refused: %w", err)
	}
	caller := newCaller("token", checked.Issuer+"\x00"+checked.Subject, knownScopes(claims["scope"], claims["scp"]))
	caller.Name, caller.Until = checked.Subject, checked.Expiry
	header, _, _ := strings.Cut(token, ".")
	i.remember(verifier, sum, header, trust{caller: caller, until: earlier(checked.Expiry, now.Add(trustFor))})
	return caller, nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func (i *Issuer) remember(by *oidc.IDTokenVerifier, sum [sha256.Size]byte, header string, t trust) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.verifier != by {
		return // the keys have been renewed since
	}
	i.header = header
	if len(i.trusted) >= maxTrusted {
		clear(i.trusted) // costs checking each signature once more
	}
	i.trusted[sum] = t
}

// verify returns the verifier. It waits until the issuer has said where its keys are.
func (i *Issuer) verify(ctx context.Context) (*oidc.IDTokenVerifier, error) {
	if verifier := i.known(); verifier != nil {
		return verifier, nil
	}
	answer := i.asking.DoChan("", func() (any, error) {
		if verifier := i.known(); verifier != nil {
			return verifier, nil
		}
		verifier, err := i.discover(i.life) //nolint:contextcheck // other requests wait for it too
		if err != nil {
			return nil, err
		}
		i.mu.Lock()
		defer i.mu.Unlock()
		i.verifier = verifier
		return verifier, nil
	})
	select {
	case found := <-answer:
		if found.Err != nil {
			return nil, found.Err
		}
		verifier, _ := found.Val.(*oidc.IDTokenVerifier) // the only type that is returned
		return verifier, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (i *Issuer) known() *oidc.IDTokenVerifier {
	i.mu.RLock()
	defer i.mu.RUnlock()
	return i.verifier
}

func (i *Issuer) discover(ctx context.Context) (*oidc.IDTokenVerifier, error) {
	ctx = oidc.ClientContext(ctx, i.client)
	provider, err := oidc.NewProvider(ctx, i.url)
	if err != nil {
		return nil, err
	}
	return provider.VerifierContext(ctx, &oidc.Config{ClientID: i.audience, Now: i.clock.Now}), nil
}

// reason tells a caller why a token is refused. It reveals nothing of the issuer's answers.
func reason(err error) string {
	if _, ok := errors.AsType[*oidc.TokenExpiredError](err); ok {
		return "it has expired"
	}
	text := err.Error()
	for _, known := range []struct{ part, reason string }{
		{"signature algorithm", "its algorithm is not accepted"},
		{"malformed", "it is malformed"},
		{"audience", "it is for another audience"},
		{"issued by a different provider", "another issuer made it"},
		{"not before", "it is not valid yet"},
		{"unmarshal claims", "its claims are not readable"},
	} {
		if strings.Contains(text, known.part) {
			return known.reason
		}
	}
	return "its signature is not the issuer's"
}

// misspelt returns the claim whose name is in the token with other upper or lower case; "" for none. The library uses
// encoding/json, which would take it for the claim itself.
func misspelt(claims map[string]any) string {
	for name := range claims {
		for _, known := range []string{"iss", "sub", "aud", "exp", "nbf", "iat", "scope", "scp"} {
			if name != known && strings.EqualFold(name, known) {
				return known
			}
		}
	}
	return ""
}

// knownScopes returns this program's scopes that are in the claims.
func knownScopes(claims ...any) []string {
	var words []string
	for _, claim := range claims {
		switch claim := claim.(type) {
		case string:
			words = append(words, strings.Fields(claim)...)
		case []any:
			for _, word := range claim {
				if text, ok := word.(string); ok {
					words = append(words, text)
				}
			}
		}
	}
	return slices.DeleteFunc(Scopes(), func(scope string) bool { return !slices.Contains(words, scope) })
}
