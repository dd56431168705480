package activityapi_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"ordertally/activity"
	"ordertally/activity/activityapi"
	"ordertally/shared/auth"
	"ordertally/shared/auth/ratelimit"
	"ordertally/shared/clock"
	"ordertally/shared/clock/clocktest"
)

// held wraps statistics. A read begins and goes on only when the test says so.
type held struct {
	activityapi.Statistics
	began chan activity.Span // a read has its result and waits
	goOn  chan struct{}
	gone  chan struct{} // a read was given up
}

func (h *held) Read(ctx context.Context, span activity.Span,
	add func(activity.Quarter, *activity.Totals)) (activity.AsOf, error) {
	asOf, err := h.Statistics.Read(ctx, span, add)
	return h.hold(ctx, span, asOf, err)
}

func (h *held) Merged(ctx context.Context, ask activity.Ask, see activity.See) (activity.AsOf, error) {
	asOf, err := h.Statistics.Merged(ctx, ask, see)
	return h.hold(ctx, spanOf(ask), asOf, err)
}

// spanOf returns the span of all days of a question.
func spanOf(ask activity.Ask) activity.Span {
	last := ask.Groups[len(ask.Groups)-1]
	return activity.Span{From: ask.Groups[0][0].From, To: last[len(last)-1].To}
}

func (h *held) hold(ctx context.Context, span activity.Span, asOf activity.AsOf, err error) (activity.AsOf, error) {
	h.began <- span
	select {
	case <-h.goOn:
		return asOf, err
	case <-ctx.Done():
		h.gone <- struct{}{}
		return asOf, ctx.Err()
	}
}

// newHeld serves with held statistics, and returns them.
func newHeld(t *testing.T, guard *auth.Guard, s *server) *held {
	t.Helper()
	h := &held{Statistics: s.store, began: make(chan activity.Span, 100), goOn: make(chan struct{}),
		gone: make(chan struct{}, 100)}
	s.serveWith(activityapi.Config{Listeners: maxListeners, Guard: guard, Limiter: ratelimit.Unlimited()}, h)
	return h
}

// asking sends a request. The answer arrives on the channel.
func (s *server) asking(ctx context.Context, path, credential string) <-chan *httptest.ResponseRecorder {
	answer := make(chan *httptest.ResponseRecorder, 1)
	go func() {
		defer func() { _ = recover() }() // the API panics if the client has gone
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, path, nil)
		auth.SetBearer(r, credential)
		w := httptest.NewRecorder()
		s.handler.ServeHTTP(w, r)
		answer <- w
	}()
	return answer
}

func counts(t *testing.T, answer <-chan *httptest.ResponseRecorder) string {
	t.Helper()
	select {
	case w := <-answer:
		_, rest, _ := strings.Cut(w.Body.String(), `"count":`)
		count, _, _ := strings.Cut(rest, ",")
		return count
	case <-time.After(time.Minute):
		t.Fatal("no answer")
		return ""
	}
}

// TestReads_EqualQuestionsShareAnAnswer asks while an answer is made. Requests before a commit share it. Requests after
// one do not, even if the commit concerns another activity.
func TestReads_EqualQuestionsShareAnAnswer(t *testing.T) {
	s := newFile(t)
	h := newHeld(t, auth.Unguarded(), s)
	s.order("a", "2010-12-01T12:00:00Z", "GBP", 1)
	const day = days + "/2010-12-01"
	first := s.asking(t.Context(), day, "")
	<-h.began
	var same []<-chan *httptest.ResponseRecorder
	for range 5 {
		same = append(same, s.asking(t.Context(), day, ""))
	}
	s.awaitWaiters(t, day, 6)
	s.order("b", "2010-12-01T12:00:00Z", "GBP", 1) // an answer without this order is outdated from here on
	after := s.asking(t.Context(), day, "")
	<-h.began // it began a read of its own
	close(h.goOn)
	for _, answer := range append(same, first) {
		if got := counts(t, answer); got != "1" {
			t.Errorf("before the commit: %s", got)
		}
	}
	if got := counts(t, after); got != "2" {
		t.Errorf("after the commit: %s", got)
	}
	if n := len(h.began); n != 0 {
		t.Errorf("%d reads more than needed", n)
	}
}

