package main

import (
	"encoding/xml"
	"fmt"
	"strings"

	"ordertally/bench/report"
)

// chart has a bar for each value, from left to right, and a line across it from the least round to the greatest.
type chart struct {
	title string
	unit  string
	bars  []bar
}

type bar struct {
	name                 string
	ours                 bool
	median, least, great float64
	goal                 float64 // 0 for none; a stroke marks it
	text                 string  // beside the bar
}

// theme has the colours for one kind of background.
type theme struct{ text, faint, ours, other, goal string }

var (
	light = theme{text: "#1f2328", faint: "#6e7781", ours: "#0969da", other: "#afb8c1", goal: "#bc4c00"}
	dark  = theme{text: "#e6edf3", faint: "#8d96a0", ours: "#4493f8", other: "#484f58", goal: "#f0883e"}
)

const (
	chartWidth = 860
	nameWidth  = 330
	textWidth  = 110
	barHeight  = 16
	barStep    = 26
	chartTop   = 44
)

func (c *chart) svg(t theme) string {
	var longest float64
	for i := range c.bars {
		longest = max(longest, c.bars[i].great, c.bars[i].goal)
	}
	scale := func(v float64) float64 { return nameWidth + v/longest*(chartWidth-nameWidth-textWidth) }
	height := chartTop + len(c.bars)*barStep + 8
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" `+
		`font-family="system-ui, sans-serif" font-size="13">`+"\n<title>%s</title>\n", chartWidth, height, chartWidth,
		height, escaped(c.title))
	text := func(x, y float64, anchor, colour, of string) {
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" text-anchor="%s" fill="%s">%s</text>`+"\n", x, y, anchor, colour,
			escaped(of))
	}
	text(8, 20, "start", t.text, c.title)
	if c.unit != "" {
		text(chartWidth-8, 20, "end", t.faint, c.unit)
	}
	for i := range c.bars {
		one := &c.bars[i]
		y := float64(chartTop + i*barStep)
		colour := t.other
		if one.ours {
			colour = t.ours
		}
		text(nameWidth-8, y+13, "end", t.text, one.name)
		fmt.Fprintf(&b, `<rect x="%d" y="%.1f" width="%.1f" height="%d" fill="%s"/>`+"\n", nameWidth, y,
			max(1, scale(one.median)-nameWidth), barHeight, colour)
		fmt.Fprintf(&b, `<path d="M%.1f %.1fH%.1f" stroke="%s" stroke-width="1.5"/>`+"\n", scale(one.least),
			y+barHeight/2, scale(one.great), t.text)
		if one.goal > 0 {
			fmt.Fprintf(&b, `<path d="M%.1f %.1fv%d" stroke="%s" stroke-width="2.5"/>`+"\n", scale(one.goal), y-3,
				barHeight+6, t.goal)
		}
		text(scale(max(one.great, one.median, one.goal))+8, y+13, "start", t.text, one.text)
	}
	b.WriteString("</svg>\n")
	return b.String()
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
