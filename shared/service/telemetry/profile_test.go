package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"ordertally/shared/auth"
	"ordertally/shared/auth/authtest"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/service/telemetry"
	"ordertally/shared/web"
)

func opsHandler(guard *auth.Guard) http.Handler {
	return telemetry.OpsHandler(telemetry.Ops{Registry: telemetry.NewRegistry(), Health: &telemetry.Health{},
		Guard: guard, Metrics: metrics()})
}

// askProfile asks from this machine, unless change says otherwise. code is that of a problem.
func askProfile(ctx context.Context, t *testing.T, h http.Handler, what string, change func(*http.Request)) (
	w *httptest.ResponseRecorder, code string) {
	t.Helper()
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "http://localhost:8081/debug/pprof/"+what, nil)
	r.RemoteAddr = "127.0.0.1:4711"
	if change != nil {
		change(r)
	}
	w = httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		var answer struct{ Code string }
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Errorf("%s: %d %s", what, w.Code, w.Body)
		}
		code = answer.Code
	}
	return w, code
}

func isProfile(answer []byte) bool { return bytes.HasPrefix(answer, []byte{0x1f, 0x8b}) } // they are gzip files

func TestProfile_IsTakenOfEachKind(t *testing.T) {
	h := opsHandler(auth.Unguarded())
	for _, what := range []string{"heap", "allocs", "goroutine", "heap?debug=0", "profile?seconds=1",
		"mutex?seconds=1", "block?seconds=1"} {
		began := time.Now()
		w, code := askProfile(t.Context(), t, h, what, nil)
		if w.Code != http.StatusOK || !isProfile(w.Body.Bytes()) {
			t.Errorf("%s: %d %s, %d bytes", what, w.Code, code, w.Body.Len())
		}
		if took := time.Since(began); strings.Contains(what, "seconds") && took < time.Second {
			t.Errorf("%s took %v", what, took)
		}
	}
	if w, _ := askProfile(t.Context(), t, h, "goroutine?debug=2", nil); !strings.Contains(w.Body.String(),
		"TestProfile_IsTakenOfEachKind") {
		t.Errorf("goroutines as text: %d %s", w.Code, w.Body)
	}
}

func TestProfile_NeedsAKeyWhereThereAreKeys(t *testing.T) {
	keys := authtest.Keys(t)
	h := opsHandler(&auth.Guard{Keys: keys})
	for _, tc := range []struct {
		credential, code string
		status           int
	}{{"", "unauthenticated", 401}, {authtest.Key(t, keys, auth.OpsRead), "insufficient_scope", 403},
		{authtest.Key(t, keys, auth.OpsWrite), "", 200}} {
		w, code := askProfile(t.Context(), t, h, "heap", func(r *http.Request) {
			auth.SetBearer(r, tc.credential)
			r.RemoteAddr, r.Host = "192.0.2.1:4711", "order.example" // a key is good from anywhere
		})
		if w.Code != tc.status || code != tc.code {
			t.Errorf("%d %q, want %d %q", w.Code, code, tc.status, tc.code)
		}
	}
}

func TestProfile_WithoutKeysIsForTheMachineItself(t *testing.T) {
	h := opsHandler(auth.Unguarded())
	for _, remote := range []string{"192.0.2.1:4711", "[2001:db8::1]:4711", "10.0.0.1:4711", "@", ""} {
		if w, code := askProfile(t.Context(), t, h, "heap", func(r *http.Request) {
			r.RemoteAddr = remote
			r.Header.Set("X-Forwarded-For", "127.0.0.1")
		}); w.Code != http.StatusForbidden || code != "forbidden" {
			t.Errorf("from %q: %d %s", remote, w.Code, code)
		}
	}
	if w, code := askProfile(t.Context(), t, h, "heap",
		func(r *http.Request) { r.Host = "evil.example:8081" }); w.Code != http.StatusForbidden {
		t.Errorf("from a page in a browser on the machine: %d %s", w.Code, code)
	}
}

