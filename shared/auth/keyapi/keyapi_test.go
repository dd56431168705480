package keyapi_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"ordertally/shared/auth"
	"ordertally/shared/auth/authtest"
	"ordertally/shared/auth/keyapi"
	"ordertally/shared/boltdb"
	"ordertally/shared/clock"
	"ordertally/shared/web"
	"ordertally/shared/web/openapi"
	"ordertally/shared/web/openapi/openapitest"
	"ordertally/shared/web/problem"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// service serves the API of the keys in a file.
type service struct {
	t     *testing.T
	path  string
	db    *boltdb.DB
	keys  *auth.Keys
	clock *clock.Manual
	log   *bytes.Buffer
	url   string
}

// newService starts a service. The issuer may be nil.
func newService(t *testing.T, issuer *auth.Issuer) *service {
	t.Helper()
	s := &service{t: t, path: filepath.Join(t.TempDir(), "keys.db"), clock: clock.NewManual(start),
		log: &bytes.Buffer{}}
	var err error
	if s.db, err = boltdb.Open(s.path, boltdb.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.db.Close() })
	if s.keys, err = auth.OpenKeys(t.Context(), s.db, s.clock); err != nil {
		t.Fatal(err)
	}
	guard := &auth.Guard{Keys: s.keys, Issuer: issuer}
	api := keyapi.API{Guard: guard, Program: "order", Logger: zerolog.New(zerolog.SyncWriter(s.log))}
	routes := api.Routes(func(serve func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			err := serve(w, r)
			p, known := errors.AsType[problem.Problem](err)
			switch {
			case known:
				problem.Write(w, r, p)
			case err != nil:
				t.Errorf("%s %s: %v", r.Method, r.URL, err)
			}
		}
	})
	document := openapi.Document(openapi.API{
		Title: "keys", Says: "keys", Routes: routes, Operations: keyapi.Operations(), Closed: keyapi.ClosedSets(),
		Problems: []problem.Kind{problem.KindInvalidParameter, problem.KindUnavailable},
	})
	web := httptest.NewServer(openapitest.Check(t, document, web.NewRouter(guard.Protect(routes))))
	t.Cleanup(web.Close)
	s.url = web.URL
	return s
}

// ask sends a request and reads the answer into value, which may be nil. It returns the status and a problem's code.
func (s *service) ask(method, path, credential, body string, value any) (status int, p problem.Problem) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	auth.SetBearer(r, credential)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if response.StatusCode >= 400 {
		value = &p
	}
	if value != nil {
		if err := json.Unmarshal(text, value); err != nil {
			s.t.Fatalf("%s %s: %d %s", method, path, response.StatusCode, text)
		}
	}
	return response.StatusCode, p
}

func TestKeys_AreMadeListedAndRevokedWhileTheServiceRuns(t *testing.T) {
	s := newService(t, nil)
	admin := authtest.Key(t, s.keys, auth.KeysWrite, auth.OrdersRead)
	var made keyapi.CreatedKey
	if status, p := s.ask("POST", "/v1/keys", admin, `{"name":"shop","scopes":["keys:write","orders:read"]}`,
		&made); status != http.StatusCreated {
		t.Fatalf("%d %v", status, p)
	}
	if !made.ExpiresAt.Equal(start.Add(90*24*time.Hour)) || made.Name != "shop" ||
		!strings.HasPrefix(made.Key, "ot_"+made.ID+"_") ||
		!slices.Equal(made.Scopes, []string{"keys:write", "orders:read"}) {
		t.Errorf("made %+v", made)
	}
	var never, hour keyapi.CreatedKey
	_, _ = s.ask("POST", "/v1/keys", made.Key, `{"name":"never","scopes":["orders:read"],"never_expires":true}`, &never)
	_, _ = s.ask("POST", "/v1/keys", made.Key, `{"name":"hour","scopes":["orders:read"],"expires_in":3600}`, &hour)
	if !never.ExpiresAt.IsZero() || !hour.ExpiresAt.Equal(start.Add(time.Hour)) {
		t.Errorf("never: %v, in an hour: %v", never.ExpiresAt, hour.ExpiresAt)
	}
	if status, p := s.ask("DELETE", "/v1/keys/"+made.ID, admin, "", nil); status != http.StatusNoContent {
		t.Fatalf("%d %v", status, p)
	}
	if status, p := s.ask("GET", "/v1/keys", made.Key, "", nil); status != http.StatusUnauthorized ||
		!strings.Contains(p.Detail, "revoked") {
		t.Errorf("the revoked key: %d %v", status, p)
	}
	// A repeated request.
	if status, p := s.ask("DELETE", "/v1/keys/"+made.ID, admin, "", nil); status != http.StatusNoContent {
		t.Errorf("again: %d %v", status, p)
	}
	var list keyapi.KeyList
	_, _ = s.ask("GET", "/v1/keys", admin, "", &list)
	by := map[string]keyapi.ListedKey{}
	for _, key := range list.Keys {
		by[key.Name] = key
	}
	if shop := by["shop"]; len(list.Keys) != 4 || shop.State != "revoked" || shop.CreatedBy != "key:test" ||
		shop.RevokedBy != "key:test" || shop.RevokedAt.IsZero() || shop.LastUse.IsZero() {
		t.Errorf("listed %+v", list)
	}
	if by["hour"].CreatedBy != "key:shop" || by["test"].CreatedBy != "" {
		t.Errorf("who made them: %+v", list)
	}
	// The keys in memory are those in the file.
	again, err := auth.OpenKeys(t.Context(), s.db, s.clock)
	if err != nil {
		t.Fatal(err)
	}
	for i, key := range again.List() {
		now := s.keys.List()[i]
		if key.ID != now.ID || !key.RevokedAt.Equal(now.RevokedAt) || key.CreatedBy != now.CreatedBy ||
			key.RevokedBy != now.RevokedBy {
			t.Errorf("the file has %+v, memory %+v", key, now)
		}
	}
	for _, want := range []string{`"an API key was made"`, `"an API key was revoked"`, `"by":"key:test"`,
		`"key":"` + made.ID} {
		if !strings.Contains(s.log.String(), want) {
			t.Errorf("the log lacks %s: %s", want, s.log)
		}
	}
	if secret := made.Key[len("ot_0123456789_"):]; strings.Contains(s.log.String(), secret) {
		t.Error("the log has the secret")
	}
}

