package main

import (
	"context"
	"io"

	"ordertally/client/statistics"
	"ordertally/shared/text/output"
	"ordertally/shared/text/safetext"
)

type incidentsCmd struct {
	counted
	output.RowsForm
	output.Watch
}

// Run writes the incidents to standard output.
func (c *incidentsCmd) Run(ctx context.Context) error {
	return c.Watch.Run(ctx, safetext.Stdout(), c.run)
}

func (c *incidentsCmd) run(ctx context.Context, out io.Writer) error {
	service, err := c.statistics()
	if err != nil {
		return err
	}
	defer service.Close()
	answer, err := service.ListIncidents(ctx, c.Activity)
	if err != nil {
		return err
	}
	list := output.List[statistics.Incident]{Answer: answer.Raw, Member: "incidents", Rows: answer.Value.Incidents,
		Columns: incidentColumns}
	return list.Write(out, c.Output)
}

var incidentColumns = []output.Column[statistics.Incident]{
	{Title: "AT", Name: "at", Of: func(i *statistics.Incident) any { return i.At }},
	{Title: "KIND", Name: "kind", Of: func(i *statistics.Incident) any { return string(i.Kind) }},
	{Title: "PARTITION", Name: "partition", Of: func(i *statistics.Incident) any { return i.Partition }},
	{Title: "OFFSET", Name: "offset", Of: func(i *statistics.Incident) any { return i.Offset }},
	{Title: "MESSAGES", Name: "messages", Of: func(i *statistics.Incident) any { return i.Messages }},
	{Title: "WHAT", Name: "text", Of: func(i *statistics.Incident) any { return i.Text }},
}
