package orderapi_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"ordertally/order/orderapi/apitest"
	"ordertally/shared/auth"
	"ordertally/shared/auth/authtest"
	"ordertally/shared/auth/ratelimit"
	"ordertally/shared/clock"
)

// answered sends a request with a credential and returns the answer without its body. The answer is also checked
// against the document.
func answered(t *testing.T, s *apitest.Service, method, path, credential, body string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	auth.SetBearer(r, credential)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response
}

// TestAPI_TellsTheLimits checks that every answer tells the sender's limits, and that a 429 tells when to come again.
func TestAPI_TellsTheLimits(t *testing.T) {
	s := apitest.New(t, clock.NewManual(now))
	s.Limits = ratelimit.Config{PerAddress: 0.01, Burst: 200 * time.Second} // two requests, and then none for long
	s.Start()
	for range 2 {
		if h := answered(t, s, http.MethodGet, "/v1/orders", "", "").Header; h.Get("RateLimit") == "" ||
			h.Get("RateLimit-Policy") != `"address";q=2;w=200` {
			t.Errorf("within the limit: %v", h)
		}
	}
	response := answered(t, s, http.MethodGet, "/v1/orders", "", "")
	if h := response.Header; response.StatusCode != http.StatusTooManyRequests ||
		!strings.HasPrefix(h.Get("RateLimit"), `"address";r=0;t=`) || h.Get("Retry-After") == "" {
		t.Errorf("over it: %s %v", response.Status, h)
	}
}

// TestAPI_TellsWhatIsNeeded checks that a 401 and a 403 tell what would be enough. This includes the 403 for an order
// of the past, which depends on the body.
func TestAPI_TellsWhatIsNeeded(t *testing.T) {
	s := apitest.Start(t, clock.NewManual(now))
	shop := authtest.Key(t, s.Keys, auth.OrdersWrite)
	old := strings.Replace(small, "{", `{"placed_at":"2010-12-01T08:26:00Z",`, 1)
	for name, c := range map[string]struct {
		credential, body string
		status           int
		says             string
	}{
		"nobody":      {"", small, http.StatusUnauthorized, `Bearer realm="ordertally"`},
		"no such key": {"ot_x", small, http.StatusUnauthorized, `Bearer realm="ordertally", error="invalid_token"`},
		"the past": {shop, old, http.StatusForbidden,
			`Bearer realm="ordertally", error="insufficient_scope", scope="orders:backfill"`},
	} {
		response := answered(t, s, http.MethodPost, "/v1/orders", c.credential, c.body)
		if says := response.Header.Get("WWW-Authenticate"); response.StatusCode != c.status || says != c.says {
			t.Errorf("%s: %s, %s", name, response.Status, says)
		}
	}
	response := answered(t, s, http.MethodGet, "/v1/orders", shop, "")
	if says := response.Header.Get("WWW-Authenticate"); response.StatusCode != http.StatusForbidden ||
		!strings.Contains(says, `scope="orders:read"`) {
		t.Errorf("reading: %s, %s", response.Status, says)
	}
}
