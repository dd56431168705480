//go:build crash

package faults_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"ordertally/client"
	"ordertally/client/orders"
	"ordertally/shared/clock/clocktest"
	"ordertally/stack/kafka"
	"ordertally/stack/stacktest"
)

// TestRebuild_SurvivesKills counts again on Apache Kafka while orders are placed. The service is killed in the middle
// of the rebuild, in the middle of the swap, and right after it. A second service that is left alone has the same
// figures in four zones.
func TestRebuild_SurvivesKills(t *testing.T) {
	cluster := kafka.ForTest(t)
	services := stacktest.StartServices(t, t.TempDir(), cluster.Addr())
	shop, err := orders.New(client.Config{URL: services.OrderURL(), AttemptTimeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer shop.Close()
	counted := newChild(t, t.TempDir(), cluster.Addr())
	counted.config.WithoutOrder = true
	stop := make(chan struct{})
	placed := make(chan int, 1)
	go func() { placed <- placeUntil(t, shop, "rebuild", stop) }()
	counted.start()
	const path = "/v1/activities/ORDER_CREATED/rebuild"
	ask := func(method, path string) (int, string) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), method, counted.activityURL()+path,
			strings.NewReader(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return 0, err.Error()
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil {
			return 0, err.Error()
		}
		return response.StatusCode, string(text)
	}
	ready := func() {
		t.Helper()
		var last string
		t.Cleanup(func() {
			if t.Failed() {
				t.Logf("the rebuild said last: %s", last)
			}
		})
		clocktest.Eventually(t, "the rebuild is ready", func() bool {
			var status int
			status, last = ask(http.MethodGet, path)
			var told struct {
				State         string
				Counted, Left int
			}
			return status == http.StatusOK && json.Unmarshal([]byte(last), &told) == nil && told.State == "ready" &&
				told.Counted > 0 && told.Left < 100
		})
	}
	clocktest.Eventually(t, "orders are counted",
		func() bool { return stacktest.CountedLately(t, counted.activityURL()) >= 50 })
	if status, body := ask(http.MethodPost, path); status != http.StatusOK {
		t.Fatal(status, body)
	}
	counted.kill() // in the middle, or soon after the beginning
	counted.start()
	ready()
	for _, point := range []string{"activity.swapping:1", "boltdb.before-commit:1", "activity.swapped:1"} {
		if status, _ := ask(http.MethodGet, path); status == http.StatusNotFound {
			if status, body := ask(http.MethodPost, path); status != http.StatusOK {
				t.Fatal(status, body)
			}
		}
		ready()
		counted.arm(point)
		if status, body := ask(http.MethodPost, path+"/swap"); status != 0 {
			t.Logf("%s: the swap was answered %d %s", point, status, body)
		}
		counted.awaitDeath(point, 30*time.Second)
		counted.start()
	}
	if status, body := ask(http.MethodGet, path); status != http.StatusNotFound {
		t.Errorf("after a swap that was committed: %d %s", status, body)
	}
	close(stop)
	total := int64(<-placed)
	for _, url := range []string{counted.activityURL(), services.ActivityURL()} {
		clocktest.Eventually(t, fmt.Sprintf("%d orders are counted", total),
			func() bool { return stacktest.CountedLately(t, url) == total })
	}
	for _, zone := range []string{"UTC", "Europe/London", "Asia/Kolkata", "Pacific/Auckland"} {
		one, other := figuresIn(t, counted.activityURL(), zone), figuresIn(t, services.ActivityURL(), zone)
		if one != other {
			t.Errorf("in %s:\n%s\n%s", zone, one, other)
		}
	}
}

// figuresIn returns the days of this week in a zone, with all figures.
func figuresIn(t *testing.T, url, zone string) string {
	t.Helper()
	day := func(days int) string { return time.Now().UTC().AddDate(0, 0, days).Format(time.DateOnly) }
	response, err := http.Get(fmt.Sprintf("%s/v1/activities/ORDER_CREATED/days?from=%s&to=%s&tz=%s", url, day(-3),
		day(2),
		zone))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct{ Days json.RawMessage }
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return string(answer.Days)
}
