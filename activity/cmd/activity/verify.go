package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"ordertally/activity/verify"
	"ordertally/shared/auth"
	"ordertally/shared/settings"
	"ordertally/shared/settings/tlsfiles"
	"ordertally/shared/text/safetext"
)

type verifyCmd struct {
	remote
	OrdersCredential auth.Credential       `embed:"" prefix:"orders-"`
	OrdersTLS        tlsfiles.ClientConfig `embed:"" prefix:"orders-"`
	Orders           []string              `help:"URLs of the order services whose orders the activity counts, separated by commas. All are sent the same credential." placeholder:"URL" required:""`
}

// errDiffer ends the command with exit code 1.
var errDiffer = errors.New("the services differ; the differences are listed above")

// Run compares and writes what differs to standard output.
func (c *verifyCmd) Run(ctx context.Context) error { return c.run(ctx, safetext.Stdout()) }

func (c *verifyCmd) run(ctx context.Context, out io.Writer) error {
	target, err := reach(c.Target, c.Credential, keyVariable, c.TLS, "")
	var orders []verify.Service
	for _, url := range c.Orders {
		service, ordersErr := reach(url, c.OrdersCredential, ordersKeyVariable, c.OrdersTLS, "orders-")
		orders = append(orders, service)
		err = errors.Join(err, ordersErr)
	}
	if err != nil {
		return settings.WithExitCode(err, settings.ExitUsage)
	}
	report, err := verify.Run(ctx, verify.Config{Orders: orders, Target: target, Activity: c.Activity})
	if err != nil {
		return err
	}
	switch c.Output {
	case "json":
		err = writeValue(out, report)
	case "ndjson":
		for i := range report.Days {
			if err == nil {
				err = writeValue(out, report.Days[i])
			}
		}
	default:
		err = writeReport(out, report, len(orders))
	}
	if err == nil && !report.Equal() {
		err = settings.WithExitCode(errDiffer, settings.ExitFailed)
	}
	return err
}

// reach is a service as the settings name it; prefix is that of the names of those of TLS.
func reach(url string, credential auth.Credential, variable string, files tlsfiles.ClientConfig,
	prefix string) (verify.Service, error) {
	token, err := credential.Token(variable)
	transport, tlsErr := files.Transport(prefix)
	return verify.Service{URL: url, Credential: token, Transport: transport}, errors.Join(err, tlsErr)
}

// writeReport writes a report of so many order services in sentences.
func writeReport(out io.Writer, report *verify.Report, services int) error {
	var b strings.Builder
	stored := "the order service has"
	if services > 1 {
		stored = "the order services have"
	}
	for i := range report.Days {
		d := &report.Days[i]
		if d.Equal {
			continue
		}
		fmt.Fprintf(
			&b,
			"%s differs: %s %s (%s), activity counted %d (%s)\n",
			d.Day,
			stored,
			several(d.Order.Count, "order"),
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
		b.WriteString("the figures were still in motion at the last look: ask again when less is going on\n")
	}
	fmt.Fprintf(
		&b,
		"%s on %s compared; %s\n",
		several(int64(report.Orders), "published order"),
		several(int64(len(report.Days)), "day"),
		unpublished(report.Unpublished),
	)
	if _, err := io.WriteString(out, b.String()); err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return nil
}

func several(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// amounts writes the revenue by currency.
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