func TestProfile_RefusesWhatIsNotOne(t *testing.T) {
	h := opsHandler(auth.Unguarded())
	for what, want := range map[string]string{
		"cmdline": "not_found", "trace": "not_found", "symbol": "not_found", "heapster": "not_found",
		"profile?seconds=0": "invalid_parameter", "profile?seconds=61": "invalid_parameter",
		"profile?seconds=-1": "invalid_parameter", "profile?seconds=": "invalid_parameter",
		"profile?seconds=1e1": "invalid_parameter", "profile?seconds=99999999999999999999": "invalid_parameter",
		"profile?seconds=9223372037": "invalid_parameter", "profile?seconds=1&seconds=2": "invalid_parameter",
		"profile?debug=1": "invalid_parameter", "mutex?debug=1": "invalid_parameter",
		"heap?seconds=1&debug=1": "invalid_parameter", "heap?debug=3": "invalid_parameter",
		"heap?gc=1": "invalid_parameter",
	} {
		w, code := askProfile(t.Context(), t, h, what, nil)
		if code != want || w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %q, want %q", what, w.Code, code, want)
		}
	}
}

// TestProfile_IsOneAtATime keeps a long one, which ends when its caller goes.
func TestProfile_IsOneAtATime(t *testing.T) {
	first, second := opsHandler(auth.Unguarded()), opsHandler(auth.Unguarded()) // two services of one process
	ctx, leave := context.WithCancel(t.Context())
	ended := make(chan *httptest.ResponseRecorder, 1)
	go func() {
		w, code := askProfile(ctx, t, first, "profile?seconds=60", nil)
		for code == "profile_running" { // one of those that look for it
			w, code = askProfile(ctx, t, first, "profile?seconds=60", nil)
		}
		ended <- w
	}()
	clocktest.Within(t, 10*time.Second, "it is taken", func() bool {
		w, code := askProfile(t.Context(), t, second, "heap", nil)
		return w.Code == http.StatusConflict && code == "profile_running" && w.Header().Get("Retry-After") != ""
	})
	leave()
	<-ended
	if w, code := askProfile(t.Context(), t, second, "heap", nil); w.Code != http.StatusOK {
		t.Errorf("afterwards: %d %s", w.Code, code)
	}
}

// TestProfile_OutlivesTheListenersDeadlines takes longer than the listener allows for other requests. A stop of the
// listener ends it early.
func TestProfile_OutlivesTheListenersDeadlines(t *testing.T) {
	server := web.New(web.Config{Addr: "127.0.0.1:0", Handler: opsHandler(auth.Unguarded()),
		Bounds: web.Bounds{ReadTimeout: 200 * time.Millisecond, WriteTimeout: 200 * time.Millisecond}}, zerolog.Nop())
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	take := func(what string) (int, []byte) {
		response, err := client.Get("http://" + server.Addr() + "/debug/pprof/" + what)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			return 0, nil
		}
		defer response.Body.Close()
		answer, err := io.ReadAll(response.Body)
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		return response.StatusCode, answer
	}
	for _, what := range []string{"profile?seconds=1", "goroutine?seconds=1"} {
		if status, answer := take(what); status != http.StatusOK || !isProfile(answer) {
			t.Errorf("%s: %d %q", what, status, answer)
		}
	}
	ended := make(chan bool, 1)
	go func() {
		status, answer := take("profile?seconds=60")
		for status == http.StatusConflict { // one of those that look for it
			status, answer = take("profile?seconds=60")
		}
		ended <- status == http.StatusOK && isProfile(answer)
	}()
	clocktest.Within(t, 10*time.Second, "it is taken", func() bool {
		status, _ := take("heap")
		return status == http.StatusConflict
	})
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
	defer cancel()
	if err := server.Stop(ctx); err != nil {
		t.Error(err)
	}
	if whole := <-ended; !whole {
		t.Error("a stop took what was profiled so far")
	}
}
