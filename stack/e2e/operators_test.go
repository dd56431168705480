package e2e_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"ordertally/order/orderd"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/event"
	"ordertally/shared/kafka/brokertest"
	"ordertally/shared/outbox"
	"ordertally/stack/kafka"
	"ordertally/stack/stacktest"
)

// press clicks the button with that name in a row of the messages' table.
func press(row int, name string) chromedp.Action {
	return chromedp.Evaluate(fmt.Sprintf(
		`[...document.querySelectorAll("#messages tbody tr")[%d].querySelectorAll("button")]`+
			`.find((b) => b.textContent === %q).click()`, row, name), nil)
}

// TestOrderPage_RetriesAndDiscardsParkedMessages parks two messages on Apache Kafka and finds them in a browser. It
// retries one and discards the other. Each needs a confirmation.
func TestOrderPage_RetriesAndDiscardsParkedMessages(t *testing.T) {
	const limit = 20_000
	cluster := kafka.ForTest(t)
	s := stacktest.StartServicesWith(t, t.TempDir(), cluster.Addr(), orderd.Config{Relay: outbox.RelayConfig{
		MaxAttempts: 2, Retry: outbox.Backoff{First: time.Millisecond, Limit: 10 * time.Millisecond},
	}})
	s.Place(`{"sku":"first","quantity":1,"unit_price":1}`)
	clocktest.Eventually(t, "the topic is there",
		func() bool { return stacktest.CountedLately(t, s.ActivityURL()) == 1 })
	brokertest.Limit(t, cluster.Addr(), event.Topic, limit)
	random := rand.New(rand.NewPCG(1, 1))
	for range 2 {
		lines := make([]string, 2*limit/400)
		for i := range lines {
			lines[i] = `{"sku":"sku","description":"<b onclick=alert(1)>` + stacktest.Noise(random, 400) +
				`","quantity":1,"unit_price":1}`
		}
		s.Place(strings.Join(lines, ","))
	}
	ctx := browser(t)
	run(ctx, t, chromedp.Navigate(s.OrderURL()), chromedp.WaitVisible("#messages"))
	says(ctx, t, "parked-count", "2")
	says(ctx, t, "messages", "too_large")
	says(ctx, t, "relay", "Kafka: ")
	picture(ctx, t, "operators.png")
	run(ctx, t, press(0, "Show"))
	says(ctx, t, "payload", "<b onclick=alert(1)>")
	run(ctx, t, chromedp.Click("#whole button", chromedp.NodeVisible))

	// Cancelling the dialog changes nothing.
	run(ctx, t, press(0, "Retry"))
	says(ctx, t, "question", "again?")
	run(ctx, t, chromedp.Click(`#confirm button[value="cancel"]`, chromedp.NodeVisible))
	parked := func() float64 { return stacktest.Metric(t, s.Addresses.OrderOps, "order_outbox_parked_messages") }
	if n := parked(); n != 2 {
		t.Fatalf("%v are parked after a cancelled retry", n)
	}
	brokertest.Limit(t, cluster.Addr(), event.Topic, 2<<20)
	run(ctx, t, press(0, "Retry"), chromedp.Click("#yes", chromedp.NodeVisible))
	says(ctx, t, "outcome", "Retry:")
	clocktest.Eventually(t, "it is counted", func() bool { return stacktest.CountedLately(t, s.ActivityURL()) == 2 })
	says(ctx, t, "parked-count", "1")

	// Discarding requires a reason.
	run(ctx, t, press(0, "Discard"), chromedp.Click("#yes", chromedp.NodeVisible))
	var open bool
	run(ctx, t, chromedp.Evaluate(`document.getElementById("confirm").open`, &open))
	if n := parked(); !open || n != 1 {
		t.Fatalf("without a reason the dialog is open: %v, and %v are parked", open, n)
	}
	run(ctx, t, chromedp.SendKeys("#reason", "a test"), chromedp.Click("#yes", chromedp.NodeVisible))
	says(ctx, t, "outcome", "Discard:")
	says(ctx, t, "parked-count", "0")
	says(ctx, t, "backlog", "0")
	var rows int
	clocktest.Eventually(t, "the table is empty", func() bool {
		run(ctx, t, chromedp.Evaluate(`document.querySelectorAll("#messages tbody tr").length`, &rows))
		return rows == 0
	})
	run(ctx, t, chromedp.EmulateViewport(360, 740))
	fits(ctx, t)
}
