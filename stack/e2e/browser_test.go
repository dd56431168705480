package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"ordertally/order/retail"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/kafka/devbroker"
	"ordertally/shared/kafka/devbroker/devbrokertest"
	"ordertally/stack/stacktest"
)

// browser opens a real Chromium. Any complaint on its console fails the test, including violations of the page's
// policy.
func browser(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		const missing = "chromium is missing: install the Debian package chromium"
		if os.Getenv("REQUIRE_ALL") == "1" {
			t.Fatal("REQUIRE_ALL=1, and " + missing)
		}
		t.Skip("SKIPPED: " + missing)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.WindowSize(1100, 900),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.WSURLReadTimeout(time.Minute))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	// it does not know the newest events
	ctx, cancel := chromedp.NewContext(allocator, chromedp.WithErrorf(func(string, ...any) {}))
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 4*time.Minute) // pictures of all states take more than two
	t.Cleanup(cancel)
	var mu sync.Mutex
	var complaints []string
	complain := func(text string) {
		mu.Lock()
		defer mu.Unlock()
		complaints = append(complaints, text)
	}
	chromedp.ListenTarget(ctx, func(event any) {
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			complain(e.ExceptionDetails.Error())
		case *runtime.EventConsoleAPICalled:
			if e.Type == runtime.APITypeError || e.Type == runtime.APITypeWarning {
				complain(fmt.Sprint(e.Type, " ", e.Args))
			}
		case *log.EventEntryAdded:
			// what the page is to show, or for which it asks for a key
			refused := e.Entry.Source == log.SourceNetwork && answered.MatchString(e.Entry.Text)
			if !refused && (e.Entry.Level == log.LevelError || e.Entry.Level == log.LevelWarning) {
				complain(e.Entry.Text + " " + e.Entry.URL)
			}
		}
	})
	t.Cleanup(func() {
		mu.Lock()
		defer mu.Unlock()
		for _, text := range complaints {
			t.Errorf("the browser complains: %s", text)
		}
	})
	run(ctx, t, log.Enable())
	return ctx
}

// answered matches what the browser says of a service's refusals.
var answered = regexp.MustCompile(`status of 40[0134]`)

func run(ctx context.Context, t *testing.T, actions ...chromedp.Action) {
	t.Helper()
	if err := chromedp.Run(ctx, actions...); err != nil {
		t.Fatal(err)
	}
}

// evaluated evaluates an expression of JavaScript. It reports false while another page takes the place of this one.
func evaluated(ctx context.Context, t *testing.T, expression string, result any) bool {
	t.Helper()
	err := chromedp.Run(ctx, chromedp.Evaluate(expression, result))
	const between = -32000 // "Inspected target navigated or closed", "Cannot find default execution context", and such
	if code, ok := errors.AsType[*cdproto.Error](err); ok && code.Code == between {
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	return true
}

// says waits until an element's text has a part.
func says(ctx context.Context, t *testing.T, id, part string) {
	t.Helper()
	var text string
	clocktest.Eventually(t, fmt.Sprintf("#%s says %q", id, part), func() bool {
		return evaluated(ctx, t, fmt.Sprintf(`document.getElementById(%q)?.textContent ?? ""`, id), &text) &&
			strings.Contains(text, part)
	})
}

// set fills in a field as a person does who types and leaves it.
func set(id, value string) chromedp.Action {
	return chromedp.Evaluate(fmt.Sprintf(
		`(() => { const e = document.getElementById(%q); e.value = %q; e.dispatchEvent(new Event("change")); })()`, id,
		value), nil)
}

// fits waits until the page is no wider than a screen of 360 pixels. Its charts follow a change of the screen a moment
// later.
func fits(ctx context.Context, t *testing.T) {
	t.Helper()
	var width int
	clocktest.Within(t, 20*time.Second, "the page fits on a screen of 360 pixels", func() bool {
		return evaluated(ctx, t, `document.documentElement.scrollWidth`, &width) && width <= 360
	})
}

// TestActivityPage_ShowsTodayAndAnyDay uses the page with a browser. A new order is counted without a reload, and a day
// picked in a zone is shown in its table.
func TestActivityPage_ShowsTodayAndAnyDay(t *testing.T) {
	s := stacktest.StartServices(t, t.TempDir(), devbrokertest.Start(t, devbroker.Config{DataDir: t.TempDir()}).Addr())
	if summary, err := stacktest.ImportRealOrders(t.Context(), s.OrderURL(), retail.Options{}); err != nil ||
		summary.Placed != stacktest.RealOrders {
		t.Fatalf("placed %d orders, want %d: %v", summary.Placed, stacktest.RealOrders, err)
	}
	clocktest.Eventually(t, "every order is counted",
		func() bool { return stacktest.CountedRealOrders(t, s.ActivityURL()) == stacktest.RealOrders })
	ctx := browser(t)
	run(ctx, t, chromedp.Navigate(s.ActivityURL()), chromedp.WaitVisible("#today-count"))
	says(ctx, t, "today-count", "0")
	says(ctx, t, "health", "Live")
	run(ctx, t, chromedp.Evaluate(`window.stays = true`, nil))
	for i := range 3 {
		s.Place(`{"sku":"a","quantity":1,"unit_price":1250}`)
		says(ctx, t, "today-count", fmt.Sprint(i+1))
	}
	var stays bool
	run(ctx, t, chromedp.Evaluate(`window.stays === true`, &stays))
	if !stays {
		t.Error("the page was loaded again")
	}
	says(ctx, t, "chart-revenue", "£37.50") // the chart's legend
	says(ctx, t, "health", "Live")          // control records are past

	// Any day, in any zone, as a chart or a table. The URL says which.
	show := func(query string) {
		t.Helper()
		run(ctx, t, chromedp.Navigate(s.ActivityURL()+"/?"+query))
	}
	show("day=2010-12-01&tz=Europe/London&show=table")
	for _, part := range []string{"Wednesday 1 December 2010", "£58,960.79", "136", "Netherlands", "16:00"} {
		says(ctx, t, "main", part)
	}
	show("view=range&from=2010-11-02&to=2010-12-01&tz=Europe/London")
	says(ctx, t, "range-table", "Tue 2 Nov")
	says(ctx, t, "range-table", "£58,960.79")
	show("day=2010-12-01&tz=Pacific/Chatham")
	says(ctx, t, "main", "Pacific/Chatham")
	says(ctx, t, "facts", "23")
	show("day=2010-12-01&tz=Mars/Olympus")
	says(ctx, t, "main", "Mars/Olympus")

	// On a phone in dark mode, nothing is wider than the screen.
	run(ctx, t, emulation.SetEmulatedMedia().WithFeatures(
		[]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}),
		chromedp.EmulateViewport(360, 740))
	show("day=2010-12-01&tz=Europe/London")
	says(ctx, t, "facts", "58,960.79")
	fits(ctx, t)

	// With only the keyboard: from the top to the day field, and a day typed into it.
	var reached bool
	run(ctx, t, chromedp.EmulateViewport(1100, 900), chromedp.Navigate(s.ActivityURL()),
		chromedp.WaitVisible("#today-count"))
	for range 20 {
		run(ctx, t, chromedp.KeyEvent("\t"), chromedp.Evaluate(`document.activeElement.id === "date"`, &reached))
		if reached {
			break
		}
	}
	if !reached {
		t.Fatal("the field of the day cannot be reached with the tab key")
	}
	run(ctx, t, chromedp.KeyEvent("12022010"), chromedp.KeyEvent("\r"))
	says(ctx, t, "main", "Thursday 2 December 2010")
}
