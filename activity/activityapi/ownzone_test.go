package activityapi_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"ordertally/activity"
	"ordertally/activity/activityapi"
	"ordertally/shared/auth"
	"ordertally/shared/auth/ratelimit"
)

// TestAPI_ADayIsOneOfTheServicesZone asks for days without a zone, "today" above all. The moment is one at which the
// zone and UTC have different dates.
func TestAPI_ADayIsOneOfTheServicesZone(t *testing.T) {
	for _, c := range []struct{ zone, order, today, minute string }{
		{"Asia/Kathmandu", "2025-11-24T20:00:00Z", "2025-11-25", "2025-11-24T20:00:00Z"},
		{"Pacific/Kiritimati", "2025-11-24T10:00:00Z", "2025-11-25", "2025-11-24T10:00:00Z"},
		{"America/Los_Angeles", "2025-11-24T08:00:00Z", "2025-11-24", "2025-11-24T08:00:00Z"},
	} {
		zone, err := activity.LoadZone(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		s := newFile(t)
		s.serve(activityapi.Config{Listeners: maxListeners, Guard: auth.Unguarded(), Limiter: ratelimit.Unlimited(),
			Zone: zone})
		s.order("a", c.order, "GBP", 7)
		s.order("b", "2025-11-23T09:00:00Z", "GBP", 7) // an earlier day in any zone
		for path, want := range map[string]string{
			days + "/today":         `"day":"` + c.today + `","tz":"` + c.zone + `","count":1,`,
			days + "/today/minutes": `"minutes":[{"minute":"` + c.minute + `"`,
			days + "/" + c.today:    `"tz":"` + c.zone + `","count":1,`,
			days + "?from=" + c.today + "&to=" + c.today: `"tz":"` + c.zone + `","from":"` + c.today + `","to":"` +
				c.today + `","days":[{"day":"` + c.today + `","count":1,`,
			"/": `<h1>Today, ` + c.today + `</h1><p>` + c.zone + `</p>`,
		} {
			if got := s.get(path); !strings.Contains(got, want) {
				t.Errorf("%s in %s: %.600s\nwant %s", path, c.zone, got, want)
			}
		}
		if got := s.get("/"); !strings.Contains(got, `<strong id="today-count">1</strong>`) {
			t.Errorf("the page in %s: %s", c.zone, got)
		}
		server := httptest.NewServer(s.handler)
		if e := listen(t, server.URL, "", "").next(); e.data.Day != c.today || e.data.Count != 1 {
			t.Errorf("live in %s: %+v", c.zone, e)
		}
		s.closeAPI()
		server.Close()
	}
	s := newServer(t)
	if script := s.get("/assets/page.js"); strings.Contains(script, "tz=UTC") ||
		!strings.Contains(script, `${base}/live`) {
		t.Error("the page's script asks for today in a zone of its own")
	}
}
