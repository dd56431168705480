package auth_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"ordertally/shared/auth"
	"ordertally/shared/auth/authtest"
)

// askAs sends a request with that Host through AgainstPages. It returns the status and the problem's code.
func askAs(t *testing.T, g *auth.Guard, method, host string, header map[string]string) (int, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "/", nil)
	r.Host = host
	for name, value := range header {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	g.AgainstPages(http.HandlerFunc(func(w http.ResponseWriter,
		_ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
	})).ServeHTTP(w, r)
	var answer struct{ Code string }
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Fatalf("%s: %v", w.Body, err)
		}
	}
	return w.Code, answer.Code
}

func TestAgainstPages_RefusesTheHostOfAPage(t *testing.T) {
	open, closed := auth.Unguarded(), &auth.Guard{Keys: authtest.Keys(t)}
	authtest.Key(t, closed.Keys, auth.OrdersRead)
	for _, host := range []string{
		"127.0.0.1:8080", "127.0.0.1", "127.1.2.3:1", "localhost:8080", "localhost", "localhost.", "LocalHost:1",
		"order.localhost:8080", "[::1]:8080", "[::1]",
		"[::ffff:127.0.0.1]:80", "order:8080", "order", "10.0.0.1:8080", "[2001:db8::1]:8080", "0.0.0.0:8080", "",
		":8080",
	} {
		if status, code := askAs(t, open, http.MethodGet, host, nil); status != http.StatusNoContent {
			t.Errorf("Host %q: %d %s", host, status, code)
		}
	}
	for _, host := range []string{
		"evil.example", "evil.example:8080", "EVIL.example.", "localhost.evil.example", "127.0.0.1.evil.example:8080",
		"evillocalhost.example", "127.1", "0x7f.0.0.1", "a.b",
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			status, code := askAs(t, open, method, host, nil)
			if status != http.StatusMisdirectedRequest || code != "misdirected_request" {
				t.Errorf("%s of Host %q: %d %s", method, host, status, code)
			}
		}
		if status, code := askAs(t, closed, http.MethodPost, host,
			map[string]string{"Sec-Fetch-Site": "cross-site"}); status != http.StatusNoContent {
			t.Errorf("Host %q where there are keys: %d %s", host, status, code)
		}
	}
}

func TestAgainstPages_RefusesChangesByForeignPages(t *testing.T) {
	for _, tc := range []struct {
		method string
		header map[string]string
		want   int
	}{
		{http.MethodPost, nil, 204}, // not a browser
		{http.MethodPost, map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost:8080"}, 204},
		{http.MethodPost, map[string]string{"Sec-Fetch-Site": "none"}, 204},
		{http.MethodPost, map[string]string{"Sec-Fetch-Site": "cross-site"}, 403},
		{http.MethodPut, map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost:8080"}, 403},
		{http.MethodDelete, map[string]string{"Sec-Fetch-Site": "same-site"}, 403},  // another port of this machine
		{http.MethodPost, map[string]string{"Origin": "https://evil.example"}, 403}, // an old browser
		{http.MethodPost, map[string]string{"Origin": "null"}, 403},
		{http.MethodPost, map[string]string{"Origin": "http://localhost:8080"}, 204},
		// a link; the page cannot read the answer
		{http.MethodGet, map[string]string{"Sec-Fetch-Site": "cross-site"}, 204},
	} {
		status, code := askAs(t, auth.Unguarded(), tc.method, "localhost:8080", tc.header)
		if status != tc.want || (status == 403) != (code == "cross_origin_request") {
			t.Errorf("%s %v: %d %s, want %d", tc.method, tc.header, status, code, tc.want)
		}
	}
}
