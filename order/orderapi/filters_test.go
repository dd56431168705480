package orderapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"ordertally/order/orderapi/apitest"
	"ordertally/shared/clock"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/outbox"
)

// TestList_FiltersByStatusPublicationAndCurrency places one order of each kind. Names in quotation marks in a
// description must not be taken for members.
func TestList_FiltersByStatusPublicationAndCurrency(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	place := func(reference, currency, sku string, more ...string) string {
		t.Helper()
		text := fmt.Sprintf(`{"reference":%q,"currency":%q,"lines":[{"sku":%q,"description":",\"currency\":\"JPY\"",`+
			`"quantity":1,"unit_price":1}]%s}`, reference, currency, sku,
			strings.Join(append([]string{""}, more...), ","))
		id, code, _ := places(t, service, text)
		if code != "" {
			t.Fatal(code)
		}
		return id
	}
	list := func(query, want string) {
		t.Helper()
		if got := pages(t, service, "/v1/orders?limit=2"+query); strings.Join(got, " ") != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	place("pounds", "GBP", "a", `"customer_id":"c"`)
	place("euros", "EUR", "a", `"customer_id":"c"`)
	withdrawn := place("withdrawn", "GBP", "a", `"customer_id":"d"`)
	if resp, answer := (call{method: "POST", path: "/v1/orders/" + withdrawn + "/cancel"}).do(t,
		service); resp.StatusCode != http.StatusOK {
		t.Fatal(answer)
	}
	const all = "withdrawneuros pounds"
	list("&publication=pending", all)
	list("&publication=published", "")
	list("&publication=waiting", "")
	service.PublishRefusing("sick", outbox.RelayConfig{MaxAttempts: 2, Retry: outbox.Backoff{First: time.Second}},
		zerolog.Nop())
	service.AwaitParked(0)
	place("ill", "USD", "sick")
	clocktest.Eventually(t, "it waits", func() bool { return service.Outbox.Waiting() == 1 })
	list("&publication=pending", "ill")
	list("&publication=waiting", "ill")
	list("&publication=published", all)
	service.AwaitParked(1)
	list("&publication=pending", "")
	list("&publication=parked", "ill")
	list("&publication=published", all)
	resp, answer := call{method: "POST", path: "/v1/outbox/parked/discard",
		body: `{"all":true,"reason":"a test"}`}.do(t,
		service)
	if resp.StatusCode != http.StatusOK {
		t.Fatal(answer)
	}
	list("&publication=parked", "")
	list("&publication=discarded", "ill")
	list("&status=cancelled", "withdrawn")
	list("&status=placed", "illeuros pounds")
	list("&currency=GBP", "withdrawnpounds")
	list("&currency=JPY", "")
	list("&currency=GBP&status=placed", "pounds")
	list("&customer_id=c&status=cancelled", "")
	list("&customer_id=c&currency=EUR&publication=published", "euros")
	list("&status=cancelled&placed_to=2010-01-01T00:00:00Z", "")
	list("&reference=withdrawn&status=placed", "")
}
