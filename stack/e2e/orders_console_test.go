package e2e_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"ordertally/order/orderd"
	"ordertally/shared/auth"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/event"
	"ordertally/shared/kafka/brokertest"
	"ordertally/shared/kafka/devbroker"
	"ordertally/shared/outbox"
	"ordertally/stack/stacktest"
)

// console is the orders console in a browser, with the services behind it.
type console struct {
	*testing.T
	ctx    context.Context
	stack  *stacktest.Services
	broker *devbroker.Broker
	dir    string
}

// TestOrdersConsole uses the console as people do, by keyboard and by mouse, in one browser against one stack.
func TestOrdersConsole(t *testing.T) {
	c := &console{T: t, dir: t.TempDir()}
	c.startBroker("127.0.0.1:0")
	t.Cleanup(c.stopBroker)
	c.stack = stacktest.StartServicesWith(t, t.TempDir(), c.broker.Addr(), orderd.Config{Relay: outbox.RelayConfig{
		MaxAttempts: 2, Retry: outbox.Backoff{First: time.Millisecond, Limit: 10 * time.Millisecond},
	}})
	c.ctx = browser(t)
	c.empty()
	c.findsAnOrderByItsReference()
	c.listsWithFilters()
	c.cancelsAnOrder()
	c.decidesAboutParkedMessages()
	c.showsAnOutage()
	c.asksForAKey()
	c.asksForAKeyOfTheStatistics()
	run(c.ctx, t, chromedp.EmulateViewport(360, 740))
	for _, page := range []string{"/", "/outbox", "/keys"} {
		c.open(page)
		fits(c.ctx, t)
	}
}

func (c *console) startBroker(address string) {
	c.Helper()
	broker, err := devbroker.Start(devbroker.Config{Listen: address, DataDir: c.dir})
	if err != nil {
		c.Fatal(err)
	}
	c.broker = broker
}

func (c *console) stopBroker() {
	if err := c.broker.Stop(); err != nil {
		c.Error(err)
	}
}

func (c *console) open(page string) {
	c.Helper()
	run(c.ctx, c.T, chromedp.Navigate(c.stack.OrderURL()+page), chromedp.WaitVisible("main h1"))
}

// child returns the selector of the first of some children that has a text.
func (c *console) child(selector, part string) string {
	c.Helper()
	var n int
	run(c.ctx, c.T, chromedp.Evaluate(fmt.Sprintf(
		"1 + [...document.querySelectorAll(%q)].findIndex((e) => e.textContent.includes(%q))", selector, part), &n))
	return fmt.Sprintf("%s:nth-child(%d)", selector, n)
}

// shows waits until what a selector finds has a text.
func (c *console) shows(selector, part string) {
	c.Helper()
	var text string
	defer func() {
		if c.Failed() {
			c.Logf("%s shows %q", selector, text)
		}
	}()
	clocktest.Eventually(c, fmt.Sprintf("%s shows %q", selector, part), func() bool {
		return evaluated(c.ctx, c.T, fmt.Sprintf(
			"document.querySelector(%q)?.textContent.replaceAll(/\\s+/g, ' ') ?? ''", selector), &text) &&
			strings.Contains(text, part)
	})
}

// at waits until the page's URL has a part.
func (c *console) at(part string) {
	c.Helper()
	var url string
	defer func() {
		if c.Failed() {
			c.Logf("the URL is %s", url)
		}
	}()
	clocktest.Eventually(c, "the URL has "+part, func() bool {
		return evaluated(c.ctx, c.T, "location.pathname + location.search", &url) && strings.Contains(url, part)
	})
}

// press clicks the button or link with a text in what a selector finds.
func (c *console) press(selector, name string) {
	c.Helper()
	var found bool
	clocktest.Eventually(c, "there is "+name, func() bool {
		run(c.ctx, c.T, chromedp.Evaluate(fmt.Sprintf(`(() => {
			const all = [...document.querySelectorAll(%q + " button, " + %q + " a")];
			const found = all.find((b) => b.textContent.startsWith(%q));
			found?.click();
			return Boolean(found);
		})()`, selector, selector, name), &found))
		return found
	})
}

