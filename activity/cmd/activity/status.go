package main

import (
	"context"
	"fmt"
	"io"

	"ordertally/activity"
	"ordertally/client/statistics"
	"ordertally/shared/text/output"
	"ordertally/shared/text/safetext"
)

type statusCmd struct {
	running
	output.Form
	output.Watch
}

// Run writes the status to standard output.
func (c *statusCmd) Run(ctx context.Context) error { return c.Watch.Run(ctx, safetext.Stdout(), c.run) }

func (c *statusCmd) run(ctx context.Context, out io.Writer) error {
	service, err := c.statistics()
	if err != nil {
		return err
	}
	defer service.Close()
	answer, err := service.ListActivities(ctx)
	if err != nil {
		return err
	}
	return c.Write(out, answer.Raw, func(out io.Writer) error { return writeStatus(out, answer.Value.Activities) })
}

func writeStatus(out io.Writer, all []statistics.ActivityBody) error {
	table := output.NewTable()
	line := func(name, format string, args ...any) {
		table.Row(output.Said(name), output.Said(fmt.Sprintf(format, args...)))
	}
	for i := range all {
		a := &all[i]
		if i == 0 || a.Kafka.State != all[0].Kafka.State { // of others: their topic may be missing
			line("kafka", "%s since %s", a.Kafka.State, output.Time(a.Kafka.Since))
			if a.Kafka.Error != "" {
				line("", "%s", a.Kafka.Error)
			}
		}
		line(a.Name, "%s", toCount(a))
		if !a.CountedThrough.IsZero() {
			line("", "all that Kafka had at %s", output.Time(a.CountedThrough))
		}
		line("", "parked %d, late %d, conflicts %d", a.Parked, a.Late, a.Conflicts)
	}
	return table.Write(out)
}

// toCount says how many messages of an activity wait.
func toCount(a *statistics.ActivityBody) string {
	if string(a.Kafka.State) == string(activity.LinkDown) || a.LagByPartition == nil {
		return "how many messages wait to be counted is not known"
	}
	lag := int64(0)
	for _, n := range a.LagByPartition {
		lag += n
	}
	return output.Count(lag, "message") + " to count"
}
