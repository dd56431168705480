package stack_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"ordertally/order/orderd"
	"ordertally/stack/kafka"
)

// press clicks the button of that name in the row of the messages' table.
func press(row int, name string) chromedp.Action {
	return chromedp.Evaluate(fmt.Sprintf(
		`[...document.querySelectorAll("#messages tbody tr")[%d].querySelectorAll("button")].find((b) => b.textContent === %q).click()`, row, name), nil)
}

// TestTheOperatorsPage parks two messages on Apache Kafka, sees them in a browser, retries one and gives the other up,
// each behind a confirmation.
func TestTheOperatorsPage(t *testing.T) {
	const limit = 20_000
	cluster := kafka.ForTest(t)
	s := startServicesWith(t, t.TempDir(), cluster.Addr(), orderd.OutboxConfig{
		MaxAttempts: 2, RetryFirst: time.Millisecond, RetryLimit: 10 * time.Millisecond,
	})
	place(t, s, `{"sku":"first","quantity":1,"unit_price":1}`)
	eventually(t, time.Minute, "the topic is there", func() bool { return countedLately(t, s.activityURL()) == 1 })
	limitTopic(t, cluster.Addr(), limit)
	line := `{"sku":"sku","description":"<b onclick=alert(1)>` + strings.Repeat("x", 400) +
		`","quantity":1,"unit_price":1}`
	for range 2 {
		place(t, s, strings.Repeat(line+",", 2*limit/len(line))+line)
	}
	ctx := browser(t)
	run(ctx, t, chromedp.Navigate(s.orderURL()), chromedp.WaitVisible("#messages"))
	says(ctx, t, "parked-count", "2")
	says(ctx, t, "messages", "too_large")
	says(ctx, t, "relay", "Kafka: ")
	picture(ctx, t, "operators.png")
	run(ctx, t, press(0, "Show"))
	says(ctx, t, "payload", "<b onclick=alert(1)>")
	run(ctx, t, chromedp.Click("#whole button", chromedp.NodeVisible))

	// Whoever cancels changes nothing.
	run(ctx, t, press(0, "Retry"))
	says(ctx, t, "question", "again?")
	run(ctx, t, chromedp.Click(`#confirm button[value="cancel"]`, chromedp.NodeVisible))
	parked := func() float64 { return metric(t, s.addresses.orderOps, "order_outbox_parked_messages") }
	if n := parked(); n != 2 {
		t.Fatalf("%v are parked after a cancelled retry", n)
	}
	limitTopic(t, cluster.Addr(), 2<<20)
	run(ctx, t, press(0, "Retry"), chromedp.Click("#yes", chromedp.NodeVisible))
	says(ctx, t, "outcome", "Retry:")
	eventually(t, time.Minute, "it is counted", func() bool { return countedLately(t, s.activityURL()) == 2 })
	says(ctx, t, "parked-count", "1")

	// To give one up one has to say why.
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
	eventually(t, 30*time.Second, "the table is empty", func() bool {
		run(ctx, t, chromedp.Evaluate(`document.querySelectorAll("#messages tbody tr").length`, &rows))
		return rows == 0
	})
	run(ctx, t, chromedp.EmulateViewport(360, 740))
	fits(ctx, t)
}
