package main

import (
	"fmt"
	"strings"

	"ordertally/bench/report"
)

// pageOf returns the page and its charts by name.
func pageOf(r *report.Report) (page string, pictures map[string]*chart, err error) {
	for _, row := range r.Rows {
		for _, f := range row.Figures {
			if _, _, err := row.Values(f); err != nil {
				return "", nil, err
			}
		}
	}
	p := writing{pictures: map[string]*chart{}}
	p.line("# Performance")
	p.line("")
	p.line("How fast Ordertally is as it is used, beside others that do the same work. Made by `make performance` from")
	p.line("[performance/report.json](performance/report.json), which has every round. Do not edit.")
	p.line("")
	p.line("- Each order has an idempotency key, a customer and a reference, and over HTTP a credential.")
	p.line("- Services are processes of their own. They share the cores of one machine with Kafka and the clients,")
	p.line("  so ratios say more than rates.")
	p.line("- Contestants take turns, round after round. A figure is the median of its rounds. A thin line across")
	p.line("  a bar goes from the least round to the greatest.")
	p.line("- A run with a wrong count, or with an answer that is an error, has no figures.")
	p.line("")
	if r.Machine.LoadBefore > idle {
		p.line("**The load average was %.1f when the last run began. Unless that came from a row that was measured just",
			r.Machine.LoadBefore)
		p.line("before, its figures are rough.**")
		p.line("")
	}
	p.ratios(r)
	p.wins(r)
	p.goals(r)
	for _, row := range r.Rows {
		p.row(r, row)
	}
	p.machine(r)
	p.again()
	return strings.TrimRight(p.String(), "\n") + "\n", p.pictures, nil
}

// writing is a page in the making.
type writing struct {
	strings.Builder
	pictures map[string]*chart
}

func (p *writing) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

// picture shows a chart in the colours of the reader's page.
func (p *writing) picture(name string, c *chart) {
	p.pictures[name] = c
	p.line(`<picture><source media="(prefers-color-scheme: dark)" srcset="%s/%s-dark.svg">`, charts, name)
	p.line(`<img alt="%s" src="%s/%s.svg"></picture>`, c.title, charts, name)
	p.line("")
}

// peers calls each with the figures that compare with a peer, and their values.
func peers(r *report.Report, each func(row *report.Row, f report.Figure, values []float64)) {
	for _, row := range r.Rows {
		for _, f := range row.Figures {
			if values, _, err := row.Values(f); err == nil && f.Peer != "" {
				each(row, f, values)
			}
		}
	}
}

// ratios is the picture that says who wins.
func (p *writing) ratios(r *report.Report) {
	c := &chart{title: "Ordertally beside its peers",
		says:   "times as much as each; left of the line, the peer makes more",
		titled: true, ratios: true}
	peers(r, func(row *report.Row, f report.Figure, values []float64) {
		b := barOf(strings.TrimPrefix(f.Name, "of "), values)
		b.group, b.ours, b.text = capital(row.Title), b.median >= 1, report.Number(b.median)+" times"
		c.bars = append(c.bars, b)
	})
	if len(c.bars) > 0 {
		p.picture("overview", c)
	}
}

// wins says in words where a peer wins.
func (p *writing) wins(r *report.Report) {
	p.line("## Where a peer wins")
	p.line("")
	none := true
	peers(r, func(row *report.Row, f report.Figure, values []float64) {
		if median := report.Median(values); median < 1 {
			none = false
			of, _ := strings.CutPrefix(strings.TrimPrefix(f.Name, "of "), f.Peer) // leaves ", 64 writers"
			if !strings.HasPrefix(of, ", ") {
				of = ""
			}
			p.line("- %s%s: %s makes %s times as much.", capital(row.Title), of, f.Peer, report.Number(1/median))
		}
	})
	if none {
		p.line("None of the peers that were measured did more than Ordertally.")
	}
	p.line("")
}

// goals lists the figures that have one.
func (p *writing) goals(r *report.Report) {
	p.line("## Goals")
	p.line("")
	p.line("| | Figure | Measured | Goal | |")
	p.line("|---|---|---|---|---|")
	for _, row := range r.Rows {
		for _, f := range row.Figures {
			if values, unit, err := row.Values(f); err == nil && f.Goal > 0 {
				p.line("| %s | %s | %s | %s | %s |", row.Name, f.Name, withUnit(report.Median(values), unit),
					goalText(f), verdict(f, report.Median(values)))
			}
		}
	}
	p.line("")
}

