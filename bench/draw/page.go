package main

import (
	"fmt"
	"strings"

	"ordertally/bench/report"
)

// pageOf returns the page and its charts by name.
func pageOf(r *report.Report) (page string, pictures map[string]*chart, err error) {
	var p writing
	pictures = map[string]*chart{}
	p.line("# Performance")
	p.line("")
	p.line("Made from [performance/report.json](performance/report.json) by `make performance`. Do not edit.")
	p.line("")
	p.line("Ordertally as it is used: each order has an idempotency key, a customer and a reference,")
	p.line("and over HTTP a credential. Services are processes of their own. Services, Kafka and clients")
	p.line("share the cores of one machine, so ratios say more than rates. Contestants take turns. A")
	p.line("figure is the median of its rounds, and their range stands beside it. A run with a wrong")
	p.line("count, or with an answer that is an error, has no figures.")
	p.line("")
	p.machine(r)
	overview := &chart{title: "The figures with a goal: 1 is the goal, more is better"}
	for _, row := range r.Rows {
		for _, f := range row.Figures {
			values, _, err := row.Values(f)
			if err != nil {
				return "", nil, err
			}
			if f.Goal > 0 {
				overview.bars = append(overview.bars, partOfGoal(row, f, values))
			}
		}
	}
	if len(overview.bars) > 0 {
		pictures["overview"] = overview
		p.picture("overview", overview.title)
	}
	p.peers(r)
	for _, row := range r.Rows {
		p.row(row)
		for unit, c := range chartsOf(row) {
			pictures[unit] = c
		}
	}
	p.again()
	return strings.TrimRight(p.String(), "\n") + "\n", pictures, nil
}

// writing is a page in the making.
type writing struct{ strings.Builder }

func (p *writing) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

// picture shows a chart in the colours of the reader's page.
func (p *writing) picture(name, says string) {
	p.line(`<picture><source media="(prefers-color-scheme: dark)" srcset="%s/%s-dark.svg">`, charts, name)
	p.line(`<img alt="%s" src="%s/%s.svg"></picture>`, says, charts, name)
	p.line("")
}

func (p *writing) machine(r *report.Report) {
	m := r.Machine
	changed := ""
	if r.Changed {
		changed = ", with changes"
	}
	p.line("| | |")
	p.line("|---|---|")
	p.line("| date | %s |", r.Date.Format("2 January 2006, 15:04 MST"))
	p.line("| commit | %s%s |", r.Commit, changed)
	p.line("| machine | %d cores (%s), %s MiB of memory |", m.Cores, m.Processor, report.Number(float64(m.MemoryMiB)))
	p.line("| disk | %s |", m.Filesystem)
	p.line("| software | %s, %s, %s |", m.Kernel, m.Go, m.Kafka)
	p.line("| load before | %.1f |", m.LoadBefore)
	p.line("")
	const idle = .7
	if m.LoadBefore > idle {
		p.line("**The machine was not idle when the run began, so the figures are rough.**")
		p.line("")
	}
}

// peers says in plain words who wins.
func (p *writing) peers(r *report.Report) {
	var wins []string
	for _, row := range r.Rows {
		for _, f := range row.Figures {
			if f.Peer == "" {
				continue
			}
			values, _, err := row.Values(f)
			if err != nil {
				continue // pageOf has told
			}
			if median := report.Median(values); median < 1 {
				wins = append(wins, fmt.Sprintf("- %s: %s makes %s times as much (%s).", row.Title, f.Peer,
					report.Number(1/median), f.Name))
			}
		}
	}
	p.line("## Where a peer wins")
	p.line("")
	if len(wins) == 0 {
		p.line("None of the peers that were measured did more than Ordertally.")
	}
	for _, win := range wins {
		p.line("%s", win)
	}
	p.line("")
}

func (p *writing) row(row *report.Row) {
	p.line("## %s%s", strings.ToUpper(row.Title[:1]), row.Title[1:])
	p.line("")
	p.line("| Figure | Median | Rounds | Goal | |")
	p.line("|---|---|---|---|---|")
	for _, f := range row.Figures {
		values, unit, err := row.Values(f)
		if err != nil {
			continue // pageOf has told
		}
		if unit != "" {
			unit = " " + unit
		}
		b := barOf("", values)
		goal, reached := "", ""
		if f.Goal > 0 {
			goal, reached = report.GoalText(f), "reached"
			if !f.Reached(b.median) {
				reached = "**missed**"
			}
		}
		p.line("| %s | %s%s | %s to %s | %s | %s |", f.Name, report.Number(b.median), unit, report.Number(b.least),
			report.Number(b.great), goal, reached)
	}
	p.line("")
	for name, c := range chartsOf(row) {
		p.picture(name, c.title)
	}
	for _, note := range row.Notes {
		p.line("%s", note)
		p.line("")
	}
}

func (p *writing) again() {
	p.line("## Measure again")
	p.line("")
	p.line("`make bench` takes ten minutes, on Linux with Java and Maven. `make bench-full` takes longer and")
	p.line("adds the peers that must be installed, such as PostgreSQL. Leave the machine alone meanwhile.")
	p.line("`make performance` makes this page of the last run. A single row takes a minute or two:")
	p.line("`make bench ARGS=\"-rows store -rounds 3\"`.")
}

// chartsOf returns the chart of a row's series of the unit that most have, by name. A row with one series has none.
func chartsOf(row *report.Row) map[string]*chart {
	units := map[string]int{}
	unit := ""
	for _, s := range row.Series {
		if units[s.Unit]++; units[s.Unit] > units[unit] {
			unit = s.Unit
		}
	}
	if units[unit] < 2 {
		return nil
	}
	c := &chart{title: strings.ToUpper(row.Title[:1]) + row.Title[1:], unit: unit}
	for _, s := range row.Series {
		if s.Unit == unit {
			b := barOf(s.Name, s.Rounds)
			b.ours = !s.Peer
			c.bars = append(c.bars, b)
		}
	}
	return map[string]*chart{row.Name: c}
}

// partOfGoal is the bar of a figure in the overview.
func partOfGoal(row *report.Row, f report.Figure, values []float64) bar {
	parts := make([]float64, len(values))
	for i, v := range values {
		if parts[i] = v / f.Goal; f.AtMost {
			parts[i] = f.Goal / v
		}
	}
	b := barOf(row.Name+": "+f.Name, parts)
	b.ours, b.goal = true, 1
	return b
}
