package restore

import (
	"fmt"
	"io"
	"strings"

	"ordertally/order/orderstore"
	"ordertally/shared/outbox"
	"ordertally/shared/text/output"
)

// Report tells what came, and what did not.
type Report struct {
	Topic   string `json:"topic"`
	Lineage string `json:"lineage"`
	Base    *Base  `json:"base"` // nil without one
	// What follows is about the topic. It is zero if the topic was not read.
	Absorbed  orderstore.Absorbed `json:"from_topic"`
	Slots     outbox.Absorbed     `json:"slots"`
	Lineages  []Lineage           `json:"lineages"` // all that the topic has
	Watermark uint64              `json:"watermark"`
	Newest    uint64              `json:"newest_slot"`
	First     uint64              `json:"next_slot"` // the next order's
	// Unpublished is how many messages the lost disk is known to have had after the watermark.
	Unpublished uint64   `json:"unpublished"`
	Orphans     int      `json:"orphans"` // cancellations whose orders are missing
	Foreign     int      `json:"foreign"` // records of other programs
	Refused     []string `json:"refused"` // records of the lineage that are no messages of it, at most maxRefused
	RefusedMore int      `json:"refused_more"`
}

// Base tells what came from the base.
type Base struct {
	Records int      `json:"records"`
	Orders  int      `json:"orders"`
	Faults  []string `json:"faults"` // what could not be read
	More    int      `json:"more_faults"`
	Mended  []string `json:"mended"`
}

const maxRefused = 20

func (r *Report) refused(text string) {
	if len(r.Refused) == maxRefused {
		r.RefusedMore++
		return
	}
	r.Refused = append(r.Refused, text)
}

// LineagesError says that the topic has several lineages, and none was named.
type LineagesError struct{ Lineages []Lineage }

func (e *LineagesError) Error() string {
	var b strings.Builder
	b.WriteString("the topic has orders of several lineages; name one with --lineage:")
	for _, l := range e.Lineages {
		fmt.Fprintf(&b, "\n  %s  %s, from %s to %s", l.Name, output.Count(l.Messages, "message"),
			output.Time(l.First), output.Time(l.Last))
	}
	return b.String()
}

// Write writes the report as text, with names as the topic has them.
func (r *Report) Write(out io.Writer) error {
	w := &lines{out: out}
	if r.Base != nil {
		w.line("from the base: %s, %d of them orders", output.Count(r.Base.Records, "record"), r.Base.Orders)
		for _, fault := range r.Base.Faults {
			w.line("  not readable: %s", fault)
		}
		if r.Base.More > 0 {
			w.line("  not readable: %d more", r.Base.More)
		}
	}
	if r.Base != nil {
		for _, mended := range r.Base.Mended {
			w.line("  %s", mended)
		}
	}
	if r.First > 0 {
		r.writeTopic(w)
	} else {
		w.line("The topic was not read. Orders, cancellations and keys after the backup are missing.")
		w.line("If the topic has orders after it, the service will not serve this file: restore with --from-topic.")
	}
	if r.Base == nil {
		w.line("gone, because there is no base: API keys, audit entries, incidents, who placed or cancelled an order,")
		w.line("  and keys that were answered with the order of another request of the same source and reference")
	}
	return w.err
}

func (r *Report) writeTopic(w *lines) {
	w.line("lineage %s of topic %s", r.Lineage, r.Topic)
	came := r.Absorbed
	w.line("from the topic: %s, %s, %s, %s of sources", output.Count(came.Orders, "order"),
		output.Count(came.Cancellations, "cancellation"), output.Count(came.Keys, "idempotency key"),
		output.Count(came.References, "reference"))
	for _, l := range r.Lineages {
		if l.Name == r.Lineage {
			w.line("  %s, from %s to %s", output.Count(l.Messages, "message"), output.Time(l.First),
				output.Time(l.Last))
		} else {
			w.line("  left alone: lineage %s, %s, from %s to %s", l.Name, output.Count(l.Messages, "message"),
				output.Time(l.First), output.Time(l.Last))
		}
	}
	for _, c := range []struct {
		n           int
		thing, text string
	}{
		{came.OldKeys, "key", "left out: older than the retention"},
		{came.Repeated, "record", "there already"},
		{came.OtherTypes, "message", "of a type that this version does not know, kept unread"},
		{r.Orphans, "cancellation", "left out: no order here belongs to it"},
		{r.Foreign, "record", "of other programs, left alone"},
		{r.Slots.Again, "message", "of the base that was never published; to be published under a new slot"},
		{r.Slots.Kept, "message", "of the base, waiting or parked as before"},
	} {
		if c.n > 0 {
			w.line("  %s %s", output.Count(c.n, c.thing), c.text)
		}
	}
	for _, refused := range r.Refused {
		w.line("  not a message of this lineage: %s", refused)
	}
	if r.RefusedMore > 0 {
		w.line("  not a message of this lineage: %d more", r.RefusedMore)
	}
	w.line("published up to slot %d; the next order gets slot %d", r.Watermark, r.First)
	r.writeMissing(w)
}

func (r *Report) writeMissing(w *lines) {
	w.spans("missing, deleted by the topic's retention", r.Slots.Expired)
	w.spans("missing, passed over because the messages waited or were parked; those sent later have other slots",
		r.Slots.Passed)
	w.spans("MISSING, published and no longer in the topic, or passed over at the end", r.Slots.Lost)
	if r.Unpublished > 0 {
		w.line("gone: at least %s, stored and not yet published", output.Count(r.Unpublished, "message"))
	}
	w.line("gone with the lost disk: what was stored after the last message above, and messages that waited or were " +
		"parked, unless the base has them")
}

// lines writes lines until one fails.
type lines struct {
	out io.Writer
	err error
}

func (w *lines) line(format string, args ...any) {
	if w.err == nil {
		_, w.err = fmt.Fprintf(w.out, format+"\n", args...)
	}
}

// shownSpans is how many runs of slots a line names.
const shownSpans = 20

func (w *lines) spans(what string, spans []outbox.SlotSpan) {
	if len(spans) == 0 {
		return
	}
	var slots uint64
	var b strings.Builder
	for i, s := range spans {
		if slots += s.Slots(); i >= shownSpans {
			continue
		}
		if i > 0 {
			b.WriteString(", ")
		}
		if fmt.Fprint(&b, s.First); s.Last > s.First {
			fmt.Fprintf(&b, "-%d", s.Last)
		}
	}
	if len(spans) > shownSpans {
		fmt.Fprintf(&b, " and %d more runs", len(spans)-shownSpans)
	}
	w.line("%s: %s: %s", what, output.Count(slots, "slot"), &b)
}
