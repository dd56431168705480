package activityapi_test

import (
	"bytes"
	"context"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"ordertally/activity"
	"ordertally/activity/activityapi"
	"ordertally/shared/auth"
	"ordertally/shared/auth/ratelimit"
	"ordertally/shared/clock"
)

// panicking wraps statistics. It panics once, at a read of the day that begins at from.
type panicking struct {
	activityapi.Statistics
	from  activity.Quarter
	armed atomic.Bool
}

func (p *panicking) Read(ctx context.Context, span activity.Span,
	add func(activity.Quarter, *activity.Totals)) (activity.AsOf, error) {
	if span.From == p.from && p.armed.CompareAndSwap(true, false) {
		panic("a fault that nobody thought of")
	}
	return p.Statistics.Read(ctx, span, add)
}

// TestLive_PanicEndsOneStreamOnly panics while an event for Berlin is made. The listeners of Berlin are sent away and
// can come back. Those of another zone notice nothing.
func TestLive_PanicEndsOneStreamOnly(t *testing.T) {
	s := newFile(t)
	statistics := &panicking{Statistics: s.store,
		from: activity.QuarterOf(time.Date(2025, 11, 24, 23, 0, 0, 0, time.UTC))}
	var log bytes.Buffer
	s.api = activityapi.New(activityapi.Config{
		Activities: []activityapi.Activity{
			{Definition: def, Statistics: statistics, Progress: s.progress, Ledgers: s.store.Ledgers,
				Ledger: s.ledgers.ledger}},
		Zone: activity.UTC(), Guard: auth.Unguarded(), Limiter: ratelimit.Unlimited(), Clock: clock.NewManual(now),
		Logger: zerolog.New(&log),
	})
	web := httptest.NewServer(s.api)
	t.Cleanup(web.Close)
	t.Cleanup(s.closeAPI)
	here, berlin := listen(t, web.URL, "", ""), listen(t, web.URL, "?tz=Europe/Berlin", "")
	epoch, _, _ := strings.Cut(berlin.next().id, ".")
	here.next()

	statistics.armed.Store(true)
	s.order("a", "2025-11-24T10:00:00Z", "GBP", 100)
	s.progress.commit()
	for range berlin.events { // until the stream ends
	}
	if e := here.next(); e.data.Count != 1 {
		t.Errorf("the other stream went on with %+v", e)
	}
	if e := listen(t, web.URL, "?tz=Europe/Berlin", epoch+".1").next(); e.kind != "snapshot" ||
		strings.HasPrefix(e.id, epoch) {
		t.Errorf("the next listener begins with %+v, want another stream", e)
	}
	s.closeAPI()
	for _, want := range []string{"a fault that nobody thought of", "live_panic_test.go", "Europe/Berlin"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %s: %s", want, &log)
		}
	}
}
