package keyverbs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/rs/zerolog"

	"ordertally/shared/auth"
	"ordertally/shared/auth/authtest"
	"ordertally/shared/auth/keyapi"
	"ordertally/shared/boltdb"
	"ordertally/shared/settings"
	"ordertally/shared/web"
	"ordertally/shared/web/problem"
)

// answering is a service with the API of keys.
func answering(t *testing.T) (url string, keys *auth.Keys) {
	t.Helper()
	keys = authtest.Keys(t)
	guard := &auth.Guard{Keys: keys}
	api := keyapi.API{Guard: guard, Program: "order", Logger: zerolog.Nop()}
	routes := api.Routes(func(serve func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if p, refused := errors.AsType[problem.Problem](serve(w, r)); refused {
				problem.Write(w, r, p)
			}
		}
	})
	server := httptest.NewServer(web.NewRouter(guard.Protect(routes)))
	t.Cleanup(server.Close)
	return server.URL, keys
}

// typed runs a command line as the program does, and captures the output.
func typed(t *testing.T, env map[string]string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var commands struct {
		Keys Commands `cmd:""`
	}
	service := &Service{Format: boltdb.Format{Service: "order", Number: 1}, KeyVariable: "ORDERTALLY_TEST_KEY"}
	var sources *settings.Sources
	k, err := settings.Program{
		Name: "order", EnvPrefix: "ORDER", Stdout: &bytes.Buffer{},
		LookupEnv: func(name string) (string, bool) { text, ok := env[name]; return text, ok },
		Options:   []kong.Option{kong.Vars{"api_target": "http://127.0.0.1:1"}, kong.Bind(service)},
	}.Parse(&commands, append([]string{"keys"}, args...))
	if err != nil {
		return "", "", err
	}
	t.Setenv(service.KeyVariable, env["KEY"])
	out, err := os.CreateTemp(t.TempDir(), "stdout")
	if err != nil {
		t.Fatal(err)
	}
	said, err := os.CreateTemp(t.TempDir(), "stderr")
	if err != nil {
		t.Fatal(err)
	}
	realOut, realErr := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = out, said
	defer func() { os.Stdout, os.Stderr = realOut, realErr }()
	k.BindTo(t.Context(), (*context.Context)(nil))
	err = k.Run(sources)
	read := func(f *os.File) string {
		text, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	return read(out), read(said), err
}

func TestVerbs_AskTheRunningService(t *testing.T) {
	url, keys := answering(t)
	admin := authtest.Key(t, keys, auth.KeysWrite, auth.OrdersRead)
	// A file that a setting of serve names is ignored and not made.
	data := filepath.Join(t.TempDir(), "order.db")
	env := map[string]string{"KEY": admin, "ORDER_TARGET": url, "ORDER_DATA": data}
	began := time.Now()
	stdout, stderr, err := typed(t, env, "new", "shop", "--scopes", "orders:read", "-o", "json")
	if err != nil || stderr != "" {
		t.Fatal(stdout, stderr, err)
	}
	var made struct {
		ID, Key, Name string
		Scopes        []string
		ExpiresAt     time.Time `json:"expires_at"`
	}
	if err := json.Unmarshal([]byte(stdout), &made); err != nil || made.Name != "shop" ||
		!slices.Equal(made.Scopes, []string{"orders:read"}) || !strings.HasPrefix(made.Key, "ot_"+made.ID) {
		t.Errorf("%v %s", err, stdout)
	}
	if left := made.ExpiresAt.Sub(began); left < 90*24*time.Hour-time.Minute || left > 90*24*time.Hour+time.Minute {
		t.Errorf("by default it is good for %v", left)
	}
	stdout, stderr, err = typed(t, env, "new", "till", "--scopes", "orders:read", "--never-expires")
	if err != nil || !strings.HasPrefix(stdout, "ot_") || strings.Count(stdout, "\n") != 1 ||
		!strings.Contains(stderr, "for ever") {
		t.Errorf("%q %q %v", stdout, stderr, err)
	}
	stdout, _, err = typed(t, env, "revoke", made.ID)
	if err != nil || stdout != "key "+made.ID+" is revoked\n" {
		t.Errorf("%q %v", stdout, err)
	}
	stdout, _, err = typed(t, env, "ls")
	if lines := slices.Collect(strings.Lines(stdout)); err != nil || len(lines) != 4 ||
		!strings.Contains(stdout, "shop  revoked") || !strings.Contains(stdout, "till  active") {
		t.Errorf("%q %v", stdout, err)
	}
	for name, tc := range map[string]struct {
		args []string
		want string
		code int
	}{
		"a scope beyond its own": {[]string{"new", "a", "--scopes", "ops:write"}, "does not have the scope ops:write",
			settings.ExitFailed},
		"an unknown key": {[]string{"revoke", "aaaaaaaaaa"}, "No API key has that id", settings.ExitFailed},
		"no id":          {[]string{"revoke", ".."}, "no key has that id", settings.ExitFailed},
		"contradicting": {[]string{"new", "a", "--scopes", "orders:read", "--expires", "1d",
			"--never-expires"}, "contradict", settings.ExitUsage},
		"a duration of words": {[]string{"new", "a", "--scopes", "orders:read", "--expires", "soon"}, "90d",
			settings.ExitUsage},
		"over already": {[]string{"new", "a", "--scopes", "orders:read", "--expires=-1d"}, "is not between",
			settings.ExitUsage},
		"for centuries": {[]string{"new", "a", "--scopes", "orders:read", "--expires", "99999999999d"},
			"is not between 1s and 3650d", settings.ExitUsage},
		"no URL":       {[]string{"ls", "--target", "order:8080"}, "--target", settings.ExitUsage},
		"nobody there": {[]string{"ls", "--target", "http://127.0.0.1:1"}, "--data", settings.ExitFailed},
	} {
		stdout, _, err := typed(t, env, tc.args...)
		if err == nil || settings.ExitCode(err) != tc.code || !strings.Contains(err.Error(), tc.want) || stdout != "" {
			t.Errorf("%s: exit %d, %v, %q", name, settings.ExitCode(err), err, stdout)
		}
	}
	if len(keys.List()) != 3 {
		t.Errorf("%d keys", len(keys.List()))
	}
	if _, err := os.Stat(data); err == nil {
		t.Error("the file of serve was made")
	}
	env["KEY"] = authtest.Key(t, keys, auth.OrdersRead)
	if _, _, err := typed(t, env, "ls"); err == nil || !strings.Contains(err.Error(), "keys:write") {
		t.Errorf("without the scope: %v", err)
	}
	// An answer from some other program is no list and no key.
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, url+r.URL.Path, http.StatusTemporaryRedirect)
	}))
	t.Cleanup(other.Close)
	if _, _, err := typed(t, env, "ls", "--target", other.URL); err == nil ||
		!strings.Contains(err.Error(), "not an answer of the service") {
		t.Errorf("a redirect: %v", err)
	}
}

func TestVerbs_LifetimesInDays(t *testing.T) {
	for text, want := range map[string]time.Duration{"1d": day, "90d": 90 * day, "3650d": 3650 * day,
		"12h30m": 12*time.Hour + 30*time.Minute, "1.5s": time.Second} {
		var l lifetime
		if err := l.UnmarshalText([]byte(text)); err != nil || time.Duration(l) != want {
			t.Errorf("%s: %v, %v", text, time.Duration(l), err)
		}
	}
	for _, text := range []string{"", "d", "0d", "-1d", "1.5d", "3651d", "90", "999ms", "1y", "9223372036854775808d",
		" 1d"} {
		var l lifetime
		if err := l.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q: %v", text, time.Duration(l))
		}
	}
}
