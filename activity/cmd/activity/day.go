package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"ordertally/client/statistics"
	"ordertally/shared/text/output"
	"ordertally/shared/text/safetext"
)

type dayCmd struct {
	remote
	// The day, such as 2026-03-01, or today.
	Day date `arg:"" optional:"" default:"today" name:"date"`
	// Time zone of the day, such as Europe/London. Default: that of the service.
	TZ string `name:"tz" placeholder:"ZONE"`
	output.Watch
}

// Run writes the day's figures to standard output.
func (c *dayCmd) Run(ctx context.Context) error { return c.Watch.Run(ctx, safetext.Stdout(), c.run) }

func (c *dayCmd) run(ctx context.Context, out io.Writer) error {
	service, err := c.statistics()
	if err != nil {
		return err
	}
	defer service.Close()
	day, err := service.GetDay(ctx, c.Activity, string(c.Day), statistics.GetDayParams{Tz: c.TZ})
	if err != nil {
		return err
	}
	return c.Write(out, day.Raw, func(out io.Writer) error { return writeDay(out, &day.Value) })
}

func writeDay(out io.Writer, d *statistics.Day) error {
	table := output.NewTable()
	row := func(name string, value any) { table.Row(name, value) }
	row("activity", d.Activity)
	row("day", output.Said(d.Day+" in "+d.Tz))
	row("count", output.Said(output.Count(d.Count, "event")))
	for _, name := range slices.Sorted(maps.Keys(d.AdditionalProperties)) {
		f := d.AdditionalProperties[name]
		if f.By == nil {
			row(name, output.Said(f.Number.String()))
			continue
		}
		for _, currency := range slices.Sorted(maps.Keys(f.By)) {
			row(name, output.Said(output.Money{Currency: currency, Minor: f.By[currency]}.String()))
		}
		if len(f.By) == 0 {
			row(name, nil)
		}
	}
	if !d.First.IsZero() {
		row("first", d.First)
		row("last", d.Last)
	}
	row("state", output.Said(standing(d.Final, d.Partial, &d.AsOf)))
	return table.Write(out)
}

// standing says how far figures can be relied on.
func standing(final, partial bool, asOf *statistics.AsOf) string {
	text := "not final"
	switch {
	case final:
		text = "final"
	case asOf.Lag != nil && *asOf.Lag == 1:
		text = "1 message waits to be counted"
	case asOf.Lag != nil && *asOf.Lag > 1:
		text = output.Count(*asOf.Lag, "message") + " wait to be counted"
	case asOf.Lagging:
		text = "how many messages wait is not known"
	}
	if partial {
		text += "; the topic had forgotten a part"
	}
	if !asOf.At.IsZero() {
		text += ", as of " + output.Millis(asOf.At)
	}
	return text
}

// date is a day of the calendar, or today.
type date string

// UnmarshalText reads a day such as 2026-03-01, or the word today.
func (d *date) UnmarshalText(text []byte) error {
	if _, err := time.Parse(time.DateOnly, string(text)); err != nil && string(text) != "today" {
		return fmt.Errorf("%.40q is not a day: want a date such as 2026-03-01, or today", text)
	}
	*d = date(text)
	return nil
}
