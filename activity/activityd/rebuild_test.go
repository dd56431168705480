package activityd_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"ordertally/activity/activityd"
	"ordertally/activity/declare"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/kafka/devbroker"
	"ordertally/shared/kafka/devbroker/devbrokertest"
)

const rebuildPath = "/v1/activities/ORDER_CREATED/rebuild"

func post(t testing.TB, address, path, body string) (status int, answer string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+path,
		strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

type rebuilding struct {
	State         string
	Counted, Left int64
	Since         string
	Differences   []struct {
		Day           string
		Figures       []string
		Live, Rebuilt struct{ Count int64 }
		Partial       bool
	}
}

func rebuildStatus(t testing.TB, s *activityd.Service) (r rebuilding) {
	t.Helper()
	status, body := get(t, s.Addr(), rebuildPath)
	if err := json.Unmarshal([]byte(body), &r); status != http.StatusOK || err != nil {
		t.Fatalf("%d %s: %v", status, body, err)
	}
	return r
}

func begin(t testing.TB, s *activityd.Service) {
	t.Helper()
	if status, body := post(t, s.Addr(), rebuildPath, `{}`); status != http.StatusOK {
		t.Fatalf("begin: %d %s", status, body)
	}
}

// caughtUp waits until a rebuild has counted all.
func caughtUp(t testing.TB, s *activityd.Service) (r rebuilding) {
	t.Helper()
	clocktest.Eventually(t, "the rebuild has caught up", func() bool {
		r = rebuildStatus(t, s)
		return r.State == "ready" && r.Left == 0
	})
	return r
}

func swap(t testing.TB, s *activityd.Service) string {
	t.Helper()
	status, body := post(t, s.Addr(), rebuildPath+"/swap", `{"reason":"a new measure"}`)
	if status != http.StatusOK {
		t.Fatalf("swap: %d %s", status, body)
	}
	return body
}

func countedAll(t testing.TB, s *activityd.Service, want int64) {
	t.Helper()
	clocktest.Eventually(t, fmt.Sprintf("%d orders are counted", want), func() bool {
		d := firstDay(t, s)
		return d.Count >= want && !d.AsOf.Lagging
	})
	if d := firstDay(t, s); d.Count != want {
		t.Fatalf("%d orders are counted, want %d", d.Count, want)
	}
}

func TestRebuild_CountsTheSameAgain(t *testing.T) {
	address := devbrokertest.Start(t, devbroker.Config{}).Addr()
	publish(t, address, orders(1, 3000)...)
	s := start(t, filepath.Join(t.TempDir(), "activity.db"), address)
	countedAll(t, s, 3000)
	if status, body := get(t, s.Addr(), rebuildPath); status != http.StatusNotFound {
		t.Fatalf("no rebuild: %d %s", status, body)
	}
	begin(t, s)
	publish(t, address, orders(3001, 3500)...)
	if r := caughtUp(t, s); len(r.Differences) > 0 || r.Since != "" {
		t.Errorf("the rebuild differs: %+v", r)
	}
	countedAll(t, s, 3500)
	if body := swap(t, s); strings.Contains(body, "since") {
		t.Errorf("swap: %s", body)
	}
	if status, body := get(t, s.Addr(), rebuildPath); status != http.StatusNotFound {
		t.Errorf("after the swap: %d %s", status, body)
	}
	countedAll(t, s, 3500)
	publish(t, address, orders(3400, 3600)...) // the first 101 come again
	countedAll(t, s, 3600)
	_, audit := get(t, s.Addr(), "/v1/activities/ORDER_CREATED/audit")
	if !strings.Contains(audit, `"verb":"swap"`) || !strings.Contains(audit, "a new measure") {
		t.Errorf("audit: %s", audit)
	}
}

const ordersTwice = `[{name: ORDERS_TWICE, topic: order.activity.v1, type: ORDER_CREATED, measures: {%s}}]`

// TestRebuild_CountsANewMeasureFromTheBeginning: the declaration gets a measure at a restart.
func TestRebuild_CountsANewMeasureFromTheBeginning(t *testing.T) {
	address := devbrokertest.Start(t, devbroker.Config{}).Addr()
	publish(t, address, orders(1, 200)...)
	file := filepath.Join(t.TempDir(), "activity.db")
	serve := func(measures string) *activityd.Service {
		t.Helper()
		config := free(file, address)
		config.Activities = declare.Text(fmt.Sprintf(ordersTwice, measures))
		s, err := activityd.New(config, zerolog.Nop())
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { stop(t, s) })
		return s
	}
	const other = "/v1/activities/ORDERS_TWICE"
	total := func(s *activityd.Service) (count, sum int64) {
		t.Helper()
		var d struct{ Count, Total int64 }
		_, body := get(t, s.Addr(), other+"/days/2010-12-01")
		if err := json.Unmarshal([]byte(body), &d); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		return d.Count, d.Total
	}
	s := serve("lines: count(lines)")
	countedAll(t, s, 200)
	clocktest.Eventually(t, "both count", func() bool { n, _ := total(s); return n == 200 })
	stop(t, s)
	s = serve("lines: count(lines), total: sum(total)")
	if _, sum := total(s); sum != 0 {
		t.Errorf("the new measure is %d before the rebuild", sum)
	}
	if status, body := post(t, s.Addr(), other+"/rebuild", `{}`); status != http.StatusOK {
		t.Fatal(status, body)
	}
	clocktest.Eventually(t, "the rebuild shows the new measure", func() bool {
		_, body := get(t, s.Addr(), other+"/rebuild")
		return strings.Contains(body, `"left":0`) && strings.Contains(body, `"figures":["total"]`)
	})
	if status, body := post(t, s.Addr(), other+"/rebuild/swap", `{}`); status != http.StatusOK {
		t.Fatal(status, body)
	}
	if n, sum := total(s); n != 200 || sum != 200*1530 {
		t.Errorf("after the swap %d orders with a total of %d", n, sum)
	}
	countedAll(t, s, 200)
	publish(t, address, orders(201, 210)...)
	countedAll(t, s, 210)
	clocktest.Eventually(t, "both count on", func() bool { n, sum := total(s); return n == 210 && sum == 210*1530 })
}

// TestRebuild_GoesOnAfterARestart: a rebuild is no loss if the service stops.
func TestRebuild_GoesOnAfterARestart(t *testing.T) {
	address := devbrokertest.Start(t, devbroker.Config{}).Addr()
	publish(t, address, orders(1, 3000)...)
	file := filepath.Join(t.TempDir(), "activity.db")
	s := start(t, file, address)
	countedAll(t, s, 3000)
	begin(t, s)
	stop(t, s)
	publish(t, address, orders(3001, 3100)...)
	s = start(t, file, address)
	countedAll(t, s, 3100)
	if r := caughtUp(t, s); len(r.Differences) > 0 {
		t.Errorf("the rebuild differs: %+v", r)
	}
	swap(t, s)
	countedAll(t, s, 3100)
	if status, body := post(t, s.Addr(), rebuildPath+"/discard", `{"reason":"a test"}`); status != http.StatusNotFound {
		t.Errorf("discarded nothing: %d %s", status, body)
	}
}