// place places an order and returns its id.
func (c *console) place(body string) string {
	c.Helper()
	response, err := http.Post(c.stack.OrderURL()+"/v1/orders", "application/json", strings.NewReader(body))
	if err != nil {
		c.Fatal(err)
	}
	if err := response.Body.Close(); err != nil || response.StatusCode != http.StatusCreated {
		c.Fatal(response.Status, err)
	}
	return path.Base(response.Header.Get("Location"))
}

func (c *console) empty() {
	c.open("/")
	c.shows("main", "No orders yet")
	c.open("/keys")
	c.shows("main", "Nobody needs a key here")
}

// findsAnOrderByItsReference takes two steps by keyboard: typing the reference, and Enter. By mouse it takes one click.
func (c *console) findsAnOrderByItsReference() {
	id := c.place(`{"reference":"536365","customer_id":"17850","currency":"GBP",` +
		`"metadata":{"country":"United Kingdom"},"lines":[{"sku":"85123A",` +
		`"description":"WHITE <b onclick=alert(1)> HOLDER","quantity":6,"unit_price":255}]}`)
	c.place(`{"reference":"536366","customer_id":"17850","currency":"EUR",` +
		`"lines":[{"sku":"a","quantity":1,"unit_price":1}]}`)
	counted := func() {
		c.Helper()
		c.at("id=" + id)
		c.shows("h1", "Order 536365 £15.30")
		c.shows("#timeline", "Counted")
		c.shows("#timeline header", " ms after it was placed")
		c.shows("#timeline li:nth-child(3)", "order.activity.v1, partition")
		c.shows("#lines", "WHITE <b onclick=alert(1)> HOLDER")
		c.shows("#raw pre", `"customer_id": "17850"`)
	}
	c.open("/")
	c.shows("#list-title", "2 orders £15.30 and €0.01")
	run(c.ctx, c.T, input.DispatchKeyEvent(input.KeyRawDown).WithKey("/").WithCode("Slash"),
		chromedp.KeyEvent("536365"),
		chromedp.KeyEvent(kb.Enter))
	counted()
	c.open("/")
	c.shows("tbody tr:nth-child(2)", "Published")
	run(c.ctx, c.T, chromedp.Click("tbody tr:nth-child(2) a", chromedp.NodeVisible))
	counted()
	c.open("/?q=" + strings.ToUpper(id))
	counted()
	c.press("#timeline", "See it in the statistics")
	var url string
	clocktest.Eventually(c, "the statistics are shown", func() bool {
		return evaluated(c.ctx, c.T, "location.href", &url) &&
			strings.HasPrefix(url, c.stack.ActivityURL()+"/?message=")
	})
	c.open("/?q=17850")
	c.at("customer_id=17850")
	c.shows("#list-title", "2 orders")
	c.open("/?q=53636")
	c.shows("main", "No order matches “53636”")
	c.open("/?id=01890a5d-ac96-774b-8000-a8b45f0c6d21")
	c.shows("main", "No order has this id")
}

func (c *console) listsWithFilters() {
	c.open("/")
	c.shows("#list-title", "2 orders")
	choose := func(id, value string) {
		run(c.ctx, c.T, set(id, value))
		c.at(id + "=" + value)
	}
	choose("currency", "EUR")
	c.shows("#list-title", "1 order €0.01")
	choose("publication", "parked")
	c.shows("main", "No order matches")
	c.press(".filters", "Clear")
	choose("placed", "today")
	c.shows("#list-title", "2 orders")
	c.open("/?placed_from=2026-01-01T00:00:00Z&placed_to=2026-01-02T00:00:00Z")
	c.shows("main", "No order matches")
}

func (c *console) cancelsAnOrder() {
	c.open("/?q=536366")
	c.shows("#timeline header", "after it was placed")
	run(c.ctx, c.T, chromedp.Click("#cancel", chromedp.NodeVisible))
	c.shows("#question", "Cancel order 536366?")
	run(c.ctx, c.T, chromedp.Click(`#confirm button[value="cancel"]`, chromedp.NodeVisible))
	c.press(".head", "Cancel order")
	run(c.ctx, c.T, chromedp.SendKeys("#reason", "ordered twice"), chromedp.Click("#yes", chromedp.NodeVisible))
	c.shows(".head .states", "Cancelled")
	c.shows("#facts", "ordered twice")
	c.shows("#timeline .second li:nth-child(4)", "See it in the statistics")
	c.open("/?status=cancelled")
	c.shows("tbody", "536366")
}

