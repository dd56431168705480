package activityapi_test

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"ordertally/activity/activityapi"
	"ordertally/shared/auth"
	"ordertally/shared/auth/ratelimit"
	"ordertally/shared/clock"
)

// TestLive_EndsWithItsCredential opens a stream with a key. It must end when the key expires.
func TestLive_EndsWithItsCredential(t *testing.T) {
	s := newFile(t)
	keys, err := auth.OpenKeys(t.Context(), s.db, clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	expires := time.Now().Add(5 * time.Second)
	_, credential, err := keys.New(t.Context(), "short", []string{auth.StatsRead}, expires)
	if err != nil {
		t.Fatal(err)
	}
	s.serve(activityapi.Config{Listeners: maxListeners, Guard: &auth.Guard{Keys: keys}, Limiter: ratelimit.Unlimited()})
	web := httptest.NewServer(s.handler)
	t.Cleanup(web.Close)
	ask := func() *http.Response {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, web.URL+"/v1/activities/ORDER_CREATED/live",
			nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+credential)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = answer.Body.Close() })
		return answer
	}
	begun := false
	lines := bufio.NewScanner(ask().Body)
	for lines.Scan() { // until the stream or the test's time ends
		begun = begun || strings.HasPrefix(lines.Text(), "event: snapshot")
	}
	if !begun || lines.Err() != nil || time.Now().Before(expires.Truncate(time.Second)) {
		t.Errorf("begun: %v, ended at %v, %v; the key expires at %v", begun, time.Now(), lines.Err(), expires)
	}
	if status := ask().StatusCode; status != http.StatusUnauthorized {
		t.Errorf("after that: %d", status)
	}
}
