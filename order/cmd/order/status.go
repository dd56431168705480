package main

import (
	"context"
	"fmt"
	"io"

	"ordertally/client"
	"ordertally/client/orders"
	"ordertally/shared/text/output"
	"ordertally/shared/text/safetext"
	"ordertally/shared/web/problem"
)

type statusCmd struct {
	remote
	output.Watch
}

// Run writes the status to standard output.
func (c *statusCmd) Run(ctx context.Context) error { return c.Watch.Run(ctx, safetext.Stdout(), c.run) }

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
		return c.Write(out, report.Raw, nil)
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
		return fmt.Sprintf("failed at %s: %s", output.Time(s.FailedAt), s.Error)
	case !s.Scheduled:
		return "no schedule (see --backup-dir)"
	case s.File == "":
		return "none yet"
	}
	return fmt.Sprintf("%s, of %s, verified", s.File, output.Time(s.VerifiedAt))
}

// shownWaiting is the number of refused messages that the status names.
const shownWaiting = 3

func writeStatus(
	out io.Writer, r *orders.Report, waiting []orders.WaitingMessage, backups *orders.ScheduledBackups,
) error {
	table := output.NewTable()
	line := func(name, format string, args ...any) {
		table.Row(output.Said(name), output.Said(fmt.Sprintf(format, args...)))
	}
	line("kafka", "%s since %s", r.Relay.State, output.Time(r.Relay.Since))
	if r.Relay.Error != "" {
		line("", "%s", r.Relay.Error)
	}
	if r.HeldBack.Text != "" {
		line("", "%s", r.HeldBack.Text)
	}
	if r.Acks.Ack == orders.DurabilityKafka {
		line("answers", "a 201 once the order is in Kafka; after %s, or while Kafka is away: %s", r.Acks.Wait,
			r.Acks.Else)
	} else {
		line("answers", "a 201 once the order is on the disk")
	}
	line("backlog", "%s", backlog(r))
	for i := range waiting {
		if m := &waiting[i]; !m.Behind {
			line("refused", "order %s: %s, attempt %d, next try %s: %q", m.OrderID, m.Class, m.Attempts,
				output.Time(m.NextAttemptAt), m.Reason)
		}
	}
	if !r.OldestUnpublishedAt.IsZero() {
		line("oldest", "%s", output.Time(r.OldestUnpublishedAt))
	}
	line("parked", "%d", r.Parked)
	line("sequence", "%d of %d published or set aside", r.PublishedUpTo, r.LastSequence)
	line("lineage", "%s, from sequence %d on", r.Lineage, r.FirstSequence)
	line("backup", "%s", backupLine(backups))
	if r.Repair {
		line("repair", "the topic lost messages, which are being published again")
	}
	for _, f := range r.Incidents {
		line("incident", "%s %s: %s", output.Time(f.At), f.Kind, f.Text)
	}
	return table.Write(out)
}

func backlog(r *orders.Report) string {
	text := output.Count(r.Backlog, "message")
	switch r.Waiting {
	case 0:
		return text
	case 1:
		return text + ", of which 1 waits for another attempt"
	}
	return fmt.Sprintf("%s, of which %d wait for another attempt", text, r.Waiting)
}
