package auth_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"ordertally/shared/auth"
	"ordertally/shared/auth/authtest"
	"ordertally/shared/clock"
)

func issuerGuard(t *testing.T, p *authtest.Issuer, c clock.Clock) *auth.Guard {
	t.Helper()
	issuer, err := auth.NewIssuer(p.URL, authtest.Audience, c)
	if err != nil {
		t.Fatal(err)
	}
	g := &auth.Guard{Keys: &auth.Keys{}, Issuer: issuer}
	t.Cleanup(g.Close)
	return g
}

func TestIssuer_AcceptsItsToken(t *testing.T) {
	t.Parallel()
	p, now := authtest.NewIssuer(t, start), clock.NewManual(start)
	guard := issuerGuard(t, p, now)
	w, caller := ask(t, guard, "Bearer "+p.Token(nil))
	if w.Code != http.StatusOK || caller == nil || caller.Kind != "token" || caller.Name != "alice" ||
		len(caller.ID) != 32 || caller.May(auth.OrdersWrite) {
		t.Fatalf("%d %s, %+v", w.Code, w.Body, caller)
	}
	for name, change := range map[string]map[string]any{
		"a list of audiences": {"aud": []string{"x", "orders"}}, "scp as text": {"scope": nil, "scp": "orders:read"},
		"scp as list": {"scope": nil, "scp": []string{"x", "orders:read"}},
	} {
		if w, _ := ask(t, guard, "Bearer "+p.Token(change)); w.Code != http.StatusOK {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	for name, change := range map[string]map[string]any{
		"another scope": {"scope": "orders:write"}, "a scope that only begins so": {"scope": "orders:readall"},
		"no scope": {"scope": nil}, "a scope that is no text": {"scope": 7},
	} {
		if w, caller := ask(t, guard, "Bearer "+p.Token(change)); w.Code != http.StatusForbidden || caller != nil {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	// An accepted token is accepted until it expires, and no longer.
	good := p.Token(nil)
	for _, at := range []time.Duration{0, time.Minute, 59*time.Minute + 59*time.Second} {
		now.Set(start.Add(at))
		if w, _ := ask(t, guard, "Bearer "+good); w.Code != http.StatusOK {
			t.Errorf("after %v: %d %s", at, w.Code, w.Body)
		}
	}
	now.Set(start.Add(time.Hour))
	refused(t, guard, "it has expired", "Bearer "+good)
	if asked := p.Asked.Load(); asked != 1 {
		t.Errorf("the issuer was asked for its keys %d times", asked)
	}
}

func TestIssuer_RefusesATokenThatIsNotItsOwn(t *testing.T) {
	t.Parallel()
	p := authtest.NewIssuer(t, start)
	guard := issuerGuard(t, p, clock.NewManual(start))
	encode := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	good := p.Token(nil)
	parts := strings.Split(good, ".")
	none := func(alg string) string {
		return encode(map[string]string{"alg": alg, "kid": "one"}) + "." + parts[1] + "."
	}
	public, err := json.Marshal(jose.JSONWebKey{Key: p.First.Public()})
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct{ token, detail string }{
		"alg none":                     {none("none"), "refused"},
		"alg None":                     {none("None"), "refused"},
		"alg none with a signature":    {none("none") + parts[2], "refused"},
		"HMAC with the public key":     {p.Sign(public, "one", jose.HS256, p.Claims(nil)), "algorithm"},
		"another's key":                {p.Sign(authtest.NewRSA(t), "one", jose.RS256, p.Claims(nil)), "signature"},
		"an unknown key id":            {p.Sign(authtest.NewRSA(t), "two", jose.RS256, p.Claims(nil)), "signature"},
		"another algorithm of the key": {p.Sign(p.First, "one", jose.PS256, p.Claims(nil)), "algorithm"},
		"claims of another token": {parts[0] + "." + encode(p.Claims(map[string]any{"scope": "ops:write"})) + "." +
			parts[2], "signature"},
		"no signature":     {parts[0] + "." + parts[1] + ".", "refused"},
		"two parts":        {parts[0] + "." + parts[1], "malformed"},
		"another audience": {p.Token(map[string]any{"aud": "others"}), "audience"},
		"no audience":      {p.Token(map[string]any{"aud": nil}), "audience"},
		"another issuer":   {p.Token(map[string]any{"iss": "https://issuer.example"}), "another issuer"},
		"expired":          {p.Token(map[string]any{"exp": start.Add(-time.Second).Unix()}), "expired"},
		"no expiry":        {p.Token(map[string]any{"exp": nil}), "expired"},
		"not before, in two minutes": {p.Token(map[string]any{"nbf": start.Add(2 * time.Minute).Unix()}),
			"not valid yet"},
		"not before, in an hour": {p.Token(map[string]any{"nbf": start.Add(time.Hour).Unix()}), "not valid yet"},
		"Exp instead of exp": {p.Token(map[string]any{"exp": nil, "Exp": start.Add(time.Hour).Unix()}),
			"case-sensitive"},
		"AUD instead of aud": {p.Token(map[string]any{"aud": nil, "AUD": "orders"}), "case-sensitive"},
		"Scope beside scope": {p.Token(map[string]any{"Scope": "orders:read ops:write"}), "case-sensitive"},
		"an expiry of text":  {p.Token(map[string]any{"exp": "tomorrow"}), "not readable"},
		"no subject":         {p.Token(map[string]any{"sub": nil}), "no subject"},
		"no token":           {"x", "malformed"},
		"dots":               {"..", "refused"},
		"long":               {strings.Repeat("a", 30_000) + ".b.c", "refused"},
	} {
		t.Run(name, func(t *testing.T) { refused(t, guard, tc.detail, "Bearer "+tc.token) })
	}
	if w, _ := ask(t, guard, "Bearer "+good); w.Code != http.StatusOK {
		t.Errorf("the good one: %d %s", w.Code, w.Body)
	}
}

func TestIssuer_FollowsAChangedKey(t *testing.T) {
	t.Parallel()
	p := authtest.NewIssuer(t, start)
	guard := issuerGuard(t, p, clock.NewManual(start))
	if w, _ := ask(t, guard, "Bearer "+p.Token(nil)); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	second := p.Rotate()
	if w, _ := ask(t, guard, "Bearer "+p.Sign(second, "two", jose.RS256, p.Claims(nil))); w.Code != http.StatusOK {
		t.Errorf("the new key: %d %s", w.Code, w.Body)
	}
}

// It is accepted until then, whether the token was seen before or not.
func TestIssuer_RefusesAWithdrawnKeyAfterRenewing(t *testing.T) {
	t.Parallel()
	p := authtest.NewIssuer(t, start)
	guard := issuerGuard(t, p, clock.NewManual(start))
	if err := guard.Issuer.Renew(t.Context()); err != nil || p.Found.Load() != 0 {
		t.Errorf("before the first token: %v", err)
	}
	seen, unseen := p.Token(nil), p.Token(map[string]any{"jti": "unseen"})
	taken := func(when string) {
		t.Helper()
		if w, _ := ask(t, guard, "Bearer "+seen); w.Code != http.StatusOK {
			t.Fatalf("%s: %d %s", when, w.Code, w.Body)
		}
	}
	taken("before")
	p.Rotate()
	p.Keyless.Store(true)
	if err := guard.Issuer.Renew(t.Context()); err == nil {
		t.Error("keys were renewed that could not be had")
	}
	taken("while the issuer does not answer")
	if w, _ := ask(t, guard, "Bearer "+p.Sign(p.First, "one", jose.RS256,
		p.Claims(map[string]any{"jti": "a third"}))); w.Code != http.StatusOK {
		t.Errorf("while the issuer does not answer, for the first time: %d %s", w.Code, w.Body)
	}
	p.Keyless.Store(false)
	if err := guard.Issuer.Renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	refused(t, guard, "signature", "Bearer "+seen)
	refused(t, guard, "signature", "Bearer "+unseen)
}

func TestIssuer_IsAwayWithoutAnswer(t *testing.T) {
	t.Parallel()
	p := authtest.NewIssuer(t, start)
	guard := issuerGuard(t, p, clock.NewManual(start))
	p.Down.Store(true)
	w, caller := ask(t, guard, "Bearer "+p.Token(nil))
	if w.Code != http.StatusServiceUnavailable || caller != nil ||
		!strings.Contains(w.Body.String(), auth.KindIssuerAway.Code) || w.Header().Get("Retry-After") == "" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	p.Down.Store(false)
	if w, _ := ask(t, guard, "Bearer "+p.Token(nil)); w.Code != http.StatusOK {
		t.Errorf("once it answers again: %d %s", w.Code, w.Body)
	}
}

func TestIssuer_IsNotAskedAfterClose(t *testing.T) {
	t.Parallel()
	asked, ended := make(chan struct{}), make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done() // the service has hung up
		close(ended)
	}))
	defer hanging.Close()
	issuer, err := auth.NewIssuer(hanging.URL, authtest.Audience, clock.NewManual(start))
	if err != nil {
		t.Fatal(err)
	}
	guard := &auth.Guard{Keys: &auth.Keys{}, Issuer: issuer}
	answered := make(chan int)
	go func() {
		w, _ := ask(t, guard, "Bearer "+authtest.NewIssuer(t, start).Token(nil))
		answered <- w.Code
	}()
	<-asked
	guard.Close()
	select {
	case <-ended:
	case <-time.After(5 * time.Second): // less than an answer may take
		t.Error("the issuer is still being asked")
	}
	if status := <-answered; status != http.StatusServiceUnavailable {
		t.Errorf("whoever waited got %d", status)
	}
}

// Such a token must not be refused as forged.
func TestIssuer_SaysThatItsKeysCannotBeFetched(t *testing.T) {
	t.Parallel()
	p := authtest.NewIssuer(t, start)
	guard := issuerGuard(t, p, clock.NewManual(start))
	p.Keyless.Store(true)
	if w, _ := ask(t, guard, "Bearer "+p.Token(nil)); w.Code != http.StatusServiceUnavailable ||
		!strings.Contains(w.Body.String(), auth.KindIssuerAway.Code) {
		t.Errorf("without the keys: %d %s", w.Code, w.Body)
	}
	p.Keyless.Store(false)
	if w, _ := ask(t, guard, "Bearer "+p.Token(nil)); w.Code != http.StatusOK {
		t.Errorf("with them: %d %s", w.Code, w.Body)
	}
}

// After a start all clients come at once.
func TestIssuer_IsAskedOnceForManyFirstTokens(t *testing.T) {
	t.Parallel()
	p := authtest.NewIssuer(t, start)
	guard := issuerGuard(t, p, clock.NewManual(start))
	token, together := p.Token(nil), make(chan struct{})
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
	if n := p.Found.Load(); n != 1 {
		t.Errorf("the issuer was asked %d times where its keys are", n)
	}
}

// Anybody can make a token with an unknown key id.
func TestIssuer_IsNotReachedByAFloodOfUnknownKeys(t *testing.T) {
	t.Parallel()
	p := authtest.NewIssuer(t, start)
	guard := issuerGuard(t, p, clock.NewManual(start))
	stranger := authtest.NewRSA(t)
	began := time.Now()
	var done sync.WaitGroup
	for i := range 40 {
		token := p.Sign(stranger, fmt.Sprint("key-", i), jose.RS256, p.Claims(nil))
		done.Go(func() { refused(t, guard, "signature", "Bearer "+token) })
	}
	done.Wait()
	if asked, most := p.Asked.Load(), int32(time.Since(began)/time.Second)+2; asked > most {
		t.Errorf("40 tokens made %d requests to the issuer, want at most %d, one a second", asked, most)
	}
}
