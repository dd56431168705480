package activityapi_test

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"ordertally/activity"
	"ordertally/activity/activityapi"
	"ordertally/shared/auth"
	"ordertally/shared/auth/ratelimit"
)

// counted counts the reads of statistics.
type counted struct {
	activityapi.Statistics
	reads atomic.Int64
}

func (c *counted) Read(ctx context.Context, span activity.Span,
	add func(activity.Quarter, *activity.Totals)) (activity.AsOf, error) {
	c.reads.Add(1)
	return c.Statistics.Read(ctx, span, add)
}

func (c *counted) Merged(ctx context.Context, ask activity.Ask, see activity.See) (activity.AsOf, error) {
	c.reads.Add(1)
	return c.Statistics.Merged(ctx, ask, see)
}

// newCounted serves with counted statistics, and returns them.
func newCounted(t *testing.T, guard *auth.Guard, s *server) *counted {
	t.Helper()
	c := &counted{Statistics: s.store}
	s.serveWith(activityapi.Config{Listeners: maxListeners, Guard: guard, Limiter: ratelimit.Unlimited()}, c)
	return c
}

// TestReads_AreRepeatedOnlyAfterAChange asks twice. The second request reads only if the answer could differ. The
// answer is always that of a service that has kept nothing.
func TestReads_AreRepeatedOnlyAfterAChange(t *testing.T) {
	const day, at = days + "/2010-12-01", "2010-12-01T12:00:00Z"
	over := time.Date(2010, 12, 2, 0, 0, 0, 0, time.UTC) // the end of the day
	commit := func(at string) func(*server) { return func(s *server) { s.order("b", at, "GBP", 1) } }
	today := commit(now.Format(time.RFC3339))
	arrival := func(s *server) { s.progress.lag = map[int32]int64{1: 1} }
	outage := func(s *server) { s.progress.known = false }
	midnight := func(s *server) { s.wall.Advance(30 * time.Minute) }
	through := func(moment time.Time) func(*server) { return func(s *server) { s.progress.through = moment } }
	for name, c := range map[string]struct {
		path           string
		before, change func(*server)
		reads          int64
	}{
		"nothing":                  {path: day, reads: 1},
		"a commit":                 {path: day, change: commit(at), reads: 2},
		"another day's commit":     {path: day, change: today, reads: 2},
		"an arrival":               {path: day, change: arrival, reads: 2},
		"an outage":                {path: day, change: outage, reads: 2},
		"the end of the day":       {path: day, change: through(over), reads: 2},
		"progress within the day":  {path: day, change: through(over.Add(-time.Nanosecond)), reads: 1},
		"progress after the day":   {path: day, before: through(over), change: through(over.Add(time.Hour)), reads: 1},
		"an arrival after the day": {path: day, before: through(over), change: arrival, reads: 1},
		"a late commit":            {path: day, before: through(over), change: commit(at), reads: 2},
		"a minute":                 {path: day, change: func(s *server) { s.wall.Advance(time.Minute) }, reads: 1},
		"midnight":                 {path: days + "/today", change: midnight, reads: 2},
		"a commit today":           {path: days + "/today", change: today, reads: 2},
		"the page at midnight":     {path: "/", change: midnight, reads: 2},
		"the page after a commit":  {path: "/", change: today, reads: 2},
		"a range after a commit":   {path: days + "?from=2010-01-01&to=2010-12-31", change: commit(at), reads: 2},
		"minutes after a commit":   {path: day + "/minutes", change: commit(at), reads: 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := newFile(t)
			s.order("a", at, "GBP", 1)
			statistics := newCounted(t, auth.Unguarded(), s)
			if c.before != nil {
				c.before(s)
			}
			first := s.get(c.path)
			if again := s.get(c.path); again != first {
				t.Errorf("nothing changed: %s, then %s", first, again)
			}
			if c.change != nil {
				c.change(s)
			}
			second := s.get(c.path)
			if got := statistics.reads.Load(); got != c.reads {
				t.Errorf("%d reads, want %d", got, c.reads)
			}
			s.closeAPI()
			newCounted(t, auth.Unguarded(), s)
			if fresh := s.get(c.path); second != fresh {
				t.Errorf("%s, want %s", second, fresh)
			}
		})
	}
}

// TestReads_KeptAnswersHaveBoundedRoom fills the room. The answer that was unused for longest goes first.
func TestReads_KeptAnswersHaveBoundedRoom(t *testing.T) {
	s := newFile(t)
	statistics := newCounted(t, auth.Unguarded(), s)
	const room = 20_000
	s.api.SetKeptRoom(room)
	ask := func(i int) { s.get(fmt.Sprintf("%s?from=2010-01-%02d&to=2010-01-31", days, i)) }
	ask(1)
	var most int
	for i := 2; i <= 30; i++ {
		ask(i)
		ask(1) // it stays, because it was just used
		answers, bytes := s.api.Kept()
		if bytes > room || bytes < 1000*answers {
			t.Fatalf("%d answers of %d bytes are kept", answers, bytes)
		}
		most = max(most, answers)
	}
	if got := statistics.reads.Load(); got != 30 || most < 3 {
		t.Errorf("%d reads, want 30; %d answers were kept at most", got, most)
	}
	before, _ := s.api.Kept()
	s.get(days + "?from=2009-11-01&to=2010-01-31") // it would displace many others
	if answers, _ := s.api.Kept(); answers != before {
		t.Errorf("%d answers are kept after a large one, %d before", answers, before)
	}
}

// TestReads_WhoMayNotAskGetsNoKeptAnswer asks for a kept answer without the scope, and without a key.
func TestReads_WhoMayNotAskGetsNoKeptAnswer(t *testing.T) {
	g := newGuarded(t)
	may, mayNot := g.key("may", auth.StatsRead), g.key("may-not", auth.OpsRead)
	g.closeAPI()
	statistics := newCounted(t, &auth.Guard{Keys: g.keys}, g.server)
	const day = days + "/2010-12-01"
	for _, c := range []struct {
		credential string
		status     int
	}{{may, http.StatusOK}, {may, http.StatusOK}, {mayNot, http.StatusForbidden}, {"", http.StatusUnauthorized}} {
		if w := <-g.asking(t.Context(), day, c.credential); w.Code != c.status {
			t.Errorf("%d, want %d", w.Code, c.status)
		}
	}
	if got := statistics.reads.Load(); got != 1 {
		t.Errorf("%d reads, want 1", got)
	}
}
