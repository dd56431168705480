package auth_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"ordertally/shared/auth"
	"ordertally/shared/web"
)

func TestConfig_SaysWhereAServiceMayListenWithoutKeys(t *testing.T) {
	f := newFile(t)
	guard := func(c auth.Config, addr string) error {
		_, err := c.Guard(t.Context(), f.db, addr, "order", "the.db")
		return err
	}
	for _, addr := range []string{"127.0.0.1:8080", "127.8.9.1:0", "[::1]:80", "localhost:1", "LOCALHOST:1",
		"[::ffff:127.0.0.1]:80"} {
		if err := guard(auth.Config{}, addr); err != nil {
			t.Errorf("%s: %v", addr, err)
		}
	}
	exposed := []string{"0.0.0.0:8080", ":8080", "[::]:80", "192.0.2.1:80", "example.org:80", "localhost.example:80",
		"127.0.0.1.example:1", "[::ffff:10.0.0.1]:80"}
	for _, addr := range exposed {
		err := guard(auth.Config{}, addr)
		if !errors.Is(err, auth.ErrExposed) || !strings.HasPrefix(err.Error(), "auth: ") {
			t.Errorf("%s: %v", addr, err)
			continue
		}
		for _, remedy := range []string{"order keys new", "--data the.db", "--oidc-issuer", "127.0.0.1",
			"--allow-unauthenticated"} {
			if !strings.Contains(err.Error(), remedy) {
				t.Errorf("%v does not name %s", err, remedy)
			}
		}
		if err := guard(auth.Config{AllowUnauthenticated: true}, addr); err != nil {
			t.Errorf("%s, allowed: %v", addr, err)
		}
		if err := guard(auth.Config{OIDCIssuer: "https://issuer.example", OIDCAudience: "orders"}, addr); err != nil {
			t.Errorf("%s, with an issuer: %v", addr, err)
		}
	}
	f.make("shop", time.Time{}, auth.OrdersRead)
	for _, addr := range exposed {
		if err := guard(auth.Config{}, addr); err != nil {
			t.Errorf("%s, with a key: %v", addr, err)
		}
	}
	closed, err := (&auth.Config{AllowUnauthenticated: true}).Guard(t.Context(), f.db, exposed[0], "order", "the.db")
	if err != nil {
		t.Fatal(err)
	}
	refused(t, closed, "Send a credential") // the flag does not open what has keys
}

func TestGuard_PanicsForARouteWithoutScope(t *testing.T) {
	for _, scope := range []string{"", "orders:reed"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("scope %q was taken", scope)
				}
			}()
			auth.Unguarded().Protect([]web.Route{
				{Method: "GET", Path: "/", Scope: scope, Handler: func(http.ResponseWriter, *http.Request) {}}})
		}()
	}
}

func TestConfig_ChecksTheIssuer(t *testing.T) {
	for _, tc := range []struct{ issuer, audience, want string }{
		{"", "", ""},
		{"https://issuer.example", "a", ""},
		{"http://127.0.0.1:9000/x", "a", ""},
		{"http://localhost/x", "a", ""},
		{"https://issuer.example", "", "oidc-audience: is needed"},
		{"", "a", "oidc-issuer is needed"},
		{"http://issuer.example", "a", "is not an https URL"},
		{"issuer.example", "a", "is not an https URL"},
		{"https://", "a", "is not an https URL"},
		{"https://me:sesame@issuer.example", "a",
			`oidc-issuer: "https://me:xxxxx@issuer.example" has a user name or password in it`},
		{"https://sesame@issuer.example", "a",
			`oidc-issuer: "https://xxxxx@issuer.example" has a user name or password in it`},
		{"https://me:ses ame@issuer.example", "a", `oidc-issuer: "[redacted]" is not an https URL`},
	} {
		err := (&auth.Config{OIDCIssuer: tc.issuer, OIDCAudience: tc.audience}).Validate("")
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%q %q: %v, want %q", tc.issuer, tc.audience, err, tc.want)
		}
		if err != nil && strings.Contains(err.Error(), "ame@") {
			t.Errorf("the password is shown: %v", err)
		}
	}
}
