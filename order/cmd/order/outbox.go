package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"ordertally/order/orderclient"
	"ordertally/shared/settings"
	"ordertally/shared/text/safetext"
)

// outboxCmd are the operators' verbs for messages that are parked.
type outboxCmd struct {
	Ls      outboxLsCmd      `cmd:"" help:"List the parked messages, which failed too often. With --waiting, list those that are retried."`
	Show    outboxShowCmd    `cmd:"" help:"Show a parked message with its payload and history, as JSON."`
	Retry   outboxRetryCmd   `cmd:"" help:"Publish parked messages again, once their cause is mended."`
	Discard outboxDiscardCmd `cmd:"" help:"Give parked messages up, for ever. The act and its reason are kept."`
	Reclaim outboxReclaimCmd `cmd:"" help:"Publish what was left to another copy of the file, because that copy is gone."`
}

// selection names parked messages by what they have in common.
type selection struct {
	Class     string        `help:"Only those that failed with this class, such as too_large." placeholder:"CLASS"`
	OrderID   string        `help:"Only the message of this order." placeholder:"ID"`
	OlderThan time.Duration `help:"Only those whose last failure is longer ago, such as 1h." placeholder:"DURATION"`
}

func (s *selection) filter(now time.Time) orderclient.ParkedFilter {
	f := orderclient.ParkedFilter{Class: s.Class, OrderID: s.OrderID}
	if s.OlderThan > 0 {
		f.FailedBefore = now.Add(-s.OlderThan)
	}
	return f
}

type outboxLsCmd struct {
	remote
	selection
	Waiting bool   `help:"List the messages that were refused and will be retried, and those waiting behind them, instead of the parked ones."`
	Limit   int    `help:"Maximum number of messages to list, 1 to 200. Default 50."`
	Cursor  string `help:"Continue where an earlier list ended (its next_cursor)."`
}

// Run lists on standard output.
func (c *outboxLsCmd) Run(ctx context.Context) error { return c.run(ctx, safetext.Stdout()) }

func (c *outboxLsCmd) run(ctx context.Context, out io.Writer) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	defer client.Close()
	if c.Waiting {
		if (c.selection != selection{}) {
			return settings.WithExitCode(
				errors.New(
					"--class, --order-id and --older-than select parked messages: leave them out with --waiting",
				),
				settings.ExitUsage,
			)
		}
		page, err := client.ListWaiting(ctx, c.Limit, c.Cursor)
		if err != nil {
			return err
		}
		return c.writeWaiting(out, &page)
	}
	page, err := client.ListParked(ctx, c.filter(time.Now()), c.Limit, c.Cursor)
	if err != nil {
		return err
	}
	switch c.Output {
	case "json":
		return writeValue(out, page)
	case "ndjson":
		for i := range page.Parked {
			if err := writeValue(out, page.Parked[i]); err != nil {
				return err
			}
		}
		return writeCorrupt(out, page.Corrupt)
	}
	return writeTable(out, page)
}

// writeCorrupt ends lines of JSON with one that names what is damaged, if anything is.
func writeCorrupt[T any](out io.Writer, corrupt []T) error {
	if len(corrupt) == 0 {
		return nil
	}
	return writeValue(out, map[string][]T{"corrupt": corrupt})
}

