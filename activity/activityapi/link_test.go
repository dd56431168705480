package activityapi_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"ordertally/activity"
)

// TestAPI_SaysThatKafkaIsAway takes Kafka away: nobody knows any more how many messages wait, and the figures stay.
func TestAPI_SaysThatKafkaIsAway(t *testing.T) {
	s := newServer(t)
	s.order("a", "2025-11-24T10:00:00Z", "GBP", 100)
	const today = "/v1/activities/ORDER_CREATED/days/today"
	says := func(target, part string, want bool) {
		t.Helper()
		if got := s.get(target); strings.Contains(got, part) != want {
			t.Errorf("%s: %q is there: %t\n%s", target, part, !want, got)
		}
	}
	says(today, `"lagging":false,"lag":0`, true)
	says("/v1/activities", `"kafka":{"state":"up","since":"2025-11-24T23:30:00Z"}`, true)
	says("/v1/activities", "counted_through", false)

	s.progress.through = now.Add(-time.Minute)
	s.progress.link.Store(&activity.Link{State: activity.LinkDown, Since: now, Error: "refused"})
	says(today, `"lagging":true}`, true)
	says(today, `"lag":`, false)
	says(today, `"GBP":100`, true)
	says("/v1/activities", `"kafka":{"state":"down","since":"2025-11-24T23:30:00Z","error":"refused"}`, true)
	says("/v1/activities", `"counted_through":"2025-11-24T23:29:00Z"`, true)
	says("/", "All messages are counted", false)

	s.progress.link.Store(nil)
	says(today, `"lagging":false,"lag":0`, true)
}

// TestLive_SaysThatKafkaWentAway takes Kafka away and gives it back while somebody listens and nothing is counted.
func TestLive_SaysThatKafkaWentAway(t *testing.T) {
	s := newServer(t)
	web := httptest.NewServer(s.handler)
	t.Cleanup(web.Close)
	t.Cleanup(s.closeAPI)
	l := listen(t, web.URL, "", "")
	if e := l.next(); e.data.Lag == nil || *e.data.Lag != 0 {
		t.Fatalf("began with %+v", e)
	}
	s.progress.link.Store(&activity.Link{State: activity.LinkDown, Since: now})
	if e := l.next(); e.data.Lag != nil {
		t.Fatalf("%d wait, says a service that cannot know", *e.data.Lag)
	}
	s.progress.link.Store(nil)
	if e := l.next(); e.data.Lag == nil {
		t.Fatal("it is not known what waits, although Kafka is back")
	}
}
