package main

import (
	"context"
	"errors"
	"io"
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"

	"ordertally/client/statistics"
	"ordertally/shared/settings"
	"ordertally/shared/text/output"
	"ordertally/shared/text/safetext"
)

type daysCmd struct {
	counted
	output.RowsForm
	// The first day, such as 2026-03-01, or today. Default: six days before --to.
	From date `placeholder:"DATE"`
	// The last day, itself included.
	To date `default:"today" placeholder:"DATE"`
	// What a row is. Weeks are those of ISO 8601.
	By string `default:"day" enum:"day,week,month"`
	// Time zone of the days, such as Europe/London. Default: that of the service.
	TZ string `name:"tz" placeholder:"ZONE"`
	output.Watch
}

// Run writes the figures of the days to standard output.
func (c *daysCmd) Run(ctx context.Context) error { return c.Watch.Run(ctx, safetext.Stdout(), c.run) }

func (c *daysCmd) run(ctx context.Context, out io.Writer) error {
	service, err := c.statistics()
	if err != nil {
		return err
	}
	defer service.Close()
	from, to, err := c.ends(ctx, service)
	if err != nil {
		return err
	}
	answer, err := service.ListDays(ctx, c.Activity, statistics.ListDaysParams{
		From: from, To: to, Tz: c.TZ, By: statistics.ListDaysParamsBy(c.By),
	})
	if err != nil {
		return err
	}
	rows := periods(&answer.Value)
	list := output.List[period]{Answer: answer.Raw, Member: c.By + "s", Rows: rows, Columns: columns(c.By, rows),
		Below: []string{"in " + answer.Value.Tz + "; " + standing(answer.Value.Final, false, &answer.Value.AsOf)}}
	return list.Write(out, c.Output)
}

// shownDays is how many days there are without --from.
const shownDays = 7

// ends returns the first and the last day. Only the service knows what today is in its zone.
func (c *daysCmd) ends(ctx context.Context, service *statistics.Client) (from, to string, err error) {
	from, to = string(c.From), string(c.To)
	if from == "today" || to == "today" {
		today, err := service.GetDay(ctx, c.Activity, "today", statistics.GetDayParams{Tz: c.TZ})
		if err != nil {
			return "", "", err
		}
		if from == "today" {
			from = today.Value.Day
		}
		if to == "today" {
			to = today.Value.Day
		}
	}
	last, err := time.Parse(time.DateOnly, to)
	if err != nil {
		return "", "", err
	}
	if from == "" {
		from = last.AddDate(0, 0, 1-shownDays).Format(time.DateOnly)
	}
	if to < from {
		return "", "", settings.WithExitCode(errors.New("--to is before --from"), settings.ExitUsage)
	}
	return from, to, nil
}

// period is a row: a day, a week or a month.
type period struct {
	name    string
	count   *int64 // nil if the day has no figures
	figures map[string]statistics.Figure
	note    string
}

func periods(d *statistics.Days) (rows []period) {
	for i := range d.Days {
		day := &d.Days[i]
		rows = append(rows, period{day.Day, day.Count, day.AdditionalProperties, noted(day.Partial, day.Unavailable)})
	}
	for i := range d.Weeks {
		w := &d.Weeks[i]
		rows = append(rows, period{w.Week, &w.Count, w.AdditionalProperties, noted(w.Partial, w.Unavailable...)})
	}
	for i := range d.Months {
		m := &d.Months[i]
		rows = append(rows, period{m.Month, &m.Count, m.AdditionalProperties, noted(m.Partial, m.Unavailable...)})
	}
	return rows
}

// noted says what a row lacks.
func noted(partial bool, unavailable ...string) string {
	var all []string
	if partial {
		all = append(all, "partial")
	}
	if text := strings.Join(unavailable, ", "); text != "" {
		all = append(all, "without "+text)
	}
	return strings.Join(all, ", ")
}

// columns returns those of the figures that the rows have, with one for each currency.
func columns(by string, rows []period) []output.Column[period] {
	plain, amounts := map[string]bool{}, map[string]map[string]bool{}
	noted := false
	for i := range rows {
		noted = noted || rows[i].note != ""
		for name, f := range rows[i].figures {
			if f.By == nil {
				plain[name] = true
				continue
			}
			if amounts[name] == nil {
				amounts[name] = map[string]bool{}
			}
			for currency := range f.By {
				amounts[name][currency] = true
			}
		}
	}
	all := []output.Column[period]{
		{Title: strings.ToUpper(by), Name: by, Of: func(p *period) any { return p.name }},
		{Title: "COUNT", Name: "count", Of: func(p *period) any { return p.count }},
	}
	add := func(name string, of func(*period) any) {
		all = append(all, output.Column[period]{Title: strings.ToUpper(name), Name: name, Of: of})
	}
	for _, name := range slices.Sorted(maps.Keys(plain)) {
		add(name, func(p *period) any { return p.figures[name].Number })
	}
	for _, name := range slices.Sorted(maps.Keys(amounts)) {
		for _, currency := range slices.Sorted(maps.Keys(amounts[name])) {
			add(name+"_"+currency, func(p *period) any {
				minor := p.figures[name].By[currency]
				if minor == nil && p.count != nil {
					minor = new(big.Int)
				}
				return output.Money{Currency: currency, Minor: minor}
			})
			all[len(all)-1].Title = strings.ToUpper(name)
		}
	}
	if noted {
		add("note", func(p *period) any { return p.note })
	}
	return all
}
