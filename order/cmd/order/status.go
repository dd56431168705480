package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"ordertally/client"
	"ordertally/client/orders"
	"ordertally/shared/text/safetext"
	"ordertally/shared/web/problem"
)

type statusCmd struct{ remote }

// Run writes the status to standard output.
func (c *statusCmd) Run(ctx context.Context) error { return c.run(ctx, safetext.Stdout()) }

func (c *statusCmd) run(ctx context.Context, out io.Writer) error {
	shop, err := c.orders()
	if err != nil {
		return err
	}
	defer shop.Close()
	report, err := shop.GetOutbox(ctx)
	if err != nil {
		return err
	}
	if c.Output != "table" {
		return writeValue(out, jsontext.Value(report.Raw))
	}
	var waiting client.Answer[orders.WaitingPage]
	if report.Value.Waiting > 0 {
		if waiting, err = shop.ListWaiting(ctx, orders.ListWaitingParams{Limit: shownWaiting}); err != nil {
			return err
		}
	}
	backups, err := shop.GetBackupState(ctx)
	if err != nil && !client.HasCode(err, problem.CodeNotFound) { // an older service has none
		return err
	}
	return writeStatus(out, &report.Value, waiting.Value.Waiting, &backups.Value)
}

// backupLine is the line about scheduled backups.
func backupLine(s *orders.ScheduledBackups) string {
	switch {
	case s.Error != "":
		return fmt.Sprintf("failed at %s: %s", stamp(s.FailedAt), s.Error)
	case !s.Scheduled:
		return "no schedule (see --backup-dir)"
	case s.File == "":
		return "none yet"
	}
	return fmt.Sprintf("%s, of %s, verified", s.File, stamp(s.VerifiedAt))
}

// shownWaiting is the number of refused messages that the status names.
const shownWaiting = 3

func writeStatus(
	out io.Writer, r *orders.Report, waiting []orders.WaitingMessage, backups *orders.ScheduledBackups,
) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) { fmt.Fprintf(table, name+"\t"+format+"\n", args...) }
	line("kafka", "%s since %s", r.Relay.State, stamp(r.Relay.Since))
	if r.Relay.Error != "" {
		line("", "%s", r.Relay.Error)
	}
	if r.HeldBack.Text != "" {
		line("", "%s", r.HeldBack.Text)
	}
	if r.Acks.Ack == orders.DurabilityKafka {
		line("answers", "when committed in Kafka; after %s, or while Kafka is away: %s", r.Acks.Wait, r.Acks.Else)
	} else {
		line("answers", "when on the disk")
	}
	line("backlog", "%d, of which %d wait for another attempt", r.Backlog, r.Waiting)
	for i := range waiting {
		if m := &waiting[i]; !m.Behind {
			line("refused", "order %s: %s, attempt %d, next try %s: %q", m.OrderID, m.Class, m.Attempts,
				stamp(m.NextAttemptAt), m.Reason)
		}
	}
	if !r.OldestUnpublishedAt.IsZero() {
		line("oldest", "%s", stamp(r.OldestUnpublishedAt))
	}
	line("parked", "%d", r.Parked)
	line("sequence", "%d of %d dealt with", r.PublishedUpTo, r.LastSequence)
	line("lineage", "%s from %d on", r.Lineage, r.FirstSequence)
	line("backup", "%s", backupLine(backups))
	if r.Repair {
		line("repair", "the topic lost messages, which are being published again")
	}
	for _, f := range r.Incidents {
		line("incident", "%s %s: %s", stamp(f.At), f.Kind, f.Text)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("write the status: %w", err)
	}
	return nil
}

func stamp(at time.Time) string { return at.UTC().Format(time.RFC3339) }
