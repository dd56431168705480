package e2e_test

import (
	"net/http"
	"strings"
	"testing"

	"ordertally/shared/clock/clocktest"
	"ordertally/shared/event"
	"ordertally/shared/kafka/brokertest"
	"ordertally/shared/kafka/devbroker"
	"ordertally/shared/kafka/devbroker/devbrokertest"
	"ordertally/stack/stacktest"
)

// TestCancelledOrders_AreCountedByTheirOwnActivity also checks that cancelled orders stay counted as placed.
func TestCancelledOrders_AreCountedByTheirOwnActivity(t *testing.T) {
	dev := devbrokertest.Start(t, devbroker.Config{})
	s := stacktest.StartServices(t, t.TempDir(), dev.Addr())
	var ids []string
	for range 3 {
		response := ask(t, s.OrderURL()+"/v1/orders", `{"currency":"GBP","lines":[`+
			`{"sku":"a","quantity":2,"unit_price":5},{"sku":"b","quantity":1,"unit_price":1}]}`)
		if response.StatusCode != http.StatusCreated {
			t.Fatal(response.Status)
		}
		ids = append(ids, strings.TrimPrefix(response.Header.Get("Location"), "/v1/orders/"))
	}
	for range 2 {
		if response := ask(t, s.OrderURL()+"/v1/orders/"+ids[1]+"/cancel", `{"reason":"ordered twice"}`); response.
			StatusCode != http.StatusOK {
			t.Fatal(response.Status)
		}
	}
	days := func(activity string) (today struct {
		Count, Items, Units int64
		Revenue             map[string]int64
	}) {
		stacktest.GetJSON(t, s.ActivityURL()+"/v1/activities/"+activity+"/days/today", &today)
		return today
	}
	clocktest.Eventually(t, "all is counted", func() bool {
		return days("ORDER_CREATED").Count == 3 && days("ORDER_CANCELLED").Count == 1
	})
	for activity, orders := range map[string]int64{"ORDER_CREATED": 3, "ORDER_CANCELLED": 1} {
		got := days(activity)
		if got.Items != 2*orders || got.Units != 3*orders || got.Revenue["GBP"] != 11*orders {
			t.Errorf("%s: %+v of %d orders", activity, got, orders)
		}
	}
	records := brokertest.ReadAll(t, dev.Addr(), event.Topic)
	if len(records) != 4 || stacktest.Metric(t, s.Addresses.ActivityOps, "activity_parked_messages") != 0 {
		t.Errorf("%d records, want 4 and none parked", len(records))
	}
}

// ask sends a request with a body. Equal requests have the same key.
func ask(t *testing.T, url, body string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if strings.HasSuffix(url, "/cancel") {
		r.Header.Set("Idempotency-Key", "cancel")
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response
}
