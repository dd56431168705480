package ratelimit_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"ordertally/shared/auth"
	"ordertally/shared/auth/authtest"
	"ordertally/shared/auth/ratelimit"
	"ordertally/shared/settings"
	"ordertally/shared/web"
	"ordertally/shared/web/problem"
)

func ok(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }

func ask(h http.Handler, from, credential string) *http.Response {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = from
	auth.SetBearer(r, credential)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func TestLimiter_LimitsAnAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := prometheus.NewRegistry()
		h := ratelimit.New(ratelimit.Config{PerAddress: 2, Burst: 5 * time.Second}, reg).ByAddress(http.HandlerFunc(ok))
		for i := range 10 {
			answer := ask(h, "192.0.2.1:1000", "")
			if answer.StatusCode != http.StatusNoContent {
				t.Fatalf("request %d of a burst of 10: %s", i, answer.Status)
			}
			want := fmt.Sprintf(`"address";r=%d;t=%d`, 9-i, (i+2)/2)
			if got := answer.Header.Get("RateLimit"); got != want {
				t.Errorf("request %d: RateLimit %s, want %s", i, got, want)
			}
			if got := answer.Header.Get("RateLimit-Policy"); got != `"address";q=10;w=5` {
				t.Errorf("RateLimit-Policy %s", got)
			}
		}
		refused := ask(h, "192.0.2.1:2000", "") // another port is the same address
		if refused.StatusCode != http.StatusTooManyRequests || refused.Header.Get("Retry-After") != "1" ||
			refused.Header.Get("RateLimit") != `"address";r=0;t=5` ||
			refused.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("over the limit: %s %v", refused.Status, refused.Header)
		}
		if other := ask(h, "192.0.2.2:1000", ""); other.StatusCode != http.StatusNoContent {
			t.Errorf("another address: %s", other.Status)
		}
		<-time.After(time.Second)
		for i, want := range []int{204, 204, 429} {
			if got := ask(h, "192.0.2.1:1000", "").StatusCode; got != want {
				t.Errorf("a second later, request %d: %d, want %d", i, got, want)
			}
		}
		want := `# HELP http_rate_limited_total Requests answered with 429, by the limit that they exceeded.
# TYPE http_rate_limited_total counter
http_rate_limited_total{limit="address"} 2
http_rate_limited_total{limit="caller"} 0
`
		if err := testutil.GatherAndCompare(reg, strings.NewReader(want)); err != nil {
			t.Error(err)
		}
	})
}

func TestLimiter_TakesAnIPv6NetworkForOneAddress(t *testing.T) {
	h := ratelimit.New(ratelimit.Config{PerAddress: 0.01, Burst: time.Second},
		prometheus.NewRegistry()).ByAddress(http.HandlerFunc(ok))
	for _, tc := range []struct {
		from string
		want int
	}{
		{"[2001:db8::1]:1", 204}, {"[2001:db8::ffff:1]:1", 429}, {"[2001:db8:0:1::1]:1", 204},
		{"[::ffff:192.0.2.1]:1", 204}, {"192.0.2.1:1", 429},
	} {
		if got := ask(h, tc.from, "").StatusCode; got != tc.want {
			t.Errorf("%s: %d, want %d", tc.from, got, tc.want)
		}
	}
}

func TestLimiter_LimitsACaller(t *testing.T) {
	keys := authtest.Keys(t)
	routes := []web.Route{
		{Method: http.MethodGet, Path: "/", Scope: auth.OrdersRead, Handler: ok},
		{Method: http.MethodGet, Path: "/page", Scope: auth.Public, Handler: ok},
	}
	limiter := ratelimit.New(ratelimit.Config{PerCaller: 0.01, Burst: 300 * time.Second}, prometheus.NewRegistry())
	h := web.NewRouter((&auth.Guard{Keys: keys}).Protect(limiter.ByCaller(routes)))
	for range 5 {
		if answer := ask(h, "192.0.2.1:1", ""); answer.StatusCode != 204 || answer.Header.Get("RateLimit") != "" {
			t.Errorf("where nobody is known: %s %v", answer.Status, answer.Header)
		}
	}
	_, till, err := keys.New(t.Context(), "till", []string{auth.OrdersRead}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	first, second := authtest.Key(t, keys, auth.OrdersRead), authtest.Key(t, keys, auth.OrdersRead) // of one name
	for i, tc := range []struct {
		credential string
		want       int
	}{{first, 204}, {second, 204}, {first, 204}, {second, 429}, {till, 204}, {"wrong", 401}} {
		if got := ask(h, fmt.Sprintf("192.0.2.%d:1", i), tc.credential).StatusCode; got != tc.want {
			t.Errorf("request %d: %d, want %d", i, got, tc.want)
		}
	}
}

func TestLimiter_AgainCountsAsARequest(t *testing.T) {
	keys := authtest.Keys(t)
	key := authtest.Key(t, keys, auth.OrdersRead)
	reg := prometheus.NewRegistry()
	limiter := ratelimit.New(ratelimit.Config{PerCaller: 0.01, PerAddress: 1, Burst: 300 * time.Second}, reg)
	var refused []string
	routes := []web.Route{{Method: http.MethodGet, Path: "/", Scope: auth.OrdersRead,
		Handler: func(_ http.ResponseWriter, r *http.Request) {
			for range 4 {
				var p problem.Problem
				if err := limiter.Again(r); errors.As(err, &p) {
					refused = append(refused, fmt.Sprint(p.Status, p.Code, p.RetryAfter > time.Minute))
				}
			}
		}}}
	h := limiter.ByAddress(web.NewRouter((&auth.Guard{Keys: keys}).Protect(limiter.ByCaller(routes))))
	if answer := ask(h, "192.0.2.1:1", key); answer.StatusCode != http.StatusOK {
		t.Fatal(answer.Status)
	}
	if want := "[429rate_limitedtrue 429rate_limitedtrue]"; fmt.Sprint(refused) != want { // of 1 and 4, 3 are allowed
		t.Errorf("refused %v, want %s", refused, want)
	}
	if answer := ask(h, "192.0.2.1:1", key); answer.StatusCode != http.StatusTooManyRequests {
		t.Errorf("another request: %s", answer.Status)
	}
}

func TestConfig_RefusesLimitsOutOfRange(t *testing.T) {
	for _, tc := range []struct {
		config ratelimit.Config
		want   string
	}{
		{ratelimit.Config{PerCaller: -1}, "rate-limit-caller: -1"},
		{ratelimit.Config{PerAddress: 2e6}, "rate-limit-address: 2e+06"},
		{ratelimit.Config{Burst: time.Millisecond}, "rate-limit-burst: 1ms"},
		{ratelimit.Config{Burst: 2 * time.Hour}, "rate-limit-burst: 2h"},
	} {
		if err := settings.Complete(&tc.config, ""); err == nil || !strings.HasPrefix(err.Error(), tc.want) {
			t.Errorf("%+v: %v, want %s", tc.config, err, tc.want)
		}
	}
	good := ratelimit.Config{PerCaller: 5, PerAddress: 0.5, Burst: time.Minute}
	if err := settings.Complete(&good, ""); err != nil {
		t.Error(err)
	}
}
