package activityapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"ordertally/activity"
	"ordertally/activity/activityapi"
	"ordertally/activity/activitystore"
	"ordertally/activity/activitytest"
	"ordertally/shared/auth"
	"ordertally/shared/auth/ratelimit"
	"ordertally/shared/boltdb"
	"ordertally/shared/clock"
	"ordertally/shared/web/openapi/openapitest"
)

var (
	def = activitytest.Orders()
	now = time.Date(2025, 11, 24, 23, 30, 0, 0, time.UTC)
)

// progress stands in for the ingest.
type progress struct {
	lag   map[int32]int64
	known bool
	// through is the moment until which everything is counted.
	through time.Time
	link    atomic.Pointer[activity.Link] // up if there is none
	commits chan chan struct{}            // holds the channel that the next commit closes
}

func (p *progress) Applied() <-chan struct{} {
	if p.commits == nil {
		return nil
	}
	next := <-p.commits
	p.commits <- next
	return next
}

// commit reports a commit to those that wait for one.
func (p *progress) commit() {
	close(<-p.commits)
	p.commits <- make(chan struct{})
}

func (p *progress) Through() time.Time { return p.through }

func (p *progress) Link() activity.Link {
	if link := p.link.Load(); link != nil {
		return *link
	}
	return activity.Link{State: activity.LinkUp, Since: now}
}

func (p *progress) Lag() (map[int32]int64, bool) { return p.lag, p.known }

// maxListeners is how many live streams a server of the tests allows.
const maxListeners = 8

type server struct {
	t        *testing.T
	path     string // of the file
	handler  http.Handler
	api      *activityapi.API
	store    *activitystore.Store
	db       *boltdb.DB
	progress *progress
	ledgers  *ledgers
	wall     *clock.Manual // the API's clock
}

// newServer returns a server that lets everybody in.
func newServer(t *testing.T) *server {
	t.Helper()
	s := newFile(t)
	s.serve(activityapi.Config{Listeners: maxListeners, Guard: auth.Unguarded(), Limiter: ratelimit.Unlimited()})
	return s
}

// newFile returns a server that does not answer until serve is called.
func newFile(t *testing.T) *server {
	t.Helper()
	s := &server{t: t, path: filepath.Join(t.TempDir(), "activity.db"), wall: clock.NewManual(now)}
	var err error
	if s.db, err = boltdb.Open(s.path, boltdb.Options{Format: activitystore.Format}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.db.Close() })
	s.store = s.open(def)
	s.progress = &progress{lag: map[int32]int64{0: 0, 1: 0}, known: true, commits: make(chan chan struct{}, 1)}
	s.progress.commits <- make(chan struct{})
	s.ledgers = &ledgers{Store: s.store}
	return s
}

// open opens the store of an activity in the server's file.
func (s *server) open(def activity.Definition) *activitystore.Store {
	s.t.Helper()
	store, err := activitystore.Open(s.t.Context(), s.db, def, activitystore.Options{Clock: clock.NewManual(now)})
	if err != nil {
		s.t.Fatal(err)
	}
	return store
}

// serve makes the server answer for the tests' activity, which comes before those in c.
func (s *server) serve(c activityapi.Config) { s.serveWith(c, s.store) }

// serveWith is serve with other statistics than the store's.
func (s *server) serveWith(c activityapi.Config, statistics activityapi.Statistics) {
	own := activityapi.Activity{Definition: def, Statistics: statistics, Progress: s.progress, Ledgers: s.store.Ledgers,
		Incidents: s.store.Incidents,
		Ledger:    s.ledgers.ledger}
	c.Activities = append([]activityapi.Activity{own}, c.Activities...)
	if c.Zone == (activity.Zone{}) {
		c.Zone = activity.UTC()
	}
	c.Clock, c.Logger = s.wall, zerolog.Nop()
	s.api = activityapi.New(c)
	s.handler = openapitest.Check(s.t, activityapi.Document(def), s.api)
	s.t.Cleanup(s.closeAPI)
}

