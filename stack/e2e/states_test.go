package e2e_test

import (
	"github.com/chromedp/chromedp"
)

// state is one state of a console, as a reader sees it. TestConsoles looks at each in light and dark, on a screen and
// on a phone; `make screenshots` takes a picture of each.
type state struct {
	name  string
	url   func(*consoles) string
	ready string          // true, in JavaScript, once the state is shown
	then  chromedp.Action // what the reader does before; nil for nothing
	// pictured says that it is looked at for its picture only: what it consists of is in other states.
	pictured bool
}

// states are those of both consoles.
var states = [][]state{statisticsStates, ordersStates}

func onStatistics(query string) func(*consoles) string {
	return func(c *consoles) string { return c.stack.ActivityURL() + "/" + query }
}

const drawn = `document.querySelectorAll(".chart canvas").length > 0 &&
	document.querySelectorAll(".rank li").length > 0`

const (
	groups = `document.querySelectorAll(".group").length === 2`
	blank  = `document.querySelector(".blank") !== null`
)

// pressed clicks the first button whose text begins so.
func pressed(text string) chromedp.Action {
	return chromedp.Evaluate(`[...document.querySelectorAll("button")].find((b) => b.textContent.trim().startsWith(`+
		"`"+text+"`"+`)).click()`, nil)
}

var statisticsStates = []state{
	{name: "today", url: onStatistics(""), ready: drawn + ` && document.querySelectorAll(".delta").length > 4`},
	{name: "today-table", url: onStatistics("?show=table"),
		ready: `document.querySelector("#chart-revenue table") !== null`},
	{pictured: true, name: "today-hour", url: onStatistics("?zoom=12:00-13:00"), ready: drawn},
	{pictured: true, name: "today-euro", url: onStatistics("?cur=EUR"), ready: drawn},
	{pictured: true, name: "day", url: onStatistics("?day=2010-12-01"), ready: drawn},
	{pictured: true, name: "no-orders", url: onStatistics("?day=2015-05-05"),
		ready: blank},
	{pictured: true, name: "declared", url: onStatistics("?activity=PAGE_VIEWED"), ready: drawn},
	{name: "no-zone", url: onStatistics("?tz=Mars/Olympus"), ready: blank},
	{name: "range", url: onStatistics("?view=range"), ready: `document.querySelector("#range-chart canvas") !== null`},
	{pictured: true, name: "range-weeks", url: onStatistics("?view=range&by=week&from=2026-09-07&to=2026-11-27"),
		ready: `document.querySelector("#range-chart canvas") !== null`},
	{name: "message-unknown", url: onStatistics("?message=01a21fea-5451-7001-8008-a8ca408a78a6"),
		ready: blank},
	{name: "counting", url: onStatistics("?view=counting"),
		ready: groups + ` && document.querySelectorAll(".chart canvas").length === 4`},
	{name: "counting-table", url: onStatistics("?view=counting&show=table"),
		ready: groups,
		then:  pressed("Show 3")},
	{name: "counting-discard", url: onStatistics("?view=counting"),
		ready: groups,
		then:  pressed("Discard")},
}
