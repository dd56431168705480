package telemetry_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"ordertally/shared/auth"
	"ordertally/shared/auth/authtest"
	"ordertally/shared/service/telemetry"
)

// levelRig is an ops listener whose log has the level warn.
type levelRig struct {
	t       *testing.T
	level   telemetry.Level
	handler http.Handler
}

func newLevelRig(t *testing.T, guard *auth.Guard) *levelRig {
	r := &levelRig{t: t}
	r.level.Set(zerolog.WarnLevel)
	r.handler = telemetry.OpsHandler(telemetry.Ops{Registry: telemetry.NewRegistry(), Health: &telemetry.Health{},
		Level: &r.level, Guard: guard, Metrics: metrics()})
	return r
}

// ask sends a request, which change may modify. A refused request gets a problem and changes nothing.
func (r *levelRig) ask(method, body string, change func(*http.Request)) (status int, code string) {
	r.t.Helper()
	before := r.level.Get()
	q := httptest.NewRequestWithContext(r.t.Context(), method, "http://localhost:8081/loglevel",
		strings.NewReader(body))
	q.Header.Set("Content-Type", "application/json")
	q.RemoteAddr = "127.0.0.1:4711"
	change(q)
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, q)
	var answer struct{ Code, Level string }
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		r.t.Fatalf("%s: %v", w.Body, err)
	}
	after := r.level.Get()
	switch {
	case w.Code != http.StatusOK && after != before:
		r.t.Errorf("%d %s changed the level to %s", w.Code, answer.Code, after)
	case w.Code == http.StatusOK && answer.Level != after.String():
		r.t.Errorf("answered %q, the level is %s", answer.Level, after)
	}
	return w.Code, answer.Code
}

func TestTheLogLevelNeedsAKeyWhereThereAreKeys(t *testing.T) {
	keys := authtest.Keys(t)
	key, other := authtest.Key(t, keys, auth.OpsWrite),
		authtest.Key(t, keys, auth.OrdersWrite, auth.OrdersRead, auth.OrdersBackfill, auth.StatsRead, auth.OpsRead)
	r := newLevelRig(t, &auth.Guard{Keys: keys})
	for _, method := range []string{http.MethodGet, http.MethodPut} {
		for _, tc := range []struct {
			credential, code string
			status           int
		}{{"", "unauthenticated", 401}, {"wrong", "unauthenticated", 401}, {other, "insufficient_scope", 403},
			{key, "", 200}} {
			status, code := r.ask(method, `{"level":"debug"}`, func(q *http.Request) {
				auth.SetBearer(q, tc.credential)
				q.RemoteAddr, q.Host = "192.0.2.1:4711", "order.example" // a key is good from anywhere
			})
			if status != tc.status || code != tc.code {
				t.Errorf("%s: %d %q, want %d %q", method, status, code, tc.status, tc.code)
			}
		}
	}
	if level := r.level.Get(); level != zerolog.DebugLevel {
		t.Errorf("the level is %s", level)
	}
}

func TestTheLogLevelWithoutKeysIsForTheMachineItself(t *testing.T) {
	r := newLevelRig(t, auth.Unguarded())
	for _, remote := range []string{"192.0.2.1:4711", "[2001:db8::1]:4711", "[::ffff:192.0.2.1]:4711", "10.0.0.1:4711",
		"169.254.1.1:1", "@", ""} {
		if status, code := r.ask(http.MethodPut, `{"level":"debug"}`, func(q *http.Request) {
			q.RemoteAddr = remote
			q.Header.Set("X-Forwarded-For", "127.0.0.1")
		}); status != http.StatusForbidden || code != "forbidden" {
			t.Errorf("from %q: %d %s", remote, status, code)
		}
		if status, _ := r.ask(http.MethodGet, "",
			func(q *http.Request) { q.RemoteAddr = remote }); status != http.StatusOK {
			t.Errorf("looking at it from %q: %d", remote, status)
		}
	}
	if status, code := r.ask(http.MethodPut, `{"level":"debug"}`,
		func(q *http.Request) { q.Host = "evil.example:8081" }); status != http.StatusForbidden {
		t.Errorf("from a page in a browser on the machine: %d %s", status, code)
	}
	levels := []string{"trace", "debug", "info", "warn", "error"}
	for i, remote := range []string{"127.0.0.1:4711", "127.9.9.9:1", "[::1]:4711", "[::ffff:127.0.0.1]:4711"} {
		status, code := r.ask(http.MethodPut, `{"level":"`+levels[i]+`"}`,
			func(q *http.Request) { q.RemoteAddr = remote })
		if status != http.StatusOK || r.level.Get().String() != levels[i] {
			t.Errorf("from %s: %d %s, the level is %s", remote, status, code, r.level.Get())
		}
	}
}

func TestTheLogLevelIsOneOfFive(t *testing.T) {
	r := newLevelRig(t, auth.Unguarded())
	for _, tc := range []struct {
		body, code string
		status     int
	}{
		{``, "malformed_json", 400}, {`null`, "malformed_json", 400}, {`"debug"`, "malformed_json", 400},
		{`{"level":"debug"`, "malformed_json", 400}, {`{"level":"debug"}{}`, "malformed_json", 400},
		{`{"level":null}`, "malformed_json", 400}, {`{"level":""}`, "malformed_json", 400},
		{`{"level":1}`, "malformed_json", 400}, {`{"level":"debug","for":"ever"}`, "malformed_json", 400},
		{`{"level":"debug","level":"info"}`, "malformed_json", 400}, {`{}`, "invalid_level", 422},
		{`{"level":"loud"}`, "invalid_level", 422}, {`{"level":"fatal"}`, "invalid_level", 422},
		{`{"level":"panic"}`, "invalid_level", 422}, {`{"level":"disabled"}`, "invalid_level", 422},
		{`{"level":"-1"}`, "invalid_level", 422}, {`{"level":" debug"}`, "invalid_level", 422},
		{`{"level":"` + strings.Repeat("d", 300) + `"}`, "body_too_large", 413},
	} {
		if status, code := r.ask(http.MethodPut, tc.body, func(*http.Request) {}); status != tc.status ||
			code != tc.code {
			t.Errorf("%s: %d %s, want %d %s", tc.body, status, code, tc.status, tc.code)
		}
	}
	if status, code := r.ask(http.MethodPut, `{"level":"debug"}`,
		func(q *http.Request) {
			q.Header.Set("Content-Type",
				"text/plain")
		}); status != http.StatusUnsupportedMediaType {
		t.Errorf("as text: %d %s", status, code)
	}
}
