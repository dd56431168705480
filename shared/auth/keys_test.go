package auth_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"go.etcd.io/bbolt"

	"ordertally/shared/auth"
	"ordertally/shared/boltdb"
	"ordertally/shared/clock"
	"ordertally/shared/web"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

var format = boltdb.Format{Service: "order", Number: 1}

// file is a service's file with its keys.
type file struct {
	t     *testing.T
	path  string
	clock *clock.Manual
	db    *boltdb.DB
	keys  *auth.Keys
}

func newFile(t *testing.T) *file {
	f := &file{t: t, path: filepath.Join(t.TempDir(), "service.db"), clock: clock.NewManual(start)}
	f.open()
	t.Cleanup(func() { _ = f.db.Close() })
	return f
}

func (f *file) open() {
	f.t.Helper()
	var err error
	if f.db, err = boltdb.Open(f.path, boltdb.Options{Format: format}); err != nil {
		f.t.Fatal(err)
	}
	if f.keys, err = auth.OpenKeys(f.t.Context(), f.db, f.clock); err != nil {
		f.t.Fatal(err)
	}
}

func (f *file) reopen() {
	f.t.Helper()
	if err := f.db.Close(); err != nil {
		f.t.Fatal(err)
	}
	f.open()
}

func (f *file) make(name string, expires time.Time, scopes ...string) (auth.Key, string) {
	f.t.Helper()
	key, credential, err := f.keys.New(f.t.Context(), name, scopes, expires)
	if err != nil {
		f.t.Fatal(err)
	}
	return key, credential
}

// ask sends a request with those Authorization headers to a route that needs orders:read. It returns the status, the
// answer, and the caller that the handler saw; nil if it was not called.
func ask(t *testing.T, guard *auth.Guard, headers ...string) (*httptest.ResponseRecorder, *auth.Caller) {
	t.Helper()
	var caller *auth.Caller
	router := web.NewRouter(guard.Protect(
		[]web.Route{{Method: "GET", Path: "/", Scope: auth.OrdersRead,
			Handler: func(_ http.ResponseWriter, r *http.Request) {
				caller = auth.FromContext(r.Context())
			}}}))
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	r.Header["Authorization"] = headers
	w := httptest.NewRecorder()
	router.ServeHTTP(w, r)
	return w, caller
}

func refused(t *testing.T, guard *auth.Guard, detail string, headers ...string) {
	t.Helper()
	w, caller := ask(t, guard, headers...)
	if w.Code != http.StatusUnauthorized || caller != nil || !strings.Contains(w.Body.String(), detail) ||
		!strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Bearer realm=") {
		t.Errorf("%.80q: %d %s %q, want 401 and %q", headers, w.Code, w.Body, w.Header().Get("WWW-Authenticate"),
			detail)
	}
}

func TestKeys_TellTheOwner(t *testing.T) {
	f := newFile(t)
	key, credential := f.make("shop", time.Time{}, auth.OrdersRead, auth.OrdersWrite)
	_, second := f.make("shop", time.Time{}, auth.OrdersRead)
	_, other := f.make("till", time.Time{}, auth.OrdersRead)
	f.reopen()
	guard := &auth.Guard{Keys: f.keys}
	w, caller := ask(t, guard, "Bearer "+credential)
	if w.Code != http.StatusOK || caller == nil || caller.Kind != "key" || caller.Name != "shop" ||
		!caller.May(auth.OrdersWrite) || caller.May(auth.OpsWrite) {
		t.Fatalf("%d %s, %+v", w.Code, w.Body, caller)
	}
	_, follower := ask(t, guard, "bearer "+second)
	_, stranger := ask(t, guard, "Bearer "+other)
	if follower.ID != caller.ID || stranger.ID == caller.ID || len(caller.ID) != 32 {
		t.Errorf("callers %q, %q of the same name and %q of another", caller.ID, follower.ID, stranger.ID)
	}
	id, secret := credential[3:13], credential[14:]
	if id != key.ID || len(secret) != 26 {
		t.Fatalf("credential %q of key %s", credential, key.ID)
	}
	if content, err := os.ReadFile(f.path); err != nil || bytes.Contains(content, []byte(secret)) ||
		!bytes.Contains(content, []byte(id)) {
		t.Errorf("the file has the secret, or not the id: %v", err)
	}
}

func TestKeys_RefuseABadCredential(t *testing.T) {
	f := newFile(t)
	_, good := f.make("shop", time.Time{}, auth.OrdersRead)
	_, brief := f.make("brief", start.Add(time.Hour), auth.OrdersRead)
	gone, revoked := f.make("gone", time.Time{}, auth.OrdersRead)
	if _, err := f.keys.Revoke(t.Context(), gone.ID); err != nil {
		t.Fatal(err)
	}
	_, weak := f.make("weak", time.Time{}, auth.OrdersWrite)
	f.reopen()
	guard := &auth.Guard{Keys: f.keys}

	if w, _ := ask(t, guard, "Bearer "+brief); w.Code != http.StatusOK {
		t.Errorf("before it expires: %d", w.Code)
	}
	f.clock.Advance(time.Hour)
	refused(t, guard, "expired", "Bearer "+brief)
	refused(t, guard, "revoked", "Bearer "+revoked)
	refused(t, guard, "not known", "Bearer "+good[:len(good)-1]+flip(good[len(good)-1]))
	refused(t, guard, "not known", "Bearer "+good[:3]+"aaaaaaaaaa"+good[13:])
	refused(t, guard, "not known", "Bearer "+weak[:14]+good[14:])
	refused(t, guard, "not an API key", "Bearer "+good+"x")
	refused(t, guard, "not an API key", "Bearer x")
	refused(t, guard, "Send a credential")
	for _, header := range []string{"", "Bearer", "Bearer ", good, "Basic " + good, "Digest x"} {
		refused(t, guard, "is not", header)
	}
	refused(t, guard, "is not", "Bearer "+good, "Bearer "+good)
	if w, caller := ask(t, guard, "Bearer "+weak); w.Code != http.StatusForbidden || caller != nil ||
		!strings.Contains(w.Header().Get("WWW-Authenticate"), `scope="orders:read"`) {
		t.Errorf("without the scope: %d %s", w.Code, w.Body)
	}
	if w, _ := ask(t, guard, "Bearer "+good); w.Code != http.StatusOK {
		t.Errorf("the good one: %d", w.Code)
	}
}

