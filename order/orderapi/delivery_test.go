package orderapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"ordertally/order/orderapi/apitest"
	"ordertally/shared/clock"
	"ordertally/shared/clock/clocktest"
)

func TestADeliveryFollowsTheMessage(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	place := func(line string) (id string) {
		t.Helper()
		resp, answer := post(body(line)).do(t, service)
		if resp.StatusCode != http.StatusCreated {
			t.Fatalf("%d %s", resp.StatusCode, answer)
		}
		return strings.TrimPrefix(resp.Header.Get("Location"), "/v1/orders/")
	}
	delivery := func(id string) map[string]any {
		t.Helper()
		resp, answer := get("/v1/orders/"+id+"/delivery").do(t, service)
		var fields map[string]any
		if err := json.Unmarshal([]byte(answer), &fields); err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%d %s", resp.StatusCode, answer)
		}
		return fields
	}
	well, ill := place(goodLine), place(sickLine)
	d := delivery(well)
	if d["state"] != "pending" || d["sequence"] != 1.0 || d["attempts"] != 0.0 ||
		d["lineage"] != service.Outbox.Lineage() || d["committed_at"] == nil || d["message_id"] == nil ||
		d["type"] != "ORDER_CREATED" || len(d) != 8 {
		t.Errorf("before it is published: %v", d)
	}
	service.PublishWithout("sick")
	service.AwaitParked(1)
	if d := delivery(ill); d["state"] != "parked" || d["sequence"] != 2.0 || d["attempts"] != 1.0 ||
		d["message_id"] == delivery(well)["message_id"] ||
		d["class"] != "too_large" || d["reason"] != "over the topic's limit" || len(d) != 10 {
		t.Errorf("parked: %v", d)
	}
	// recorded behind the relay's back
	clocktest.Eventually(t, "the place is known", func() bool { return delivery(well)["offset"] != nil })
	if d := delivery(well); d["state"] != "published" || d["topic"] != "order.activity.v1" || d["partition"] == nil ||
		d["offset"] != 0.0 || d["published_at"] == nil {
		t.Errorf("published: %v", d)
	}
	for _, id := range []string{"1", "01890a5d-ac96-774b-8000-a8b45f0c6d21"} {
		if resp, answer := get("/v1/orders/"+id+"/delivery").do(t, service); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d %s", id, resp.StatusCode, answer)
		}
	}
}