// goalText returns the goal in few letters.
func goalText(f report.Figure) string {
	switch {
	case f.Goal == 0:
		return ""
	case f.AtMost:
		return "≤ " + report.Number(f.Goal)
	}
	return "≥ " + report.Number(f.Goal)
}

func verdict(f report.Figure, median float64) string {
	switch {
	case f.Goal == 0:
		return ""
	case f.Reached(median):
		return "reached"
	}
	return "**missed**"
}

func withUnit(v float64, unit string) string { return strings.TrimSpace(report.Number(v) + " " + unit) }

func (p *writing) row(r *report.Report, row *report.Row) {
	p.line("## %s", capital(row.Title))
	p.line("")
	if row.About != "" {
		p.line("%s", row.About)
		p.line("")
	}
	if c := chartOf(row); c != nil {
		p.picture(row.Name, c)
	}
	p.line("| Figure | Median | Rounds | Goal | |")
	p.line("|---|---|---|---|---|")
	for _, f := range row.Figures {
		values, unit, err := row.Values(f)
		if err != nil {
			continue // pageOf has told
		}
		b := barOf("", values)
		p.line("| %s | %s | %s to %s | %s | %s |", f.Name, withUnit(b.median, unit), report.Number(b.least),
			report.Number(b.great), goalText(f), verdict(f, b.median))
	}
	p.line("")
	for _, note := range row.Notes {
		p.line("%s", note)
		p.line("")
	}
	if run := row.Run; run != nil && !run.Same(&r.Run) {
		p.line("This is of another run: %s.", describe(run))
		p.line("")
	}
	if rounds := roundsOf(row); rounds < enoughRounds {
		p.line("**There were %d rounds only, so this is rough.**", rounds)
		p.line("")
	}
}

// enoughRounds are as many as the goals ask for.
const enoughRounds = 5

func roundsOf(row *report.Row) int {
	least := enoughRounds
	for _, f := range row.Figures {
		if values, _, err := row.Values(f); err == nil && len(values) < least && row.Repeated {
			least = len(values)
		}
	}
	return least
}

// idle is up to which load a machine counts as idle.
const idle = .7

func describe(run *report.Run) string {
	text := "commit " + run.Commit
	if run.Changed {
		text += " with changes"
	}
	text += ", " + run.Date.Format("2 January 2006, 15:04 MST")
	if run.Machine.LoadBefore > idle {
		text += fmt.Sprintf(", after a minute with a load average of %.1f", run.Machine.LoadBefore)
	}
	return text
}

func (p *writing) machine(r *report.Report) {
	m := r.Machine
	p.line("## The run")
	p.line("")
	p.line("| | |")
	p.line("|---|---|")
	p.line("| run | %s |", describe(&r.Run))
	p.line("| machine | %d cores (%s), %s MiB of memory |", m.Cores, m.Processor, report.Number(float64(m.MemoryMiB)))
	p.line("| disk | %s |", m.Filesystem)
	p.line("| software | %s, %s, %s |", m.Kernel, m.Go, m.Kafka)
	p.line("")
}

func (p *writing) again() {
	p.line("## Measure again")
	p.line("")
	p.line("`make bench` takes ten minutes, on Linux with Java and Maven. `make bench-full` takes up to an hour:")
	p.line("it has ten million orders, and peers that must be installed, such as PostgreSQL. Leave the machine alone")
	p.line("meanwhile. A single row takes a minute or two: `make bench ARGS=\"-rows store\"`. Then `make performance`")
	p.line("puts what was measured into this page. What was not measured stays, with its date. Rows of which")
	p.line("`make bench` measures less, such as that of ten million orders, stay those of `make bench-full`.")
}

// chartOf returns the chart of a row's series of the unit that most have. A row with one series has none.
func chartOf(row *report.Row) *chart {
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
	better := "more is better"
	if unit == "ms" || unit == "s" {
		better = "less is better"
	}
	c := &chart{title: capital(row.Title), says: unit + "; " + better}
	for _, s := range row.Series {
		if s.Unit == unit {
			b := barOf(strings.TrimSuffix(s.Name, ", "+s.Group), s.Rounds)
			b.group, b.ours = s.Group, !s.Peer
			c.bars = append(c.bars, b)
		}
	}
	return c
}
