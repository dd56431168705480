package main

import (
	"context"
	"io"
	"strings"

	"ordertally/client/statistics"
	"ordertally/shared/text/output"
	"ordertally/shared/text/safetext"
)

type lsCmd struct {
	running
	output.RowsForm
	output.Watch
}

// Run writes the list to standard output.
func (c *lsCmd) Run(ctx context.Context) error { return c.Watch.Run(ctx, safetext.Stdout(), c.run) }

func (c *lsCmd) run(ctx context.Context, out io.Writer) error {
	service, err := c.statistics()
	if err != nil {
		return err
	}
	defer service.Close()
	answer, err := service.ListActivities(ctx)
	if err != nil {
		return err
	}
	list := output.List[statistics.ActivityBody]{Answer: answer.Raw, Member: "activities",
		Rows: answer.Value.Activities, Columns: activityColumns}
	return list.Write(out, c.Output)
}

var activityColumns = []output.Column[statistics.ActivityBody]{
	{Title: "NAME", Name: "name", Of: func(a *statistics.ActivityBody) any { return a.Name }},
	{Title: "TOPIC", Name: "topic", Of: func(a *statistics.ActivityBody) any { return a.Topic }},
	{Title: "MEASURES", Name: "measures",
		Of: func(a *statistics.ActivityBody) any { return strings.Join(a.Measures, ",") }},
	{Title: "DIMENSIONS", Name: "dimensions",
		Of: func(a *statistics.ActivityBody) any { return strings.Join(a.Dimensions, ",") }},
	{Title: "PARKED", Name: "parked", Of: func(a *statistics.ActivityBody) any { return a.Parked }},
	{Title: "LATE", Name: "late", Of: func(a *statistics.ActivityBody) any { return a.Late }},
	{Title: "CONFLICTS", Name: "conflicts", Of: func(a *statistics.ActivityBody) any { return a.Conflicts }},
}
