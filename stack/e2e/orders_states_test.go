package e2e_test

import "github.com/chromedp/chromedp"

func onOrders(path string) func(*consoles) string {
	return func(c *consoles) string { return c.stack.OrderURL() + path }
}

const charted = `document.querySelectorAll(".chart canvas").length === 6`

// ordersStates are those that need neither an outage nor parked messages; TestOrdersConsole shows these.
var ordersStates = []state{
	{name: "orders", url: onOrders("/"), ready: `document.querySelectorAll("tbody tr").length > 5`},
	{pictured: true, name: "orders-between", url: onOrders("/?placed=pick&status=cancelled"),
		ready: `document.querySelector("#placed-from") !== null`},
	{name: "orders-nothing", url: onOrders("/?q=nothing"), ready: `document.querySelector("#nothing") !== null`},
	{name: "order", url: func(c *consoles) string { return c.stack.OrderURL() + "/?q=" + c.reference },
		ready: `document.querySelector("#timeline header b") !== null`},
	{name: "order-cancel", url: func(c *consoles) string { return c.stack.OrderURL() + "/?id=" + c.id },
		ready: `document.querySelector("#cancel") !== null`, then: chromedp.Click("#cancel", chromedp.NodeVisible)},
	{name: "outbox", url: onOrders("/outbox"), ready: charted},
	{name: "outbox-table", url: onOrders("/outbox?as=table"),
		ready: `document.querySelector(".scroll.tall tbody tr") !== null`},
	{name: "keys", url: onOrders("/keys"), ready: `document.querySelector("#keys .blank") !== null`},
}