func (c *outboxLsCmd) writeWaiting(out io.Writer, page *orderclient.WaitingPage) error {
	switch c.Output {
	case "json":
		return writeValue(out, page)
	case "ndjson":
		for i := range page.Waiting {
			if err := writeValue(out, page.Waiting[i]); err != nil {
				return err
			}
		}
		return writeCorrupt(out, page.Corrupt)
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tORDER\tSEQUENCE\tCLASS\tATTEMPTS\tNEXT TRY\tREASON")
	for i := range page.Waiting {
		m := &page.Waiting[i]
		class, next, reason := m.Class, "-", strconv.Quote(m.Reason)
		if m.Behind {
			class, reason = "-", "waits for an earlier message of its order"
		}
		if !m.NextTry.IsZero() {
			next = stamp(m.NextTry)
		}
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\t%d\t%s\t%s\n", m.ID, m.OrderID, m.Sequence, class, m.Attempts, next, reason)
	}
	for _, sequence := range page.Corrupt {
		fmt.Fprintf(table, "damaged: the message under sequence %d: stop the service and run order check\n", sequence)
	}
	if page.NextCursor != "" {
		fmt.Fprintf(table, "more: --waiting --cursor %s\n", page.NextCursor)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return nil
}

func writeValue(out io.Writer, value any) error {
	text, err := json.Marshal(value)
	if err == nil {
		_, err = out.Write(append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return nil
}

func writeTable(out io.Writer, page orderclient.ParkedPage) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tORDER\tSEQUENCE\tCLASS\tATTEMPTS\tLAST FAILED\tREASON")
	for i := range page.Parked {
		m := &page.Parked[i]
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\t%d\t%s\t%q\n", m.ID, m.OrderID, m.Sequence, m.Class, m.Attempts,
			m.LastFailed.UTC().Format(time.RFC3339), m.Reason)
	}
	for _, id := range page.Corrupt {
		fmt.Fprintf(table, "damaged: message %s: stop the service and run order check\n", id)
	}
	if page.NextCursor != "" {
		fmt.Fprintf(table, "more: --cursor %s\n", page.NextCursor)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return nil
}

type outboxShowCmd struct {
	remote
	ID string `arg:"" help:"Id of the message, as ls shows it." name:"id"`
}

// Run shows the message on standard output, indented unless one line is asked for.
func (c *outboxShowCmd) Run(ctx context.Context) error { return c.run(ctx, safetext.Stdout()) }

func (c *outboxShowCmd) run(ctx context.Context, out io.Writer) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	defer client.Close()
	message, err := client.ShowParked(ctx, c.ID)
	if err != nil {
		return err
	}
	text := jsontext.Value(message)
	if c.Output != "ndjson" {
		err = text.Indent()
	}
	if err == nil {
		_, err = out.Write(append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return nil
}

// deciding is what retry and discard have in common.
type deciding struct {
	remote
	selection
	IDs []string `arg:"" help:"Ids of messages, as ls shows them." name:"id" optional:""`
	All bool     `help:"All parked messages."`
}

// decide calls one for each id, or many for what is selected, and writes how many there were under name.
func (d *deciding) decide(
	out io.Writer,
	name string,
	one func(id string) error,
	many func(orderclient.ParkedFilter) (int, []string, error),
) error {
	filter := d.filter(time.Now())
	ways := 0
	for _, given := range []bool{len(d.IDs) > 0, filter != orderclient.ParkedFilter{}, d.All} {
		if given {
			ways++
		}
	}
	if ways != 1 {
		return settings.WithExitCode(errors.New(
			"name messages by their ids, or select them by --class, --order-id and --older-than, or say --all"),
			settings.ExitUsage)
	}
	n := 0
	var corrupt []string
	var err error
	if len(d.IDs) == 0 {
		n, corrupt, err = many(filter)
	}
	for _, id := range d.IDs {
		if err = one(id); err != nil {
			err = fmt.Errorf("message %.40q: %w", id, err)
			break
		}
		n++
	}
	if err != nil && n > 0 {
		return fmt.Errorf("%d %s, then: %w", n, name, err)
	}
	if err != nil {
		return err
	}
	return d.writeCount(out, name, n, corrupt)
}

func (r *remote) writeCount(out io.Writer, name string, n int, corrupt []string) error {
	if r.Output != "table" {
		answer := map[string]any{name: n}
		if len(corrupt) > 0 {
			answer["corrupt"] = corrupt
		}
		return writeValue(out, answer)
	}
	_, err := fmt.Fprintln(out, n, name)
	for _, id := range corrupt {
		if err == nil {
			_, err = fmt.Fprintf(out, "damaged, left as it is: message %s: stop the service and run order check\n", id)
		}
	}
	if err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return nil
}

type outboxRetryCmd struct {
	deciding
	Reason string `help:"Kept in the record of the act."`
}

// Run writes how many were retried to standard output.
func (c *outboxRetryCmd) Run(ctx context.Context) error { return c.run(ctx, safetext.Stdout()) }

func (c *outboxRetryCmd) run(ctx context.Context, out io.Writer) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	defer client.Close()
	return c.decide(out, "retried",
		func(id string) error { return client.RetryParked(ctx, id, c.Reason) },
		func(f orderclient.ParkedFilter) (int, []string, error) {
			return client.RetryAllParked(ctx, f, c.Reason)
		})
}

type outboxDiscardCmd struct {
	deciding
	Reason string `help:"Why; kept in the record of the act." required:""`
}

// Run writes how many were discarded to standard output.
func (c *outboxDiscardCmd) Run(ctx context.Context) error { return c.run(ctx, safetext.Stdout()) }

func (c *outboxDiscardCmd) run(ctx context.Context, out io.Writer) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	defer client.Close()
	return c.decide(out, "discarded",
		func(id string) error { return client.DiscardParked(ctx, id, c.Reason) },
		func(f orderclient.ParkedFilter) (int, []string, error) {
			return client.DiscardAllParked(ctx, f, c.Reason)
		})
}

type outboxReclaimCmd struct {
	remote
	Reason string `help:"Why; kept in the record of each act." required:""`
}

// Run writes how many were reclaimed to standard output.
func (c *outboxReclaimCmd) Run(ctx context.Context) error { return c.run(ctx, safetext.Stdout()) }

func (c *outboxReclaimCmd) run(ctx context.Context, out io.Writer) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	defer client.Close()
	n, err := client.Reclaim(ctx, c.Reason)
	if err != nil {
		return err
	}
	return c.writeCount(out, "reclaimed", n, nil)
}