// Neither a key nor a token may make a key with more scopes than its own, not even by way of a second key.
func TestKeys_NobodyGivesWhatTheyLack(t *testing.T) {
	made := authtest.NewIssuer(t, start)
	issuer, err := auth.NewIssuer(made.URL, authtest.Audience, clock.NewManual(start))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(issuer.Close)
	s := newService(t, issuer)
	token := made.Token(map[string]any{"scope": "keys:write stats:read", "sub": "carol"})
	var first keyapi.CreatedKey // of a service that an issuer closes: nobody is shut out
	if status, p := s.ask("POST", "/v1/keys", token, `{"name":"a","scopes":["keys:write"]}`,
		&first); status != http.StatusCreated {
		t.Fatalf("with a token: %d %v", status, p)
	}
	if by := s.keys.List()[0].CreatedBy; by != "token:carol" {
		t.Errorf("made by %q", by)
	}
	for name, credential := range map[string]string{"token": token, "key": first.Key} {
		for _, scope := range auth.Scopes() {
			may := scope == auth.KeysWrite || name == "token" && scope == auth.StatsRead
			status, p := s.ask("POST", "/v1/keys", credential, `{"name":"b","scopes":["`+scope+`"]}`, nil)
			if may != (status == http.StatusCreated) || !may &&
				(p.Code != "insufficient_scope" || !strings.Contains(p.Detail, scope)) {
				t.Errorf("a %s makes a key for %s: %d %v", name, scope, status, p)
			}
		}
	}
	if status, _ := s.ask("DELETE", "/v1/keys/"+first.ID, token, "", nil); status != http.StatusNoContent {
		t.Errorf("revoked with a token: %d", status)
	}
	if by := s.keys.List(); by[slices.IndexFunc(by,
		func(k auth.Key) bool { return k.ID == first.ID })].RevokedBy != "token:carol" {
		t.Errorf("revoked by: %+v", by)
	}
}

// The first key would shut out everybody else.
func TestKeys_TheFirstIsNotMadeOverTheAPI(t *testing.T) {
	s := newService(t, nil)
	status, p := s.ask("POST", "/v1/keys", "", `{"name":"a","scopes":["keys:write"]}`, nil)
	if status != http.StatusConflict || p.Code != "service_open" ||
		!strings.Contains(p.Detail, "order keys new NAME --scopes SCOPE,... --data FILE") || s.keys.Any() {
		t.Errorf("%d %v, %v", status, p, s.keys.List())
	}
	var list keyapi.KeyList
	if status, _ := s.ask("GET", "/v1/keys", "", "", &list); status != http.StatusOK || len(list.Keys) != 0 {
		t.Errorf("the list: %d %+v", status, list)
	}
	if status, p := s.ask("DELETE", "/v1/keys/aaaaaaaaaa", "", "", nil); status != http.StatusNotFound ||
		p.Code != "not_found" {
		t.Errorf("revoke: %d %v", status, p)
	}
}

// At the limit an expired or revoked key is forgotten, and never a valid one.
func TestKeys_AreBounded(t *testing.T) {
	s := newService(t, nil)
	admin := authtest.Key(t, s.keys, auth.KeysWrite)
	oldest, _, err := s.keys.New(t.Context(), "oldest", []string{auth.OrdersRead}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	s.clock.Advance(time.Minute)
	if _, err := s.keys.Revoke(t.Context(), oldest.ID); err != nil {
		t.Fatal(err)
	}
	made := make(chan error)
	for range auth.MaxKeys - 2 {
		go func() {
			_, _, err := s.keys.New(t.Context(), "many", []string{auth.OrdersRead}, time.Time{})
			made <- err
		}()
	}
	for range auth.MaxKeys - 2 {
		if err := <-made; err != nil {
			t.Fatal(err)
		}
	}
	const one = `{"name":"one","scopes":["keys:write"]}`
	if status, p := s.ask("POST", "/v1/keys", admin, one, nil); status != http.StatusCreated ||
		len(s.keys.List()) != auth.MaxKeys {
		t.Fatalf("%d %v, %d keys", status, p, len(s.keys.List()))
	}
	if _, err := s.keys.Revoke(t.Context(), oldest.ID); !errors.Is(err, auth.ErrNoKey) {
		t.Errorf("the oldest useless one: %v", err)
	}
	if status, p := s.ask("POST", "/v1/keys", admin, one, nil); status != http.StatusConflict ||
		p.Code != "too_many_keys" {
		t.Errorf("all are good: %d %v", status, p)
	}
}