func (s *server) closeAPI() {
	if s.api != nil {
		s.api.Close()
		s.api = nil
	}
}

// order counts an order of two lines and five units.
func (s *server) order(id, at, currency string, revenue int64) {
	s.t.Helper()
	placed, err := time.Parse(time.RFC3339, at)
	if err != nil {
		s.t.Fatal(err)
	}
	m := activity.Message{ID: id, Partition: 1, Offset: 11,
		Event: activitytest.Order{ID: id, At: placed, Items: 2, Units: 5, Currency: currency, Revenue: revenue,
			Customer: "c", Country: "France"}.Event()}
	_, err = s.store.Apply(s.t.Context(), &activity.Batch{
		Messages: []activity.Message{m}, Next: map[int32]activity.Position{1: {Offset: 12}},
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *server) do(method, target string) *http.Response {
	s.t.Helper()
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, httptest.NewRequestWithContext(s.t.Context(), method, target, nil))
	return w.Result()
}

// get returns the body of the answer, which must be a 200.
func (s *server) get(target string) string {
	s.t.Helper()
	response := s.do(http.MethodGet, target)
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		s.t.Fatalf("GET %s: %s %s (%v)", target, response.Status, body, err)
	}
	return strings.TrimSpace(string(body))
}

const days = "/v1/activities/ORDER_CREATED/days"

// TestDay_BeginsWithTheFirstSecondOfAll counts an order at the Unix epoch, and asks for its day in several zones.
func TestDay_BeginsWithTheFirstSecondOfAll(t *testing.T) {
	s := newServer(t)
	s.order("a", "1970-01-01T00:00:00Z", "GBP", 1)
	s.order("b", "1970-01-01T03:00:00Z", "GBP", 1)
	for target, want := range map[string]string{
		days + "/1970-01-01": `"first":"1970-01-01T00:00:00Z",` +
			`"last":"1970-01-01T03:00:00Z"`,
		days + "/1969-12-31?tz=America/New_York": `"first":"1970-01-01T00:00:00Z",` +
			`"last":"1970-01-01T03:00:00Z"`,
		days + "/1970-01-01?tz=Asia/Tokyo": `"first":"1970-01-01T00:00:00Z",` +
			`"last":"1970-01-01T03:00:00Z"`,
		days + "/1969-12-31?tz=Atlantic/Azores": `"first":"1970-01-01T00:00:00Z",` +
			`"last":"1970-01-01T00:00:00Z"`,
		days + "?from=1970-01-01&to=1970-01-01": `"first":"1970-01-01T00:00:00Z",` +
			`"last":"1970-01-01T03:00:00Z"`,
		days + "?from=1970-01-01&to=1970-01-31&by=month": `"first":"1970-01-01T00:00:00Z",` +
			`"last":"1970-01-01T03:00:00Z"`,
	} {
		if got := s.get(target); !strings.Contains(got, want) {
			t.Errorf("%s: %.400s\nwant %s", target, got, want)
		}
	}
}

