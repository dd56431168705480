package activityd_test

import (
	"bufio"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ordertally/shared/clock/clocktest"
	"ordertally/shared/kafka/devbroker"
	"ordertally/shared/kafka/devbroker/devbrokertest"
)

// BenchmarkListeners publishes 200,000 orders and counts them, without listeners and with 1,000 live streams, in turn.
// ratio is the rate with listeners over the rate without. The listeners and the broker run on the same cores.
//
//	go test -run - -bench BenchmarkListeners -benchtime 1x ./activity/activityd
func BenchmarkListeners(b *testing.B) {
	const events = 200_000
	var alone, listened time.Duration
	for b.Loop() {
		for range 3 {
			alone += countWith(b, 0, events)
			listened += countWith(b, 1000, events)
		}
	}
	b.ReportMetric(alone.Seconds()/listened.Seconds(), "ratio")
	b.ReportMetric(0, "ns/op")
}

// countWith returns how long publishing and counting take.
func countWith(b *testing.B, listeners int, events uint64) time.Duration {
	b.Helper()
	kafka := devbrokertest.Start(b, devbroker.Config{})
	publish(b, kafka.Addr(), orders(1, 1)...)
	s := start(b, filepath.Join(b.TempDir(), "activity.db"), kafka.Addr())
	clocktest.Eventually(b, "it counts", func() bool { return firstDay(b, s).Count == 1 })
	var listening sync.WaitGroup
	var began sync.WaitGroup
	began.Add(listeners)
	for range listeners {
		listening.Go(func() {
			answer, err := http.Get("http://" + s.Addr() + "/v1/activities/ORDER_CREATED/live")
			if err != nil {
				b.Error(err)
				began.Done()
				return
			}
			defer func() { _ = answer.Body.Close() }()
			first := true
			for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
				if first && strings.HasPrefix(lines.Text(), "event: ") {
					first = false
					began.Done()
				}
			}
		})
	}
	began.Wait()
	records := orders(2, events)
	start := time.Now()
	publish(b, kafka.Addr(), records...)
	clocktest.Eventually(b, "all is counted", func() bool { return firstDay(b, s).Count == int64(events) })
	took := time.Since(start)
	stop(b, s)
	listening.Wait()
	return took
}