// TestReads_AnAnswerIsNotOlderThanTheQuestion commits and asks concurrently. Each answer must have what was committed
// before its request.
func TestReads_AnAnswerIsNotOlderThanTheQuestion(t *testing.T) {
	s := newServer(t)
	var committed, asked, writing sync.WaitGroup
	var mu sync.Mutex
	done := 0
	stop := make(chan struct{})
	writing.Go(func() {
		defer close(stop)
		for i := range 60 {
			s.order(fmt.Sprint(i), "2010-12-01T12:00:00Z", "GBP", 1)
			mu.Lock()
			done = i + 1
			mu.Unlock()
		}
	})
	for range 8 {
		asked.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				mu.Lock()
				least := done
				mu.Unlock()
				var got int
				if _, err := fmt.Sscan(counts(t, s.asking(t.Context(), days+"/2010-12-01", "")), &got); err != nil ||
					got < least {
					t.Errorf("%d orders, when %d were committed before the question: %v", got, least, err)
					return
				}
			}
		})
	}
	committed.Wait()
	writing.Wait()
	asked.Wait()
}

// TestReads_WhatTheProgressSaysIsNotOldEither moves the progress while an answer is made. The next request must not
// join it.
func TestReads_WhatTheProgressSaysIsNotOldEither(t *testing.T) {
	s := newFile(t)
	h := newHeld(t, auth.Unguarded(), s)
	const day = days + "/2010-12-01"
	first := s.asking(t.Context(), day, "")
	<-h.began
	s.progress.through = now // all of the day is counted, so it is final
	second := s.asking(t.Context(), day, "")
	<-h.began
	close(h.goOn)
	if w := <-first; strings.Contains(w.Body.String(), `"final":true`) {
		t.Error(w.Body)
	}
	if w := <-second; !strings.Contains(w.Body.String(), `"final":true`) || w.Header().Get("ETag") == "" {
		t.Error(w.Body)
	}
}

