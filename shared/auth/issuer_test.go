package auth_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"ordertally/shared/auth"
	"ordertally/shared/clock"
)

// provider is an OpenID Connect issuer that really answers over HTTP.
type provider struct {
	t       *testing.T
	server  *httptest.Server
	down    atomic.Bool
	keyless atomic.Bool  // it answers, but not for its keys
	found   atomic.Int32 // asked where things are
	asked   atomic.Int32 // for its keys

	mu   sync.Mutex
	keys map[string]*rsa.PrivateKey // that it publishes

	first *rsa.PrivateKey
}

func newProvider(t *testing.T) *provider {
	first := newRSA(t)
	p := &provider{t: t, keys: map[string]*rsa.PrivateKey{"one": first}, first: first}
	p.server = httptest.NewServer(http.HandlerFunc(p.serve))
	t.Cleanup(p.server.Close)
	return p
}

func newRSA(t *testing.T) *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (p *provider) serve(w http.ResponseWriter, r *http.Request) {
	if p.down.Load() {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	var answer any
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		p.found.Add(1)
		answer = map[string]any{
			"issuer": p.server.URL, "jwks_uri": p.server.URL + "/keys", "authorization_endpoint": p.server.URL + "/a", "token_endpoint": p.server.URL + "/t",
			"id_token_signing_alg_values_supported": []string{"RS256", "HS256", "none"},
		}
	case "/keys":
		p.asked.Add(1)
		if p.keyless.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		set := jose.JSONWebKeySet{}
		p.mu.Lock()
		for id, key := range p.keys {
			set.Keys = append(set.Keys, jose.JSONWebKey{Key: key.Public(), KeyID: id, Algorithm: "RS256", Use: "sig"})
		}
		p.mu.Unlock()
		answer = set
	default:
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

// claims are those of a good token, changed.
func (p *provider) claims(change map[string]any) map[string]any {
	claims := map[string]any{
		"iss": p.server.URL, "aud": "orders", "sub": "alice", "exp": start.Add(time.Hour).Unix(), "iat": start.Unix(), "scope": "openid orders:read",
	}
	for name, value := range change {
		claims[name] = value
		if value == nil {
			delete(claims, name)
		}
	}
	return claims
}

func (p *provider) sign(key any, kid string, algorithm jose.SignatureAlgorithm, claims map[string]any) string {
	p.t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: jose.JSONWebKey{Key: key, KeyID: kid}}, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	text, err := json.Marshal(claims)
	if err != nil {
		p.t.Fatal(err)
	}
	signed, err := signer.Sign(text)
	if err != nil {
		p.t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		p.t.Fatal(err)
	}
	return token
}

func (p *provider) token(change map[string]any) string {
	return p.sign(p.keys["one"], "one", jose.RS256, p.claims(change))
}

func (p *provider) guard(c clock.Clock) *auth.Guard {
	p.t.Helper()
	issuer, err := auth.NewIssuer(p.server.URL, "orders", c)
	if err != nil {
		p.t.Fatal(err)
	}
	g := &auth.Guard{Keys: &auth.Keys{}, Issuer: issuer}
	p.t.Cleanup(g.Close)
	return g
}

func TestATokenOfTheIssuer(t *testing.T) {
	t.Parallel()
	p, now := newProvider(t), clock.NewManual(start)
	guard := p.guard(now)
	w, caller := ask(t, guard, "Bearer "+p.token(nil))
	if w.Code != http.StatusOK || caller == nil || caller.Kind != "token" || caller.Name != "alice" || len(caller.ID) != 32 || caller.May(auth.OrdersWrite) {
		t.Fatalf("%d %s, %+v", w.Code, w.Body, caller)
	}
	for name, change := range map[string]map[string]any{
		"a list of audiences": {"aud": []string{"x", "orders"}}, "scp as text": {"scope": nil, "scp": "orders:read"}, "scp as list": {"scope": nil, "scp": []string{"x", "orders:read"}},
	} {
		if w, _ := ask(t, guard, "Bearer "+p.token(change)); w.Code != http.StatusOK {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	for name, change := range map[string]map[string]any{
		"another scope": {"scope": "orders:write"}, "a scope that only begins so": {"scope": "orders:readall"}, "no scope": {"scope": nil}, "a scope that is no text": {"scope": 7},
	} {
		if w, caller := ask(t, guard, "Bearer "+p.token(change)); w.Code != http.StatusForbidden || caller != nil {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	// What was found good is good until it expires, and not longer.
	good := p.token(nil)
	for _, at := range []time.Duration{0, time.Minute, 59*time.Minute + 59*time.Second} {
		now.Set(start.Add(at))
		if w, _ := ask(t, guard, "Bearer "+good); w.Code != http.StatusOK {
			t.Errorf("after %v: %d %s", at, w.Code, w.Body)
		}
	}
	now.Set(start.Add(time.Hour))
	refused(t, guard, "it has expired", "Bearer "+good)
	if asked := p.asked.Load(); asked != 1 {
		t.Errorf("the issuer was asked for its keys %d times", asked)
	}
}

func TestATokenThatIsNotTheIssuersIsRefused(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	guard := p.guard(clock.NewManual(start))
	encode := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	good := p.token(nil)
	parts := strings.Split(good, ".")
	none := func(alg string) string {
		return encode(map[string]string{"alg": alg, "kid": "one"}) + "." + parts[1] + "."
	}
	public, err := json.Marshal(jose.JSONWebKey{Key: p.keys["one"].Public()})
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct{ token, detail string }{
		"alg none":                     {none("none"), "refused"},
		"alg None":                     {none("None"), "refused"},
		"alg none with a signature":    {none("none") + parts[2], "refused"},
		"HMAC with the public key":     {p.sign(public, "one", jose.HS256, p.claims(nil)), "algorithm"},
		"another's key":                {p.sign(newRSA(t), "one", jose.RS256, p.claims(nil)), "signature"},
		"an unknown key id":            {p.sign(newRSA(t), "two", jose.RS256, p.claims(nil)), "signature"},
		"another algorithm of the key": {p.sign(p.keys["one"], "one", jose.PS256, p.claims(nil)), "algorithm"},
		"claims of another token":      {parts[0] + "." + encode(p.claims(map[string]any{"scope": "ops:write"})) + "." + parts[2], "signature"},
		"no signature":                 {parts[0] + "." + parts[1] + ".", "refused"},
		"two parts":                    {parts[0] + "." + parts[1], "malformed"},
		"another audience":             {p.token(map[string]any{"aud": "others"}), "audience"},
		"no audience":                  {p.token(map[string]any{"aud": nil}), "audience"},
		"another issuer":               {p.token(map[string]any{"iss": "https://issuer.example"}), "another issuer"},
		"expired":                      {p.token(map[string]any{"exp": start.Add(-time.Second).Unix()}), "expired"},
		"no expiry":                    {p.token(map[string]any{"exp": nil}), "expired"},
		"not before, in two minutes":   {p.token(map[string]any{"nbf": start.Add(2 * time.Minute).Unix()}), "not valid yet"},
		"not before, in an hour":       {p.token(map[string]any{"nbf": start.Add(time.Hour).Unix()}), "not valid yet"},
		"no subject":                   {p.token(map[string]any{"sub": nil}), "no subject"},
		"no token":                     {"x", "malformed"},
		"dots":                         {"..", "refused"},
		"long":                         {strings.Repeat("a", 30_000) + ".b.c", "refused"},
	} {
		t.Run(name, func(t *testing.T) { refused(t, guard, tc.detail, "Bearer "+tc.token) })
	}
	if w, _ := ask(t, guard, "Bearer "+good); w.Code != http.StatusOK {
		t.Errorf("the good one: %d %s", w.Code, w.Body)
	}
}

func TestTheIssuerChangesItsKey(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	guard := p.guard(clock.NewManual(start))
	if w, _ := ask(t, guard, "Bearer "+p.token(nil)); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	second := p.rotate()
	if w, _ := ask(t, guard, "Bearer "+p.sign(second, "two", jose.RS256, p.claims(nil))); w.Code != http.StatusOK {
		t.Errorf("the new key: %d %s", w.Code, w.Body)
	}
}

// rotate publishes another key instead of the first one.
func (p *provider) rotate() *rsa.PrivateKey {
	second := newRSA(p.t)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = map[string]*rsa.PrivateKey{"two": second}
	return second
}

// TestAKeyThatTheIssuerWithdrew is taken until the keys are renewed, and no longer, whether the token was seen before or not.
func TestAKeyThatTheIssuerWithdrew(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	guard := p.guard(clock.NewManual(start))
	if err := guard.Issuer.Renew(t.Context()); err != nil || p.found.Load() != 0 {
		t.Errorf("before the first token: %v", err)
	}
	seen, unseen := p.token(nil), p.token(map[string]any{"jti": "unseen"})
	taken := func(when string) {
		t.Helper()
		if w, _ := ask(t, guard, "Bearer "+seen); w.Code != http.StatusOK {
			t.Fatalf("%s: %d %s", when, w.Code, w.Body)
		}
	}
	taken("before")
	p.rotate()
	p.keyless.Store(true)
	if err := guard.Issuer.Renew(t.Context()); err == nil {
		t.Error("keys were renewed that could not be had")
	}
	taken("while the issuer does not answer")
	if w, _ := ask(t, guard, "Bearer "+p.sign(p.first, "one", jose.RS256, p.claims(map[string]any{"jti": "a third"}))); w.Code != http.StatusOK {
		t.Errorf("while the issuer does not answer, for the first time: %d %s", w.Code, w.Body)
	}
	p.keyless.Store(false)
	if err := guard.Issuer.Renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	refused(t, guard, "signature", "Bearer "+seen)
	refused(t, guard, "signature", "Bearer "+unseen)
}

func TestAnIssuerThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	guard := p.guard(clock.NewManual(start))
	p.down.Store(true)
	w, caller := ask(t, guard, "Bearer "+p.token(nil))
	if w.Code != http.StatusServiceUnavailable || caller != nil || !strings.Contains(w.Body.String(), auth.CodeIssuerAway) || w.Header().Get("Retry-After") == "" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	p.down.Store(false)
	if w, _ := ask(t, guard, "Bearer "+p.token(nil)); w.Code != http.StatusOK {
		t.Errorf("once it answers again: %d %s", w.Code, w.Body)
	}
}

// TestKeysThatCannotBeHad: a token is not refused as forged because the issuer does not say with which keys it signs.
func TestKeysThatCannotBeHad(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	guard := p.guard(clock.NewManual(start))
	p.keyless.Store(true)
	if w, _ := ask(t, guard, "Bearer "+p.token(nil)); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), auth.CodeIssuerAway) {
		t.Errorf("without the keys: %d %s", w.Code, w.Body)
	}
	p.keyless.Store(false)
	if w, _ := ask(t, guard, "Bearer "+p.token(nil)); w.Code != http.StatusOK {
		t.Errorf("with them: %d %s", w.Code, w.Body)
	}
}

// TestManyFirstTokensAskTheIssuerOnce: after a start all clients come at once.
func TestManyFirstTokensAskTheIssuerOnce(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	guard := p.guard(clock.NewManual(start))
	token, together := p.token(nil), make(chan struct{})
	var done sync.WaitGroup
	for range 100 {
		done.Go(func() {
			<-together
			if w, _ := ask(t, guard, "Bearer "+token); w.Code != http.StatusOK {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
	close(together)
	done.Wait()
	if n := p.found.Load(); n != 1 {
		t.Errorf("the issuer was asked %d times where its keys are", n)
	}
}

// TestAFloodOfUnknownKeysDoesNotReachTheIssuer: anybody can make a token with a key id that nobody knows.
func TestAFloodOfUnknownKeysDoesNotReachTheIssuer(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	guard := p.guard(clock.NewManual(start))
	stranger := newRSA(t)
	began := time.Now()
	var done sync.WaitGroup
	for i := range 40 {
		token := p.sign(stranger, fmt.Sprint("key-", i), jose.RS256, p.claims(nil))
		done.Go(func() { refused(t, guard, "signature", "Bearer "+token) })
	}
	done.Wait()
	if asked, most := p.asked.Load(), int32(time.Since(began)/time.Second)+2; asked > most {
		t.Errorf("40 tokens made %d requests to the issuer, want at most %d, one a second", asked, most)
	}
}
