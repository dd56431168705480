package restore

import (
	"fmt"
	"io"
	"strings"
	"time"

	"ordertally/order/orderstore"
	"ordertally/shared/outbox"
)

// Report tells what came, and what did not.
type Report struct {
	Topic, Lineage string
	Base           *Base // nil without one
	// What follows is about the topic. It is zero if the topic was not read.
	Absorbed          orderstore.Absorbed
	Slots             outbox.Absorbed
	Lineages          []Lineage // all that the topic has
	Watermark, Newest uint64
	First             uint64 // the next order's slot
	// Unpublished is how many messages the lost disk is known to have had after the watermark.
	Unpublished uint64
	Orphans     int      // cancellations whose orders are missing
	Foreign     int      // records of other programs
	Refused     []string // records of the lineage that are no messages of it, at most maxRefused
	RefusedMore int
}

// Base tells what came from the base.
type Base struct {
	Records, Orders int
	Faults          []string // what could not be read
	More            int
	Mended          []string
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
		fmt.Fprintf(&b, "\n  %s  %d messages, from %s to %s", l.Name, l.Messages, l.First.UTC().Format(time.RFC3339),
			l.Last.UTC().Format(time.RFC3339))
	}
	return b.String()
}

// Write writes the report as text, with names as the topic has them.
func (r *Report) Write(out io.Writer) error {
	w := &lines{out: out}
	if r.Base != nil {
		w.line("from the base: %d records, %d of them orders", r.Base.Records, r.Base.Orders)
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
	w.line("from the topic: %d orders, %d cancellations, %d idempotency keys, %d references of sources",
		came.Orders, came.Cancellations, came.Keys, came.References)
	for _, l := range r.Lineages {
		if l.Name == r.Lineage {
			w.line("  %d messages, from %s to %s", l.Messages, stamp(l.First), stamp(l.Last))
		} else {
			w.line("  left alone: lineage %s, %d messages, from %s to %s", l.Name, l.Messages, stamp(l.First),
				stamp(l.Last))
		}
	}
	for _, c := range []struct {
		n    int
		text string
	}{
		{came.OldKeys, "keys are left out, because they are older than their retention"},
		{came.Repeated, "records were there already"},
		{came.OtherTypes, "messages have a type that this version does not know; they are kept as they are"},
		{r.Orphans, "cancellations are left out, because their orders are missing"},
		{r.Foreign, "records of other programs are left alone"},
		{r.Slots.Again, "messages of the base were never published; they will be, under new slots"},
		{r.Slots.Kept, "messages of the base wait or are parked, as before"},
	} {
		if c.n > 0 {
			w.line("  %d %s", c.n, c.text)
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
		w.line("gone: at least %d messages that were stored and not yet published", r.Unpublished)
	}
	w.line("gone with the lost disk: what was stored after the last message above, and messages that waited or were " +
		"parked, unless the base has them")
}

func stamp(at time.Time) string { return at.UTC().Format(time.RFC3339) }

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
	w.line("%s: %d slots: %s", what, slots, &b)
}
