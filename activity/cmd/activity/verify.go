package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"ordertally/activity/verify"
	"ordertally/client"
	"ordertally/client/access"
	"ordertally/client/orders"
	"ordertally/client/statistics"
	"ordertally/shared/settings"
	"ordertally/shared/text/output"
	"ordertally/shared/text/safetext"
)

type verifyCmd struct {
	remote
	OrdersAccess access.Flags `embed:"" prefix:"orders-" group:"To reach the order services:"`
	// URLs of the order services whose orders the activity counts, separated by commas. All are sent the same
	// credential.
	Orders []string `placeholder:"URL" required:"" setting:""`
}

// errDiffer ends the command with exit code 1.
var errDiffer = errors.New("the services differ; the differences are listed above")

// Run compares the services, and writes the differences to standard output.
func (c *verifyCmd) Run(ctx context.Context) error { return c.run(ctx, safetext.Stdout()) }

func (c *verifyCmd) run(ctx context.Context, out io.Writer) error {
	target, shops, err := c.connectAll()
	if err != nil {
		return err
	}
	defer target.Close()
	for _, shop := range shops {
		defer shop.Close()
	}
	progress := output.Begin(os.Stderr, "verify")
	report, err := verify.Run(ctx, verify.Config{Orders: shops, Target: target, Activity: c.Activity})
	progress.Close()
	if err != nil {
		return err
	}
	if c.Output == "ndjson" {
		for i := range report.Days {
			if err == nil {
				err = output.Line(out, report.Days[i])
			}
		}
	} else {
		err = c.Write(out, report, func(out io.Writer) error { return writeReport(out, report, len(shops)) })
	}
	if err == nil && !report.Equal() {
		err = settings.WithExitCode(errDiffer, settings.ExitFailed)
	}
	return err
}

// ordersNames names the flags for the order services.
var ordersNames = access.Names{Target: "--orders", Prefix: "orders-", Variable: ordersKeyVariable}

// verifyTimeout bounds one request. The digests of 400 days take seconds.
const verifyTimeout = time.Minute

// connectAll returns clients of the activity service and of the order services.
func (c *verifyCmd) connectAll() (*statistics.Client, []*orders.Client, error) {
	config := client.Config{URL: c.Target, RetryFor: -1, AttemptTimeout: verifyTimeout}
	target, err := c.Connect(config, activityNames)
	if err != nil {
		return nil, nil, err
	}
	shops := make([]*orders.Client, 0, len(c.Orders))
	for _, config.URL = range c.Orders {
		shop, err := c.OrdersAccess.Connect(config, ordersNames)
		if err != nil {
			return nil, nil, err
		}
		shops = append(shops, &orders.Client{Client: shop})
	}
	return &statistics.Client{Client: target}, shops, nil
}

// writeReport writes a report in sentences. services is the number of order services.
func writeReport(out io.Writer, report *verify.Report, services int) error {
	var b strings.Builder
	stored := "the order service has"
	if services > 1 {
		stored = "the order services have"
	}
	verdict := "all agree"
	for i := range report.Days {
		d := &report.Days[i]
		if d.Equal {
			continue
		}
		verdict = "not all agree"
		fmt.Fprintf(
			&b,
			"%s differs: %s %s (%s), activity counted %d (%s)\n",
			d.Day,
			stored,
			output.Count(d.Order.Count, "order"),
			amounts(&d.Order, " in minor units"),
			d.Activity.Count,
			amounts(&d.Activity, ""),
		)
		for _, q := range d.Differ {
			fmt.Fprintf(&b, "  from %s UTC: %s\n", q.Starts.Format("15:04"), q.Says)
			for _, m := range q.Missing {
				b.WriteString("    " + missingOrder(&m) + "\n")
			}
		}
	}
	if report.Moving {
		b.WriteString("the figures still changed at the last look: run this again when the services are less busy\n")
	}
	for _, remedy := range report.Heal {
		b.WriteString("to heal it: " + remedy + "\n")
	}
	fmt.Fprintf(
		&b,
		"%s on %s compared: %s; %s\n",
		output.Count(report.Orders, "published order"),
		output.Count(len(report.Days), "day"),
		verdict,
		unpublished(report.Unpublished),
	)
	if _, err := io.WriteString(out, b.String()); err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	if c := report.Cancellations; c == nil || c.Orders == 0 && len(c.Days) == 0 {
		return nil
	}
	if _, err := io.WriteString(out, "cancellations:\n"); err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return writeReport(out, report.Cancellations, services)
}

// amounts returns the revenue by currency as text.
func amounts(f *verify.Figures, unit string) string {
	var all []string
	for _, currency := range slices.Sorted(maps.Keys(f.Revenue)) {
		all = append(all, currency+" "+f.Revenue[currency].String())
	}
	if all == nil {
		return "no revenue"
	}
	return strings.Join(all, ", ") + unit
}

func missingOrder(m *verify.Missing) string {
	text := "order " + m.OrderID
	if m.Service != "" {
		text += " of " + m.Service
	}
	text += " is " + m.State
	if m.Reason != "" {
		text += " (" + m.Reason + ")"
	}
	return text
}

func unpublished(states map[string]int) string {
	var all []string
	for _, state := range slices.Sorted(maps.Keys(states)) {
		if states[state] > 0 {
			all = append(all, fmt.Sprintf("%d %s", states[state], state))
		}
	}
	if all == nil {
		return "all orders are published"
	}
	return "not published, and not compared: " + strings.Join(all, ", ")
}
