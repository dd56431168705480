package activityapi_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"ordertally/activity/activityapi"
	"ordertally/shared/auth"
	"ordertally/shared/auth/ratelimit"
)

// listener reads one stream.
type listener struct {
	t      *testing.T
	answer *http.Response
	lines  *bufio.Scanner
	events chan liveEvent
}

type liveEvent struct {
	kind, id string
	data     struct {
		Day     string
		Count   int64
		Lag     *int64
		Revenue map[string]int64
		Minutes []struct {
			Minute string
			Count  int64
		}
	}
}

func listen(t *testing.T, base, query, lastID string) *listener {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/v1/activities/ORDER_CREATED/live"+query,
		nil)
	if err != nil {
		t.Fatal(err)
	}
	if lastID != "" {
		r.Header.Set("Last-Event-ID", lastID)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	l := &listener{t: t, answer: answer, lines: bufio.NewScanner(answer.Body), events: make(chan liveEvent, 100)}
	l.lines.Buffer(nil, 1<<20)
	go l.read()
	t.Cleanup(l.close)
	return l
}

func (l *listener) close() { _ = l.answer.Body.Close() }

func (l *listener) read() {
	defer close(l.events)
	var e liveEvent
	for l.lines.Scan() {
		name, value, _ := strings.Cut(l.lines.Text(), ": ")
		switch name {
		case "event":
			e.kind = value
		case "id":
			e.id = value
		case "data":
			if err := json.Unmarshal([]byte(value), &e.data); err != nil {
				l.t.Error(err)
			}
		case "":
			if e.kind != "" {
				l.events <- e
			}
			e = liveEvent{}
		}
	}
}

// next returns the next event.
func (l *listener) next() liveEvent {
	l.t.Helper()
	select {
	case e, open := <-l.events:
		if !open {
			l.t.Fatal("the stream ended")
		}
		return e
	case <-time.After(20 * time.Second):
		l.t.Fatal("no event came")
	}
	return liveEvent{}
}

func TestLive_SendsWhatChanges(t *testing.T) {
	s := newServer(t)
	web := httptest.NewServer(s.handler)
	t.Cleanup(web.Close)
	s.order("a", "2025-11-24T10:00:00Z", "GBP", 100)
	first := listen(t, web.URL, "", "")
	e := first.next()
	if e.kind != "snapshot" || e.data.Count != 1 || len(e.data.Minutes) != 1 ||
		first.answer.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("began with %+v", e)
	}
	s.order("b", "2025-11-24T10:00:30Z", "GBP", 50)
	s.order("c", "2025-11-24T11:00:30Z", "GBP", 5)
	s.order("yesterday", "2025-11-23T11:00:30Z", "GBP", 5)
	s.progress.commit()
	update := first.next()
	if update.kind != "update" || update.data.Count != 3 || update.data.Revenue["GBP"] != 155 ||
		len(update.data.Minutes) != 2 || update.data.Minutes[0].Count != 2 {
		t.Fatalf("went on with %+v", update)
	}
	s.order("d", "2025-11-24T12:00:30Z", "GBP", 5)
	s.progress.commit()
	last := first.next()
	if last.data.Count != 4 || len(last.data.Minutes) != 1 || last.data.Minutes[0].Minute != "2025-11-24T12:00:00Z" {
		t.Fatalf("only what changed is sent: %+v", last)
	}

	again := listen(t, web.URL, "", e.id) // it missed two events
	if one, two := again.next(), again.next(); one.id != update.id || one.kind != "update" || two.id != last.id {
		t.Fatalf("resumed with %+v, %+v", one, two)
	}
	again.close()
	stranger := listen(t, web.URL, "", "of another process.2")
	if e := stranger.next(); e.kind != "snapshot" || e.data.Count != 4 || len(e.data.Minutes) != 3 || e.id != last.id {
		t.Fatalf("an unknown id resumes with %+v", e)
	}
	kathmandu := listen(t, web.URL, "?tz=Asia/Kathmandu", "") // it is the 25th there already
	if e := kathmandu.next(); e.data.Day != "2025-11-25" || e.data.Count != 0 {
		t.Fatalf("in Kathmandu %+v", e)
	}
	stop := make(chan struct{})
	go func() { s.api.Close(); close(stop) }()
	for range first.events { // until the stream ends
	}
	<-stop
	s.api = nil
}

// TestLive_IsBounded opens one stream more than newServer allows.
func TestLive_IsBounded(t *testing.T) {
	s := newServer(t)
	web := httptest.NewServer(s.handler)
	t.Cleanup(web.Close)
	t.Cleanup(s.closeAPI)
	for range maxListeners {
		listen(t, web.URL, "", "").next()
	}
	over := listen(t, web.URL, "", "")
	if over.answer.StatusCode != http.StatusServiceUnavailable || over.answer.Header.Get("Retry-After") == "" {
		t.Fatalf("one too many: %s", over.answer.Status)
	}
	for target, want := range map[string]int{
		"/v1/activities/NOTHING/live": 404, "/v1/activities/ORDER_CREATED/live?tz=Mars": 400,
		"/v1/activities/ORDER_CREATED/live?x=1": 400,
	} {
		if response := s.do(http.MethodGet, target); response.StatusCode != want {
			t.Errorf("%s: %s, want %d", target, response.Status, want)
		}
	}
}

// TestLive_ForgedEventIDGetsASnapshot names events that this stream did not send. The listener begins with a snapshot,
// not with events that another one missed.
func TestLive_ForgedEventIDGetsASnapshot(t *testing.T) {
	s := newFile(t)
	s.serve(activityapi.Config{Guard: auth.Unguarded(), Limiter: ratelimit.Unlimited()})
	web := httptest.NewServer(s.handler)
	t.Cleanup(web.Close)
	t.Cleanup(s.closeAPI)
	s.order("a", "2025-11-24T10:00:00Z", "GBP", 100)
	newest := listen(t, web.URL, "", "").next().id
	berlin := listen(t, web.URL, "?tz=Europe/Berlin", "").next().id
	epoch, _, _ := strings.Cut(newest, ".")
	for _, id := range []string{
		berlin, "1", epoch, epoch + ".", epoch + ".0", epoch + ".2", epoch + ".-1", epoch + ".+1", epoch + ".1.1",
		epoch + ".1x", epoch + ".0x1", epoch + ".١", strings.ToUpper(epoch) + "_.1",
		epoch + ".18446744073709551615", epoch + ".18446744073709551617", "00000000-0000-7000-8000-000000000000.1",
		"../../etc/passwd", "http://127.0.0.1/", "*", "null", strings.Repeat("9", 10_000),
	} {
		if e := listen(t, web.URL, "", id).next(); e.kind != "snapshot" || e.id != newest || e.data.Count != 1 ||
			len(e.data.Minutes) != 1 {
			t.Errorf("%.80q begins with %+v", id, e)
		}
	}
}
