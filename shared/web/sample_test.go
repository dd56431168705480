package web_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/rs/zerolog"

	"ordertally/shared/web"
)

// most is how many of a thousand lines in one second are written: a hundred, and every hundredth of the others.
const most = 109

func TestRecover_SamplesAFloodOfPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // no second ends in the middle
		var log bytes.Buffer
		reg := prometheus.NewRegistry()
		h := web.NewMetrics(reg).Recover(zerolog.New(&log),
			http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("again") }))
		for range 1000 {
			w := httptest.NewRecorder()
			if h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil)); w.Code != http.StatusInternalServerError {
				t.Fatal(w.Code)
			}
		}
		if n := strings.Count(log.String(), `"message":"a request's handler panicked"`); n != most {
			t.Errorf("%d lines of 1000 panics, want %d", n, most)
		}
		want := "# HELP http_panics_total HTTP requests whose handler panicked.\n# TYPE http_panics_total " +
			"counter\nhttp_panics_total 1000\n"
		if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "http_panics_total"); err != nil {
			t.Error(err)
		}
	})
}

func TestFailures_SampleAFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		failures := web.NewFailures(zerolog.New(&log))
		fail := func() {
			failures.Log(httptest.NewRequest(http.MethodGet, "/v1/orders?customer=secret", nil), 503,
				errors.New("the disk is gone"))
		}
		for range 1000 {
			fail()
		}
		all := lines(t, &log)
		if len(all) != most {
			t.Errorf("%d lines of 1000 failures, want %d", len(all), most)
		}
		if line := all[0]; line["level"] != "error" || line["error"] != "the disk is gone" || line["status"] != 503.0 ||
			line["path"] != "/v1/orders" {
			t.Errorf("line %v", line)
		}
		<-time.After(time.Second)
		fail()
		if n := len(lines(t, &log)); n != 1 {
			t.Errorf("%d lines of one failure, later", n)
		}
	})
}