func flip(b byte) string {
	if b == 'a' {
		return "b"
	}
	return "a"
}

// Revoking the last key must not open the service to everybody.
func TestKeys_LetInNobodyAfterTheLastIsRevoked(t *testing.T) {
	f := newFile(t)
	if w, caller := ask(t, &auth.Guard{Keys: f.keys}); w.Code != http.StatusOK || caller != auth.Anonymous ||
		caller.ID != "" {
		t.Fatalf("without keys: %d, %+v", w.Code, caller)
	}
	key, _ := f.make("shop", time.Time{}, auth.OrdersRead)
	if _, err := f.keys.Revoke(t.Context(), key.ID); err != nil {
		t.Fatal(err)
	}
	f.reopen()
	refused(t, &auth.Guard{Keys: f.keys}, "Send a credential")
	again, err := f.keys.Revoke(t.Context(), key.ID)
	if err != nil || !again.RevokedAt.Equal(start) {
		t.Errorf("revoked again: %+v, %v", again, err)
	}
	if _, err := f.keys.Revoke(t.Context(), "x"); !errors.Is(err, auth.ErrNoKey) {
		t.Errorf("revoke of an unknown key: %v", err)
	}
}

func TestKeys_RefuseToMakeAKeyThatMakesNoSense(t *testing.T) {
	f := newFile(t)
	for _, tc := range []struct {
		name, want string
		scopes     []string
		expires    time.Time
	}{
		{"", "1 to 64 visible", []string{auth.OrdersRead}, time.Time{}},
		{"a b", "visible", []string{auth.OrdersRead}, time.Time{}},
		{strings.Repeat("n", 65), "1 to 64", []string{auth.OrdersRead}, time.Time{}},
		{"n", "name at least one", nil, time.Time{}},
		{"n", `did you mean "orders:read"`, []string{"order:read"}, time.Time{}},
		{"n", "there are orders:write", []string{"all"}, time.Time{}},
		{"n", "twice", []string{auth.OpsRead, auth.OpsRead}, time.Time{}},
		{"n", "no scope", []string{auth.Public}, time.Time{}},
		{"n", "expired already", []string{auth.OpsRead}, start},
	} {
		if _, _, err := f.keys.New(t.Context(), tc.name, tc.scopes, tc.expires); err == nil ||
			!strings.Contains(err.Error(), tc.want) {
			t.Errorf("%q %v: %v, want %q", tc.name, tc.scopes, err, tc.want)
		}
	}
	if f.keys.Any() {
		t.Error("a key was made")
	}
}

func TestKeys_WriteTheLastUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFile(t)
		f.make("unused", time.Time{}, auth.OrdersRead)
		f.clock.Advance(time.Second)
		_, credential := f.make("shop", time.Time{}, auth.OrdersRead)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- f.keys.Run(ctx, zerolog.Nop()) }()
		f.clock.Advance(time.Hour)
		if w, _ := ask(t, &auth.Guard{Keys: f.keys}, "Bearer "+credential); w.Code != http.StatusOK {
			t.Fatal(w.Code)
		}
		<-time.After(2 * time.Minute)
		synctest.Wait()
		stored, err := auth.OpenKeys(t.Context(), f.db, f.clock)
		if err != nil {
			t.Fatal(err)
		}
		list := stored.List()
		if len(list) != 2 || !list[0].LastUse.IsZero() || !list[1].LastUse.Equal(f.clock.Now()) {
			t.Errorf("after a minute: %+v", list)
		}
		f.clock.Advance(time.Hour)
		ask(t, &auth.Guard{Keys: f.keys}, "Bearer "+credential)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		f.reopen()
		if list := f.keys.List(); !list[1].LastUse.Equal(f.clock.Now()) {
			t.Errorf("after the end: %+v", list)
		}
		_ = f.db.Close()
	})
}

func TestKeys_FailForADamagedKey(t *testing.T) {
	f := newFile(t)
	key, _ := f.make("shop", time.Time{}, auth.OrdersRead)
	_ = f.db.Close()
	raw, err := bbolt.Open(f.path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = raw.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(auth.Bucket))
		sealed := bytes.Replace(b.Get([]byte(key.ID)), []byte(auth.OrdersRead), []byte("ops:write12"), 1)
		return b.Put([]byte(key.ID), sealed)
	})
	if err := errors.Join(err, raw.Close()); err != nil {
		t.Fatal(err)
	}
	db, err := boltdb.Open(f.path, boltdb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	f.db = db
	if _, err := auth.OpenKeys(t.Context(), db, f.clock); !errors.Is(err, boltdb.ErrCorrupt) {
		t.Errorf("got %v", err)
	}
}
