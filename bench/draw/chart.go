package main

import (
	"encoding/xml"
	"fmt"
	"math"
	"strings"

	"ordertally/bench/report"
)

// chart has a bar for each value, one below the other, and a line across it from the least round to the greatest. It is
// narrow and its letters are large, so that it can be read on a telephone.
type chart struct {
	title, says string
	titled      bool // the title stands in the picture; otherwise a heading of the page says it
	// ratios says that the values are ratios. Their bars begin at 1 and grow by the logarithm, to the right if more and
	// to the left if less.
	ratios bool
	bars   []bar
}

type bar struct {
	group                string // a heading stands above the first bar of a group
	name                 string
	ours                 bool
	median, least, great float64
	text                 string // the value
}

// theme has the colours for one kind of background.
type theme struct{ text, faint, ours, other, line string }

var (
	light = theme{text: "#1f2328", faint: "#59636e", ours: "#0969da", other: "#afb8c1", line: "#1f2328"}
	dark  = theme{text: "#e6edf3", faint: "#9198a1", ours: "#4493f8", other: "#545d68", line: "#e6edf3"}
)

const (
	chartWidth = 600
	margin     = 4
	barHeight  = 12
	barStep    = 42
	groupStep  = 30
)

func (c *chart) svg(t theme) string {
	var body strings.Builder
	text := func(x, y float64, style, colour, of string) {
		fmt.Fprintf(&body, `<text x="%.1f" y="%.1f" %s fill="%s">%s</text>`+"\n", x, y, style, colour, escaped(of))
	}
	scale, zero := c.scale()
	y, group := 22.0, ""
	if c.titled {
		text(margin, y, `font-size="18" font-weight="600"`, t.text, c.title)
		y += 22
	}
	text(margin, y, `font-size="15"`, t.faint, c.says)
	y += 14
	for i := range c.bars {
		one := &c.bars[i]
		if one.group != group {
			group = one.group
			text(margin, y+18, `font-size="15" font-weight="600"`, t.faint, group)
			y += groupStep
		}
		weight, colour := "", t.other
		if one.ours {
			weight, colour = ` font-weight="600"`, t.ours
		}
		text(margin, y+16, `font-size="16"`+weight, t.text, one.name)
		text(chartWidth-margin, y+16, `font-size="16" text-anchor="end"`+weight, t.text, one.text)
		left, right := min(zero, scale(one.median)), max(zero, scale(one.median))
		fmt.Fprintf(&body, `<rect x="%.1f" y="%.1f" width="%.1f" height="%d" rx="2" fill="%s"/>`+"\n", left, y+23,
			max(1, right-left), barHeight, colour)
		if one.great > one.least {
			fmt.Fprintf(&body, `<path d="M%.1f %.1fH%.1f" stroke="%s" stroke-width="1.5"/>`+"\n", scale(one.least),
				y+23+barHeight/2, scale(one.great), t.line)
		}
		if c.ratios {
			fmt.Fprintf(&body, `<path d="M%.1f %.1fv%d" stroke="%s" stroke-width="2"/>`+"\n", zero, y+20, barHeight+6,
				t.faint)
		}
		y += barStep
	}
	height := y + 10
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%.0f" viewBox="0 0 %d %.0f" `+
		`role="img" font-family="system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif">`+
		"\n<title>%s</title>\n%s</svg>\n",
		chartWidth, height, chartWidth, height, escaped(c.title), body.String())
}

// scale returns where a value stands, and where bars begin.
func (c *chart) scale() (of func(float64) float64, zero float64) {
	least, great := math.Inf(1), 0.0
	for i := range c.bars {
		least, great = min(least, c.bars[i].least), max(great, c.bars[i].great)
	}
	if !c.ratios {
		return func(v float64) float64 { return margin + v/great*(chartWidth-2*margin) }, margin
	}
	from, to := math.Log(min(least, .5)), math.Log(max(great, 2))
	of = func(v float64) float64 { return margin + (math.Log(v)-from)/(to-from)*(chartWidth-2*margin) }
	return of, of(1)
}

func escaped(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder takes everything
	return b.String()
}

// barOf is the bar of the rounds of a series or figure.
func barOf(name string, values []float64) bar {
	b := bar{name: name, median: report.Median(values), least: values[0], great: values[0]}
	for _, v := range values {
		b.least, b.great = min(b.least, v), max(b.great, v)
	}
	b.text = report.Number(b.median)
	return b
}

// capital returns text with its first letter as a capital.
func capital(text string) string { return strings.ToUpper(text[:1]) + text[1:] }