func TestDay_HasItsFigures(t *testing.T) {
	s := newServer(t)
	s.order("a", "2010-12-01T23:30:00Z", "GBP", 5896000)
	s.order("b", "2010-12-01T00:00:00Z", "GBP", 79)
	s.order("c", "2010-12-01T12:00:00Z", "EUR", 1)
	s.order("d", "2010-12-02T00:00:00Z", "GBP", 1000)
	want := `{"activity":"ORDER_CREATED","day":"2010-12-01","tz":"UTC","count":3,"customers":1,"items":6,` +
		`"revenue":{"EUR":1,"GBP":5896079},"units":15,"first":"2010-12-01T00:00:00Z","last":"2010-12-01T23:30:00Z",` +
		`"stats":{"customers":{"exact":true},"items":{"count":3,"min":2,"mean":2,"max":2},` +
		`"revenue":{"EUR":{"count":1,"min":1,"mean":1,"max":1},"GBP":{"count":2,"min":79,"mean":2948039.5,` +
		`"max":5896000}},` +
		`"units":{"count":3,"min":5,"mean":5,"max":5}},` +
		`"dimensions":{"country":[{"value":"France","count":3,"revenue":{"EUR":1,"GBP":5896079},"units":15}]},"hours":[`
	for hour := range 24 {
		want += fmt.Sprintf(`{"hour":%d,"starts_at":"2010-12-01T%02d:00:00Z",`, hour, hour)
		switch hour {
		case 0:
			want += `"count":1,"customers":1,"items":2,"revenue":{"GBP":79},"units":5},`
		case 12:
			want += `"count":1,"customers":1,"items":2,"revenue":{"EUR":1},"units":5},`
		case 23:
			want += `"count":1,"customers":1,"items":2,"revenue":{"GBP":5896000},"units":5}`
		default:
			want += `"count":0,"customers":0,"items":0,"revenue":{},"units":0},`
		}
	}
	want += `],"final":false,"lag":0,"as_of":{"at":"2025-11-24T23:30:00Z","event_time":"2010-12-02T00:00:00Z",` +
		`"offsets":{"1":12},"lagging":false,"lag":0}}`
	for _, target := range []string{days + "/2010-12-01", days + "/2010-12-01?tz=UTC"} {
		if got := s.get(target); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", target, got, want)
		}
	}
	// In Berlin the first day ends an hour earlier, so the second day has two orders.
	if got := s.get(days + "/2010-12-02?tz=Europe/Berlin"); !strings.Contains(got, `"tz":"Europe/Berlin","count":2,`) {
		t.Errorf("got %s", got)
	}
}

// TestDay_EndsWhereItIsAskedTo asks for a day until a local time. Distinct customers are those until then.
func TestDay_EndsWhereItIsAskedTo(t *testing.T) {
	s := newServer(t)
	s.order("a", "2025-11-23T09:00:00Z", "GBP", 1)
	s.order("b", "2025-11-23T13:59:59Z", "GBP", 20)
	s.order("c", "2025-11-23T14:00:00Z", "GBP", 300)
	for until, want := range map[string]string{
		"14:00": `"count":2`, "14:15": `"count":3`, "00:00": `"count":0`, "15:00&tz=Europe/Paris": `"count":2`,
	} {
		if got := s.get(days + "/2025-11-23?until=" + until); !strings.Contains(got, want) {
			t.Errorf("until %s: %s", until, got)
		}
	}
	for _, bad := range []string{"14:07", "24:00", "4:00", "14:00:00", "x"} {
		if r := s.do(http.MethodGet, days+"/2025-11-23?until="+bad); r.StatusCode != http.StatusBadRequest {
			t.Errorf("until=%s: %s", bad, r.Status)
		}
	}
}

