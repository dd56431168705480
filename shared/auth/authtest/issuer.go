package authtest

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Audience is the audience of an Issuer's tokens.
const Audience = "orders"

// Issuer is a working OpenID Connect issuer that answers over HTTP.
type Issuer struct {
	URL string
	// Down makes it answer nothing, Keyless everything but its keys.
	Down, Keyless atomic.Bool
	// Found counts the requests for its discovery document, Asked those for its keys.
	Found, Asked atomic.Int32
	// First is its first key, with the id "one".
	First *rsa.PrivateKey

	t    testing.TB
	now  time.Time
	mu   sync.Mutex
	keys map[string]*rsa.PrivateKey // published
}

// NewIssuer returns an issuer that is closed when the test ends. Its tokens are issued at now and expire an hour later.
func NewIssuer(t testing.TB, now time.Time) *Issuer {
	t.Helper()
	first := NewRSA(t)
	i := &Issuer{t: t, now: now, keys: map[string]*rsa.PrivateKey{"one": first}, First: first}
	server := httptest.NewServer(http.HandlerFunc(i.serve))
	t.Cleanup(server.Close)
	i.URL = server.URL
	return i
}

// NewRSA returns a key of 1,024 bits, small because tests make many.
func NewRSA(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 1024) //nolint:gosec // G403: signs nothing but tests
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (i *Issuer) serve(w http.ResponseWriter, r *http.Request) {
	if i.Down.Load() {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	var answer any
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		i.Found.Add(1)
		answer = map[string]any{
			"issuer": i.URL, "jwks_uri": i.URL + "/keys", "authorization_endpoint": i.URL + "/a",
			"token_endpoint":                        i.URL + "/t",
			"id_token_signing_alg_values_supported": []string{"RS256", "HS256", "none"},
		}
	case "/keys":
		i.Asked.Add(1)
		if i.Keyless.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		answer = i.set()
	default:
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

func (i *Issuer) set() (set jose.JSONWebKeySet) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for id, key := range i.keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: key.Public(), KeyID: id, Algorithm: "RS256", Use: "sig"})
	}
	return set
}

// Rotate publishes another key instead of the first, with the id "two".
func (i *Issuer) Rotate() *rsa.PrivateKey {
	second := NewRSA(i.t)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = map[string]*rsa.PrivateKey{"two": second}
	return second
}

// Claims returns the claims of a valid token with changes applied. A nil value removes a claim.
func (i *Issuer) Claims(change map[string]any) map[string]any {
	claims := map[string]any{
		"iss": i.URL, "aud": Audience, "sub": "alice", "exp": i.now.Add(time.Hour).Unix(), "iat": i.now.Unix(),
		"scope": "openid orders:read",
	}
	maps.Copy(claims, change)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	return claims
}

// Token returns a token signed with the first key.
func (i *Issuer) Token(change map[string]any) string {
	i.t.Helper()
	return i.Sign(i.First, "one", jose.RS256, i.Claims(change))
}

// Sign makes any token.
func (i *Issuer) Sign(key any, kid string, algorithm jose.SignatureAlgorithm, claims map[string]any) string {
	i.t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: jose.JSONWebKey{Key: key, KeyID: kid}},
		nil)
	if err != nil {
		i.t.Fatal(err)
	}
	text, err := json.Marshal(claims)
	if err != nil {
		i.t.Fatal(err)
	}
	signed, err := signer.Sign(text)
	if err != nil {
		i.t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		i.t.Fatal(err)
	}
	return token
}