// decidesAboutParkedMessages parks three messages. It retries one group and discards another.
func (c *console) decidesAboutParkedMessages() {
	const limit = 20_000
	brokertest.Limit(c, c.broker.Addr(), event.Topic, limit)
	random := rand.New(rand.NewPCG(1, 1))
	for range 3 {
		lines := make([]string, 2*limit/400)
		for i := range lines {
			lines[i] = `{"sku":"sku","description":"` + stacktest.Noise(random, 400) + `","quantity":1,"unit_price":1}`
		}
		c.stack.Place(strings.Join(lines, ","))
	}
	parked := func() float64 {
		return stacktest.Metric(c, c.stack.Addresses.OrderOps, "order_outbox_parked_messages")
	}
	c.open("/outbox")
	c.shows("#verdict", "3 messages are parked. All others flow.")
	c.shows("#parked .group", "Too large 3 parked")
	c.shows("nav .count", "3")
	c.look("outbox-parked")
	c.press("#parked .group", "Show 3")
	c.at("class=too_large")
	c.press("#parked tbody tr", "Message")
	c.shows("#whole pre", `"class": "too_large"`)
	run(c.ctx, c.T, chromedp.Click("#whole button", chromedp.NodeVisible))

	// One alone, after its cause is gone. Keeping it changes nothing.
	c.press("#parked tbody tr", "Retry")
	c.shows("#question", "Retry 1 message?")
	run(c.ctx, c.T, chromedp.Click(`#confirm button[value="cancel"]`, chromedp.NodeVisible))
	if n := parked(); n != 3 {
		c.Fatalf("%v are parked after a retry that was not wanted", n)
	}
	c.press("#parked tbody tr", "Discard")
	c.shows("#question", "Discard 1 message for ever?")
	c.disabled("without a reason")
	run(c.ctx, c.T, chromedp.SendKeys("#reason", "a test"), chromedp.Click("#yes", chromedp.NodeVisible))
	c.shows("#toasts", "1 message was discarded.")
	c.shows("#parked .group", "Too large 2 parked")

	brokertest.Limit(c, c.broker.Addr(), event.Topic, 2<<20)
	c.press("#parked .group", "Retry 2")
	c.shows("#question", "Retry 2 messages?")
	c.disabled("before the count is typed")
	c.look("outbox-confirm")
	run(c.ctx, c.T, chromedp.SendKeys("#count", "2"), chromedp.SendKeys("#reason", "the limit was raised"),
		chromedp.Click("#yes", chromedp.NodeVisible))
	c.shows("#toasts", "2 messages go out again.")
	c.shows("#verdict", "All is well")
	c.shows("#audit", "Retried 2 too large")
	c.shows("#audit", "By somebody without a key: the limit was raised")
	clocktest.Eventually(c, "they are counted",
		func() bool { return stacktest.CountedLately(c, c.stack.ActivityURL()) == 4 })
}

// disabled checks that a confirmation cannot be given yet.
func (c *console) disabled(when string) {
	c.Helper()
	var is bool
	run(c.ctx, c.T, chromedp.Evaluate(`document.getElementById("yes").disabled`, &is))
	if !is {
		c.Errorf("the button can be pressed %s", when)
	}
}

