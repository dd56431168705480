package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"ordertally/activity/verify"
	"ordertally/shared/auth"
	"ordertally/shared/settings"
	"ordertally/shared/tlsfiles"
)

type verifyCmd struct {
	remote
	OrdersCredential auth.Credential       `embed:"" prefix:"orders-"`
	OrdersTLS        tlsfiles.ClientConfig `embed:"" prefix:"orders-"`
	Orders           string                `help:"URL of the order service." placeholder:"URL" required:""`
}

// errDiffer ends the command with exit code 1.
var errDiffer = errors.New("the two services differ; what differs is named above")

// Run compares and writes what differs to standard output.
func (c *verifyCmd) Run(ctx context.Context) error { return c.run(ctx, os.Stdout) }

func (c *verifyCmd) run(ctx context.Context, out io.Writer) error {
	orders, ordersErr := reach(c.Orders, c.OrdersCredential, ordersKeyVariable, c.OrdersTLS, "orders-")
	target, err := reach(c.Target, c.Credential, keyVariable, c.TLS, "")
	if err := errors.Join(err, ordersErr); err != nil {
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
		err = writeReport(out, report)
	}
	if err == nil && !report.Equal() {
		err = settings.WithExitCode(errDiffer, settings.ExitFailed)
	}
	return err
}

// reach is a service as the settings name it; prefix is that of the names of those of TLS.
func reach(url string, credential auth.Credential, variable string, files tlsfiles.ClientConfig, prefix string) (verify.Service, error) {
	token, err := credential.Token(variable)
	transport, tlsErr := files.Transport(prefix)
	return verify.Service{URL: url, Credential: token, Transport: transport}, errors.Join(err, tlsErr)
}

func writeReport(out io.Writer, report *verify.Report) error {
	for _, d := range report.Days {
		if d.Equal {
			continue
		}
		if _, err := fmt.Fprintf(out, "%s differs: order has %d orders, %v; activity counted %d, %v\n",
			d.Day, d.Order.Count, d.Order.Revenue, d.Activity.Count, d.Activity.Revenue); err != nil {
			return fmt.Errorf("write the answer: %w", err)
		}
		for _, q := range d.Differ {
			fmt.Fprintf(out, "  from %s: %s\n", q.Starts.Format("15:04"), q.Says)
			for _, m := range q.Missing {
				fmt.Fprintf(out, "    order %s: %s %s\n", m.OrderID, m.State, m.Reason)
			}
		}
	}
	if report.Moving {
		fmt.Fprintln(out, "the figures were still in motion at the last look: ask again when less is going on")
	}
	_, err := fmt.Fprintf(out, "%d published orders on %d days compared; not published, not compared: %v\n", report.Orders, len(report.Days), report.Unpublished)
	if err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return nil
}