// TestReads_WhoeverAskedFirstMayGo cancels the first request. The read goes on for the others, and ends if there are
// none.
func TestReads_WhoeverAskedFirstMayGo(t *testing.T) {
	s := newFile(t)
	h := newHeld(t, auth.Unguarded(), s)
	const day = days + "/2010-12-01"
	ctx, leave := context.WithCancel(t.Context())
	s.asking(ctx, day, "")
	<-h.began
	other := s.asking(t.Context(), day, "")
	s.awaitWaiters(t, day, 2)
	leave()
	s.awaitWaiters(t, day, 1)
	h.goOn <- struct{}{}
	if w := <-other; w.Code != http.StatusOK {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	ctx, leave = context.WithCancel(t.Context())
	s.asking(ctx, days+"/2010-12-02", "")
	<-h.began
	leave()
	<-h.gone
}

// TestReads_TakeTurns has one caller ask for many long ranges. Another caller's range waits for one of them at most,
// and single days for none.
func TestReads_TakeTurns(t *testing.T) {
	s := newFile(t)
	keys, err := auth.OpenKeys(t.Context(), s.db, systemClock)
	if err != nil {
		t.Fatal(err)
	}
	key := func(name string) string {
		_, credential, err := keys.New(t.Context(), name, []string{auth.StatsRead}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		return credential
	}
	greedy, till := key("greedy"), key("till")
	h := newHeld(t, &auth.Guard{Keys: keys}, s)
	long := func(i int) string { return fmt.Sprintf("%s?from=2010-01-%02d&to=2010-12-31", days, i) }
	var all []<-chan *httptest.ResponseRecorder
	all = append(all, s.asking(t.Context(), long(1), greedy))
	<-h.began
	for i := 2; i < 10; i++ {
		all = append(all, s.asking(t.Context(), long(i), greedy))
		s.awaitWaiters(t, long(i), 1)
	}
	theirs := s.asking(t.Context(), long(20), till)
	s.awaitWaiters(t, long(20), 1)
	small := s.asking(t.Context(), days+"/2010-12-01", till)
	if span := <-h.began; span.To-span.From != 96 { // while the long one is held
		t.Errorf("a read of %d quarter hours began", span.To-span.From)
	}
	h.goOn <- struct{}{} // for either of the two that are held
	h.goOn <- struct{}{}
	<-small
	<-h.began            // the greedy caller's second
	h.goOn <- struct{}{} // then the till's
	<-h.began
	h.goOn <- struct{}{}
	select {
	case w := <-theirs:
		if w.Code != http.StatusOK {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	case <-time.After(time.Minute):
		t.Error("the other caller waits behind the greedy one")
	}
	close(h.goOn)
	for _, answer := range all {
		if w := <-answer; w.Code != http.StatusOK {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
}

// TestPage_IsTheSameForAllWhereKeysAreNeeded asks for the page without a key. It is served without a read, and can be
// revalidated.
func TestPage_IsTheSameForAllWhereKeysAreNeeded(t *testing.T) {
	g := newGuarded(t)
	_ = g.key("closes", auth.StatsRead)
	g.closeAPI()
	h := newHeld(t, &auth.Guard{Keys: g.keys}, g.server)
	page := <-g.asking(t.Context(), "/", "")
	tag := page.Header().Get("ETag")
	if page.Code != http.StatusOK || tag == "" || !strings.Contains(page.Body.String(), `id="today-count">–<`) ||
		page.Header().Get("Content-Security-Policy") == "" {
		t.Fatalf("%d %v %s", page.Code, page.Header(), page.Body)
	}
	for path, same := range map[string]bool{"/": true, "/?activity=ORDER_CREATED": true,
		"/?x=" + strings.Repeat("y", 1000): true} {
		if again := <-g.asking(t.Context(), path, ""); (again.Header().Get("ETag") == tag) != same {
			t.Errorf("%.30s: %v", path, again.Header())
		}
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	r.Header.Set("If-None-Match", `"x", `+tag)
	w := httptest.NewRecorder()
	g.handler.ServeHTTP(w, r)
	if w.Code != http.StatusNotModified || w.Body.Len() > 0 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if len(h.began) > 0 {
		t.Error("the page reads the statistics")
	}
}

// TestLive_OneCallerHasAShare bounds one caller's streams, and the zones that they are of.
func TestLive_OneCallerHasAShare(t *testing.T) {
	s := newFile(t)
	keys, err := auth.OpenKeys(t.Context(), s.db, systemClock)
	if err != nil {
		t.Fatal(err)
	}
	s.serve(activityapi.Config{Listeners: 100, Guard: &auth.Guard{Keys: keys}, Limiter: ratelimit.Unlimited()})
	_, greedy, err := keys.New(t.Context(), "greedy", []string{auth.StatsRead}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	_, till, err := keys.New(t.Context(), "till", []string{auth.StatsRead}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(s.handler)
	t.Cleanup(web.Close)
	open := func(credential, zone string) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
			web.URL+"/v1/activities/ORDER_CREATED/live?tz="+zone, nil)
		if err != nil {
			t.Fatal(err)
		}
		auth.SetBearer(r, credential)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = response.Body.Close() })
		return response.StatusCode
	}
	for i, zone := range manyZones()[:20] {
		want := http.StatusOK
		if i >= 16 {
			want = http.StatusServiceUnavailable
		}
		if status := open(greedy, zone); status != want {
			t.Errorf("zone %d: %d, want %d", i+1, status, want)
		}
	}
	for i := 17; i <= 30; i++ { // in a zone that the caller has already
		want := http.StatusOK
		if i > 25 {
			want = http.StatusServiceUnavailable
		}
		if status := open(greedy, manyZones()[0]); status != want {
			t.Errorf("stream %d: %d, want %d", i, status, want)
		}
	}
	if status := open(till, manyZones()[30]); status != http.StatusOK {
		t.Errorf("another caller: %d", status)
	}
}

var systemClock = clock.System{}

// awaitWaiters waits until want requests wait for the answer to a question.
func (s *server) awaitWaiters(t *testing.T, path string, want int) {
	t.Helper()
	if !strings.Contains(path, "?") {
		path += "?"
	}
	clocktest.Eventually(t, fmt.Sprintf("%d requests wait for %s", want, path),
		func() bool { return s.api.Waiters(path) == want })
}