func TestDay_WithoutOrdersIsZeros(t *testing.T) {
	s := newServer(t)
	want := `{"activity":"ORDER_CREATED","day":"2011-12-30","tz":"Pacific/Apia","count":0,"customers":0,"items":0,` +
		`"revenue":{},"units":0,` +
		`"stats":{},"dimensions":{"country":[]},"hours":[],"final":true,"lag":0,"as_of":{"offsets":{},` +
		`"lagging":false,"lag":0}}`
	if got := s.get(days + "/2011-12-30?tz=Pacific%2FApia"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestToday_IsThatOfTheZone(t *testing.T) {
	s := newServer(t)
	for zone, want := range map[string]string{"UTC": "2025-11-24", "Europe/Berlin": "2025-11-25",
		"America/New_York": "2025-11-24"} {
		if got := s.get(days + "/today?tz=" + zone); !strings.Contains(got, `"day":"`+want+`"`) {
			t.Errorf("%s: %s", zone, got)
		}
	}
}

func TestRange_HasEveryDay(t *testing.T) {
	s := newServer(t)
	s.order("a", "2010-12-01T23:59:59Z", "GBP", 1)
	s.order("b", "2010-12-03T00:00:00Z", "GBP", 2)
	want := `{"activity":"ORDER_CREATED","tz":"UTC","from":"2010-12-01","to":"2010-12-03","days":[` +
		`{"day":"2010-12-01","count":1,"customers":1,"items":2,"revenue":{"GBP":1},"units":5,` +
		`"first":"2010-12-01T23:59:59Z","last":"2010-12-01T23:59:59Z","stats":` + stats(1) + `},` +
		`{"day":"2010-12-02","count":0,"customers":0,"items":0,"revenue":{},"units":0,"stats":{}},` +
		`{"day":"2010-12-03","count":1,"customers":1,"items":2,"revenue":{"GBP":2},"units":5,` +
		`"first":"2010-12-03T00:00:00Z","last":"2010-12-03T00:00:00Z","stats":` + stats(2) + `}],` +
		`"final":false,"lag":0,"as_of":{"at":"2025-11-24T23:30:00Z","event_time":"2010-12-03T00:00:00Z",` +
		`"offsets":{"1":12},"lagging":false,"lag":0}}`
	if got := s.get(days + "?from=2010-12-01&to=2010-12-03"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := s.get(days + "?from=2024-01-01&to=2025-02-03&tz=Europe/London"); strings.Count(got, `"day":`) != 400 {
		t.Errorf("%d days, want 400", strings.Count(got, `"day":`))
	}
}

// stats returns the details of a single order.
func stats(revenue int) string {
	return fmt.Sprintf(`{"customers":{"exact":true},"items":{"count":1,"min":2,"mean":2,"max":2},`+
		`"revenue":{"GBP":{"count":1,"min":%d,"mean":%[1]d,"max":%[1]d}},"units":{"count":1,"min":5,"mean":5,"max":5}}`,
		revenue)
}

func TestRange_GroupsByWeekAndMonth(t *testing.T) {
	s := newServer(t)
	s.order("a", "2010-12-31T12:00:00Z", "GBP", 1)
	s.order("b", "2011-01-01T12:00:00Z", "GBP", 2)
	s.order("c", "2011-01-03T12:00:00Z", "GBP", 4)
	for by, want := range map[string][]string{
		"week": {`"by":"week","weeks":[{"week":"2010-W52","from":"2010-12-27","to":"2011-01-02","count":2,` +
			`"customers":1,"items":4,"revenue":{"GBP":3},`,
			`{"week":"2011-W01","from":"2011-01-03","to":"2011-01-03","count":1,`,
			`"country":[{"value":"France","count":2,`},
		"month": {`"by":"month","months":[{"month":"2010-12","from":"2010-12-27","to":"2010-12-31","count":1,`,
			`{"month":"2011-01","from":"2011-01-01","to":"2011-01-03","count":2,"customers":1,"items":4,` +
				`"revenue":{"GBP":6},`},
	} {
		got := s.get(days + "?from=2010-12-27&to=2011-01-03&by=" + by)
		for _, part := range want {
			if !strings.Contains(got, part) {
				t.Errorf("%s has no %s: %s", by, part, got)
			}
		}
	}
}

func TestMinutes_HaveTheirOrders(t *testing.T) {
	s := newServer(t)
	s.order("a", "2010-12-01T12:00:59Z", "GBP", 1)
	s.order("b", "2010-12-01T12:00:00Z", "EUR", 2)
	s.order("c", "2010-12-01T23:59:59Z", "GBP", 4)
	s.order("d", "2010-12-02T00:00:00Z", "GBP", 8)
	want := `"minutes":[{"minute":"2010-12-01T12:00:00Z","count":2,"revenue":{"EUR":2,"GBP":1},"units":10},` +
		`{"minute":"2010-12-01T23:59:00Z","count":1,"revenue":{"GBP":4},"units":5}],"final":false`
	if got := s.get(days + "/2010-12-01/minutes"); !strings.Contains(got, want) {
		t.Errorf("got %s", got)
	}
}

// TestFinalDay_IsKeptByItsTag follows one day: until the consumer has passed its end, through orders of other days, and
// through a late order of its own.
func TestFinalDay_IsKeptByItsTag(t *testing.T) {
	s := newServer(t)
	s.order("a", "2010-12-01T12:00:00Z", "GBP", 1)
	ask := func(tag string) (*http.Response, string) {
		t.Helper()
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, days+"/2010-12-01", nil)
		if tag != "" {
			r.Header.Set("If-None-Match", tag)
		}
		s.handler.ServeHTTP(w, r)
		return w.Result(), w.Body.String()
	}
	s.progress.through = time.Date(2010, 12, 1, 23, 59, 59, 999, time.UTC)
	if response, body := ask(""); response.Header.Get("ETag") != "" || !strings.Contains(body, `"final":false`) {
		t.Fatalf("it is not over for the consumer: ETag %q, %s", response.Header.Get("ETag"), body)
	}
	s.progress.through = time.Date(2010, 12, 2, 0, 0, 0, 0, time.UTC)
	response, body := ask("")
	tag := response.Header.Get("ETag")
	if len(tag) != 34 || tag[0] != '"' ||
		!strings.Contains(body, `"final":true,"lag":0,"as_of":{"at":"2025-11-24T23:30:00Z","offsets":{"1":12}`) {
		t.Fatalf("ETag %q, %s", tag, body)
	}
	s.order("b", "2010-12-02T12:00:00Z", "GBP", 1)
	s.progress.lag = map[int32]int64{1: 5}
	if response, rest := ask(tag); response.StatusCode != http.StatusNotModified || rest != "" {
		t.Fatalf("%s %s: another day's order changed it", response.Status, rest)
	}
	s.order("c", "2010-12-01T13:00:00Z", "GBP", 1)
	if response, rest := ask(tag); response.StatusCode != http.StatusOK || response.Header.Get("ETag") == tag ||
		!strings.Contains(rest, `"count":2`) {
		t.Fatalf("%s %s after an order of the day", response.Status, rest)
	}
	if response, body := ask(`W/"x", ` + tag); response.StatusCode != http.StatusOK || body == "" {
		t.Fatalf("%s for the tag it had before", response.Status)
	}
}

func TestAsOf_SaysWhatWaits(t *testing.T) {
	s := newServer(t)
	s.progress.lag = map[int32]int64{0: 3, 1: 4}
	if got := s.get(days + "/today"); !strings.Contains(got, `"lag":7,"as_of":{"offsets":{},"lagging":true,"lag":7}`) {
		t.Errorf("got %s", got)
	}
	s.progress.lag, s.progress.known = nil, false
	if got := s.get(days + "/today"); !strings.Contains(got, `"lagging":true}`) {
		t.Errorf("before Kafka answered: %s", got)
	}
}

func TestActivities_AreListed(t *testing.T) {
	if got, want := newServer(t).get("/v1/activities"), `{"activities":[{"name":"ORDER_CREATED","topic":"orders",`+
		`"measures":["customers","items","revenue","units"],"dimensions":["country"],"parked":0,"late":0,`+
		`"conflicts":0,"lag_by_partition":{"0":0,"1":0},`+
		`"kafka":{"state":"up","since":"2025-11-24T23:30:00Z"}}]}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAPI_RefusesBadRequests(t *testing.T) {
	s := newServer(t)
	for _, c := range []struct {
		target string
		status int
		code   string
		says   string
	}{
		{days + "/2010-02-30", 400, "invalid_day", "2010-02-30"},
		{days + "/Today", 400, "invalid_day", ""},
		{days + "/2010-12-1", 400, "invalid_day", ""},
		{days + "/2010-12-01?tz=", 400, "invalid_zone", ""},
		{days + "/2010-12-01?tz=Local", 400, "invalid_zone", "Local"},
		{days + "/2010-12-01?tz=Mars/Olympus", 400, "invalid_zone", "Mars/Olympus"},
		{days + "/2010-12-01?tz=../../etc/passwd", 400, "invalid_zone", ""},
		{days + "/2010-12-01?tz=UTC&tz=UTC", 400, "invalid_parameter", "tz"},
		{days + "/2010-12-01?zone=UTC", 400, "invalid_parameter", "tz"},
		{days + "/2010-12-01?tz=%zz", 400, "invalid_parameter", ""},
		{days + "/2010-12-01?from=2010-12-01", 400, "invalid_parameter", ""},
		{days, 400, "invalid_parameter", "from"},
		{days + "?from=2010-12-01", 400, "invalid_parameter", "to"},
		{days + "?from=2010-12-01&to=", 400, "invalid_day", ""},
		{days + "?from=2010-12-01&to=2010-12-02&by=year", 400, "invalid_range", "week"},
		{days + "/2010-12-01/minutes?by=day", 400, "invalid_parameter", "tz"},
		{days + "?from=2010-12-02&to=2010-12-01", 400, "invalid_range", ""},
		{days + "?from=2024-01-01&to=2025-02-04", 400, "range_too_long", "400"},
		{days + "?from=0000-01-01&to=9999-12-31", 400, "range_too_long", ""},
		{days + "/1971-06-01?tz=Africa/Monrovia", 422, "off_quarter_hour", "Africa/Monrovia is -00:44:30"},
		{days + "/2000-10-29/minutes?tz=America/St_Johns", 422, "off_quarter_hour", "America/St_Johns"},
		{"/v1/activities/ORDER_CANCELLED/days/today", 404, "unknown_activity", "ORDER_CANCELLED"},
		{"/v1/activities/order_created/days?from=2010-12-01&to=2010-12-01", 404, "unknown_activity", ""},
		{"/v1/activities?x=1", 400, "invalid_parameter", ""},
		{"/v1/activities/ORDER_CANCELLED/messages/m", 404, "unknown_activity", "ORDER_CANCELLED"},
		{messages + "m?id=1", 400, "invalid_parameter", "lineage, sequence"},
		{messages + "m?lineage=L", 400, "invalid_parameter", "both"},
		{messages + "m?sequence=1", 400, "invalid_parameter", "both"},
		{messages + "m?lineage=&sequence=1", 400, "invalid_parameter", "empty"},
		{messages + "m?lineage=L&sequence=0", 400, "invalid_parameter", "slot"},
		{messages + "m?lineage=L&sequence=-1", 400, "invalid_parameter", "slot"},
		{messages + "m?lineage=L&sequence=18446744073709551616", 400, "invalid_parameter", "slot"},
		{messages + strings.Repeat("m", 256), 400, "invalid_parameter", "255"},
		{messages, 404, "not_found", ""},
		{"/v1/nothing", 404, "not_found", ""},
		{days + "/2010-12-01/", 404, "not_found", ""},
	} {
		response := s.do(http.MethodGet, c.target)
		var p struct {
			Status       int
			Code, Detail string
		}
		if err := json.NewDecoder(response.Body).Decode(&p); err != nil {
			t.Fatal(err)
		}
		if response.StatusCode != c.status || p.Status != c.status || p.Code != c.code ||
			!strings.Contains(p.Detail, c.says) ||
			response.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s %q, want %d %s %q", c.target, response.StatusCode, p.Code, p.Detail, c.status, c.code,
				c.says)
		}
	}
}

func TestAPI_AllowsTheMethodsOfEachRoute(t *testing.T) {
	s := newServer(t)
	for _, target := range []string{"/v1/activities", days + "/today", days + "/today/minutes", messages + "m",
		days + "?from=2010-12-01&to=2010-12-01", "/", "/assets/page.js"} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
			response := s.do(method, target)
			want := http.StatusMethodNotAllowed
			if method == "GET" || method == "HEAD" {
				want = http.StatusOK
			}
			if response.StatusCode != want || want == 405 && response.Header.Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s: %s, Allow %q", method, target, response.Status, response.Header.Get("Allow"))
			}
		}
	}
}

func TestPage_ShowsToday(t *testing.T) {
	s := newServer(t)
	s.order("a", "2025-11-24T10:00:00Z", "GBP", 1230)
	s.order("b", "2025-11-24T11:00:00Z", "GBP", 4)
	s.order("c", "2025-11-23T23:59:00Z", "GBP", 4)
	response := s.do(http.MethodGet, "/")
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if m := regexp.MustCompile(`id="today-count">(\d+)<`).FindSubmatch(body); m == nil || string(m[1]) != "2" {
		t.Errorf("#today-count is %q in %s", m, body)
	}
	for _, part := range []string{"2025-11-24", "All messages are counted"} {
		if !strings.Contains(string(body), part) {
			t.Errorf("%s is not on the page", part)
		}
	}
	policy := response.Header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("the policy is %q", policy)
	}
	if strings.Contains(string(body), "://") || strings.Contains(string(body), "<script>") ||
		strings.Contains(string(body), "style=") {
		t.Error("the page has something that its policy forbids")
	}
	// What the page loads, and what that imports.
	asset := regexp.MustCompile(`"(/assets/[^"]+)"`)
	loads := map[string]bool{}
	for next := [][]byte{body}; len(next) > 0; next = next[1:] {
		for _, found := range asset.FindAllSubmatch(next[0], -1) {
			file := string(found[1])
			if loads[file] {
				continue
			}
			loads[file] = true
			response := s.do(http.MethodGet, file)
			if response.StatusCode != http.StatusOK ||
				!strings.HasPrefix(response.Header.Get("Content-Type"), "text/") {
				t.Errorf("%s: %s, %s", file, response.Status, response.Header.Get("Content-Type"))
			}
			content, err := io.ReadAll(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			next = append(next, content)
		}
	}
	for _, file := range []string{"/assets/page.js", "/assets/console.js", "/assets/htm-preact-3.1.1.js"} {
		if !loads[file] {
			t.Errorf("the page does not load %s, but %v", file, loads)
		}
	}
	for _, none := range []string{"/assets/index.html", "/assets/htm-LICENSE", "/assets/..%2fpage.go", "/assets/"} {
		if response := s.do(http.MethodGet, none); response.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", none, response.Status)
		}
	}
}

