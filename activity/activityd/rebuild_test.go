package activityd_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"ordertally/activity/activityd"
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