func (c *console) showsAnOutage() {
	c.open("/outbox")
	c.shows("#verdict", "All is well")
	address := c.broker.Addr()
	c.stopBroker()
	id := c.place(`{"reference":"waits","currency":"GBP","lines":[{"sku":"a","quantity":1,"unit_price":1}]}`)
	c.shows("#verdict", "Kafka cannot be reached since")
	c.shows("#verdict", "Orders are still accepted.")
	c.shows("#verdict", "1 message waits on disk")
	c.shows("#health", "Kafka down for")
	c.shows(".tiles", "Backlog1 message")
	c.look("outbox-outage")
	c.open("/?id=" + id)
	c.shows("#timeline li:nth-child(3)", "not yet")
	c.look("order-pending")
	c.openStatistics("?view=counting")
	c.shows("#verdict", "Kafka cannot be reached since")
	c.shows("#verdict", "The figures have all that Kafka had at")
	c.shows("#health", "Kafka cannot be reached since")
	c.shows(".tiles", "Not counted yet–Kafka does not say")
	c.look("counting-outage")
	run(c.ctx, c.T, chromedp.Navigate("about:blank"))
	c.stack.Stop()
	c.stack.Start() // without Kafka
	c.openStatistics("?view=counting")
	c.shows("#verdict", "Kafka cannot be reached since")
	c.shows("#verdict", "Counted up to")
	c.open("/?id=" + id)
	c.startBroker(address)
	c.shows("#timeline li:nth-child(3)", "order.activity.v1, partition")
	c.shows("#timeline header", "after it was placed")
	c.open("/outbox")
	c.shows("#verdict", "All is well")
	c.shows("#health", "Taking orders")
	c.openStatistics("?view=counting")
	c.shows("#verdict", "Every message is counted.")
}

// asksForAKey makes the first key while the console is used. The page asks for it, and says what it may not see.
func (c *console) asksForAKey() {
	_, credential, err := c.stack.Order.Guard.Keys.New(c.Context(), "admin", []string{auth.KeysWrite, auth.OrdersRead},
		time.Now().Add(time.Hour))
	if err != nil {
		c.Fatal(err)
	}
	run(c.ctx, c.T, chromedp.Navigate(c.stack.OrderURL()+"/keys"),
		chromedp.SendKeys("#credential input", credential+kb.Enter, chromedp.NodeVisible))
	c.shows("#keys", "1 active key")
	c.press(".head", "New key")
	run(c.ctx, c.T, chromedp.SendKeys("#key-name", "shop", chromedp.NodeVisible),
		chromedp.Click(`input[name="orders:read"]`), chromedp.Click("#make"))
	c.shows("#secret", "The key of shop")
	c.shows("#secret pre", "ot_")
	c.press("#secret", "Done")
	c.shows("#keys tbody", "shop")
	shop := c.child("#keys tbody tr", "shop") // both keys are of one second
	c.shows(shop, "by key:admin")
	c.look("keys-some")
	c.press(shop, "Revoke")
	c.shows("#question", "Revoke the key")
	run(c.ctx, c.T, chromedp.Click("#yes", chromedp.NodeVisible))
	c.shows(shop, "Revoked")
	c.open("/outbox")
	c.shows("main", "Your key may not see the outbox")
	c.shows("#health", "No right to see the outbox")
	c.look("outbox-no-right")
	c.open("/?q=536365")
	c.shows("#timeline header", "after it was placed")
}

// look looks at the page as it is in light and dark, on a screen and on a phone.
func (c *console) look(name string) {
	c.Helper()
	lookAll(c.ctx, c.T, name)
	run(c.ctx, c.T, show(1100, "light"))
}

// openStatistics opens the other console.
func (c *console) openStatistics(query string) {
	c.Helper()
	run(c.ctx, c.T, chromedp.Navigate(c.stack.ActivityURL()+"/"+query), chromedp.WaitVisible("main h1"))
}

// asksForAKeyOfTheStatistics makes the first key of the other service. It lists keys and may not see what waits.
func (c *console) asksForAKeyOfTheStatistics() {
	scopes := []string{auth.KeysWrite, auth.StatsRead}
	_, credential, err := c.stack.Activity.Guard.Keys.New(c.Context(), "admin", scopes, time.Now().Add(time.Hour))
	if err != nil {
		c.Fatal(err)
	}
	run(c.ctx, c.T, chromedp.Navigate(c.stack.ActivityURL()+"/?view=counting"),
		chromedp.SendKeys("#credential input", credential+kb.Enter, chromedp.NodeVisible))
	c.shows("#keys", "admin")
	c.shows("main", "Your key may not see the audit")
	run(c.ctx, c.T, pressed("Make a key"))
	c.look("counting-no-right")
}