func TestAPI_IsUnavailableWithoutItsFile(t *testing.T) {
	s := newServer(t)
	if err := s.db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{days + "/today", "/", messages + "m"} {
		response := s.do(http.MethodGet, target)
		if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" {
			t.Errorf("%s: %s", target, response.Status)
		}
	}
}

// broken fails with an error that the API does not know.
type broken struct{}

func (broken) Version() int64 { return 0 }

func (broken) Read(context.Context, activity.Span, func(activity.Quarter, *activity.Totals)) (activity.AsOf, error) {
	return activity.AsOf{}, errors.New("a secret")
}

func (broken) Merged(context.Context, activity.Ask, activity.See) (activity.AsOf, error) {
	return activity.AsOf{}, errors.New("a secret")
}

func (broken) Trace(context.Context, activity.MessageID) (activity.MessageTrace, error) {
	return activity.MessageTrace{}, errors.New("a secret")
}

func TestAPI_HidesUnknownErrors(t *testing.T) {
	var log strings.Builder
	h := activityapi.New(activityapi.Config{
		Activities: []activityapi.Activity{{Definition: def, Statistics: broken{}, Progress: &progress{}}},
		Zone:       activity.UTC(), Clock: clock.System{}, Logger: zerolog.New(&log), Guard: auth.Unguarded(),
		Limiter: ratelimit.Unlimited(),
	})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, days+"/today", nil))
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "secret") ||
		!strings.Contains(log.String(), "secret") {
		t.Fatalf("%d %s, logged %s", w.Code, w.Body, log.String())
	}
}
