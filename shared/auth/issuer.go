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
	// issuerPause is the least time between two requests to the issuer: a flood of tokens with unknown key ids must not
	// reach it.
	issuerPause = time.Second
	// trustFor is how long a token is taken without a look at its signature again, at most until it expires.
	trustFor = 5 * time.Minute
	// renewEvery is how long a key that the issuer withdrew may still be taken, while the issuer answers.
	renewEvery = 5 * time.Minute
	// maxTrusted bounds how many tokens are remembered.
	maxTrusted = 10_000
)

// Issuer checks the tokens of one OpenID Connect issuer: JWTs that it signed with a key that it publishes, for one
// audience. What a token allows is in its claim scope (a text) or scp (a text or a list); scopes of other services in
// it are let be.
//
// The issuer is asked for its keys when the first token comes, again when a token names a key that is not known, and
// every five minutes while Run runs. Safe for concurrent use.
type Issuer struct {
	url, audience string
	clock         clock.Clock
	client        *http.Client
	life          context.Context // until Close
	end           context.CancelFunc

	asking singleflight.Group // however many wait, the issuer is asked once

	mu       sync.RWMutex
	verifier *oidc.IDTokenVerifier // nil until the issuer answered
	header   string                // of the good token that was seen last: what it is signed with
	trusted  map[[sha256.Size]byte]trust
}

// trust is a token that was found good.
type trust struct {
	caller *Caller
	until  time.Time
}

// keysNotHad reports whether the library could not fetch the keys, which it says in words only. A test fails when they
// change.
func keysNotHad(err error) bool { return strings.Contains(err.Error(), "fetching keys") }

// errIssuerAway is the refusal of a token that cannot be judged.
var errIssuerAway = errors.New("the issuer of the token does not answer; repeat the request later")

// NewIssuer returns the issuer of that URL, as its discovery document writes it, for tokens of that audience. It
// connects to nothing yet.
func NewIssuer(issuer, audience string, c clock.Clock) (*Issuer, error) {
	u, err := url.Parse(issuer)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !loopback(hostPort(u))):
		return nil, fmt.Errorf("oidc-issuer: %q is not an https URL (http is for loopback only)", secret.URL(issuer))
	case u.User != nil:
		return nil, fmt.Errorf("oidc-issuer: %q has a name or password in it: give the URL without, as the issuer's "+
			"tokens have it", secret.URL(issuer))
	case audience == "":
		return nil, errors.New("oidc-audience: is needed with oidc-issuer, so that tokens for others are refused")
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

// Close stops asking the issuer for where its keys are, and closes the connection to it.
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
			return nil, errIssuerAway // the token may well be good
		}
		return nil, errors.New("the token is refused: " + reason(err))
	}
	if err := unambiguous(token); err != nil {
		return nil, fmt.Errorf("the token is refused: %w", err)
	}
	// The library takes a token in the very second in which it expires, and five minutes before nbf: clocks that far
	// apart are an operator's matter.
	if !now.Before(checked.Expiry) {
		return nil, errors.New("the token is refused: it has expired")
	}
	var claims map[string]any
	if err := checked.Claims(&claims); err != nil {
		return nil, errors.New("the token is refused: its claims are not readable")
	}
	if name := misspelt(claims); name != "" {
		return nil, errors.New("the token is refused: its claims are not readable: names are case-sensitive, and one " +
			"of them is like " + name)
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
		return // the keys were renewed meanwhile
	}
	i.header = header
	if len(i.trusted) >= maxTrusted {
		clear(i.trusted) // each costs one look at its signature more
	}
	i.trusted[sum] = t
}

// verify returns the verifier, once the issuer has said where its keys are.
func (i *Issuer) verify(ctx context.Context) (*oidc.IDTokenVerifier, error) {
	if verifier := i.known(); verifier != nil {
		return verifier, nil
	}
	answer := i.asking.DoChan("", func() (any, error) {
		if verifier := i.known(); verifier != nil {
			return verifier, nil
		}
		verifier, err := i.discover(i.life) //nolint:contextcheck // others wait for it, too
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
		verifier, _ := found.Val.(*oidc.IDTokenVerifier) // nothing else is asked for
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

// reason tells a caller why a token is refused, and nothing of the issuer's answers.
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

// misspelt returns the claim whose name a token has in other letters, "" for none. encoding/json, which the library
// reads claims with, would take it for the claim itself.
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

// knownScopes are those of this program that the claims hold.
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
