package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"text/tabwriter"
	"time"

	"ordertally/activity"
	"ordertally/shared/settings"
	"ordertally/shared/text/safetext"
)

// parkedCmd are the operators' verbs for messages that could not be counted.
type parkedCmd struct {
	Ls      lsCmd      `cmd:"" help:"List the parked messages: those that could not be counted."`
	Show    showCmd    `cmd:"" help:"Show a parked message with its bytes, headers and history, as JSON."`
	Export  exportCmd  `cmd:"" help:"Write all parked messages, one JSON object a line."`
	Retry   retryCmd   `cmd:"" help:"Count parked messages after all, by the rules of the program that runs now."`
	Discard discardCmd `cmd:"" help:"Give parked messages up, for ever. The act and its reason are kept."`
}

// lateCmd are the operators' verbs for messages that may have been counted before, and forgotten since.
type lateCmd struct {
	Ls      lsCmd      `cmd:"" help:"List the late messages: nobody can tell whether they were counted before."`
	Show    showCmd    `cmd:"" help:"Show a late message with its bytes, headers and history, as JSON."`
	Export  exportCmd  `cmd:"" help:"Write all late messages, one JSON object a line."`
	Accept  retryCmd   `cmd:"" help:"Count late messages: they were not counted before."`
	Discard discardCmd `cmd:"" help:"Give late messages up, for ever: they were counted before. The act and its reason are kept."`
}

// conflictsCmd are the operators' verbs for messages whose id another message had.
type conflictsCmd struct {
	Ls      lsCmd      `cmd:"" help:"List the messages in conflict: another message had their id."`
	Show    showCmd    `cmd:"" help:"Show a message in conflict with its bytes, headers and history, as JSON."`
	Export  exportCmd  `cmd:"" help:"Write all messages in conflict, one JSON object a line."`
	Accept  retryCmd   `cmd:"" help:"Count messages in conflict as well, because they are genuine."`
	Discard discardCmd `cmd:"" help:"Give up messages in conflict for ever, because they are forged or should not count. The act and its reason are recorded."`
}

// ledger is the group of verbs that a command is in; it is set before the command runs.
type ledger activity.Ledger

// BeforeApply tells the verbs which ledger they are about.
func (parkedCmd) BeforeApply(l *ledger) error { *l = ledger(activity.ParkedLedger); return nil }

// BeforeApply tells the verbs which ledger they are about.
func (lateCmd) BeforeApply(l *ledger) error { *l = ledger(activity.LateLedger); return nil }

// BeforeApply tells the verbs which ledger they are about.
func (conflictsCmd) BeforeApply(l *ledger) error { *l = ledger(activity.ConflictLedger); return nil }

// selection names messages by what they have in common.
type selection struct {
	Class     string        `help:"Only those of this class, such as malformed." placeholder:"CLASS"`
	OlderThan time.Duration `help:"Only those put there longer ago, such as 1h." placeholder:"DURATION"`
}

func (s *selection) query(now time.Time) url.Values {
	query := url.Values{}
	if s.Class != "" {
		query.Set("class", s.Class)
	}
	if s.OlderThan > 0 {
		query.Set("before", now.Add(-s.OlderThan).UTC().Format(time.RFC3339))
	}
	return query
}

// keptPage is a page of a ledger, as the service answers it.
type keptPage struct {
	Messages []json.RawMessage      `json:"messages"`
	Corrupt  []string               `json:"corrupt,omitempty"`
	Next     string                 `json:"next_cursor,omitempty"`
	Overflow []activity.OffsetRange `json:"overflow,omitempty"`
}

type lsCmd struct {
	remote
	selection
	Limit  int    `help:"Maximum number of messages to list, 1 to 200. Default 50."`
	Cursor string `help:"Continue where an earlier list ended (its next_cursor)."`
}

// Run lists on standard output.
func (c *lsCmd) Run(ctx context.Context, l *ledger) error { return c.run(ctx, *l, safetext.Stdout()) }

func (c *lsCmd) run(ctx context.Context, l ledger, out io.Writer) error {
	query := c.query(time.Now())
	if c.Limit != 0 {
		query.Set("limit", strconv.Itoa(c.Limit))
	}
	if c.Cursor != "" {
		query.Set("cursor", c.Cursor)
	}
	var page keptPage
	if err := c.askJSON(ctx, http.MethodGet, string(l), query, nil, &page); err != nil {
		return err
	}
	switch c.Output {
	case "json":
		return writeValue(out, page)
	case "ndjson":
		for _, message := range page.Messages {
			if err := writeValue(out, message); err != nil {
				return err
			}
		}
		if len(page.Corrupt) == 0 {
			return nil
		}
		return writeValue(out, map[string][]string{"corrupt": page.Corrupt})
	}
	return page.writeTable(out)
}

func (p *keptPage) writeTable(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tMESSAGE\tCLASS\tSINCE\tATTEMPTS\tBYTES\tREASON")
	for _, text := range p.Messages {
		var m struct {
			ID        string    `json:"id"`
			MessageID string    `json:"message_id"`
			Class     string    `json:"class"`
			Reason    string    `json:"reason"`
			At        time.Time `json:"at"`
			Attempts  int       `json:"attempts"`
			Bytes     int       `json:"bytes"`
		}
		if err := json.Unmarshal(text, &m); err != nil {
			return fmt.Errorf("read the service's answer: %w", err)
		}
		fmt.Fprintf(table, "%s\t%q\t%s\t%s\t%d\t%d\t%q\n", m.ID, m.MessageID, m.Class, m.At.UTC().Format(time.RFC3339),
			m.Attempts, m.Bytes, m.Reason)
	}
	for _, id := range p.Corrupt {
		fmt.Fprintf(table, "damaged: entry %s: stop the service and run activity check\n", id)
	}
	for _, r := range p.Overflow {
		fmt.Fprintf(table, "no room was left for offsets %d to %d of partition %d: read them from Kafka\n", r.From,
			r.To, r.Partition)
	}
	if p.Next != "" {
		fmt.Fprintf(table, "more: --cursor %s\n", p.Next)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return nil
}

type showCmd struct {
	remote
	ID string `arg:"" help:"Id of the message, as ls shows it." name:"id"`
}

// Run shows the message on standard output, indented unless one line is asked for.
func (c *showCmd) Run(ctx context.Context, l *ledger) error { return c.run(ctx, *l, safetext.Stdout()) }

func (c *showCmd) run(ctx context.Context, l ledger, out io.Writer) error {
	var message json.RawMessage
	if err := c.askJSON(ctx, http.MethodGet, string(l)+"/"+url.PathEscape(c.ID), nil, nil, &message); err != nil {
		return err
	}
	if c.Output == "ndjson" {
		return writeValue(out, message)
	}
	var text bytes.Buffer
	if err := json.Indent(&text, message, "", "  "); err != nil {
		return fmt.Errorf("read the service's answer: %w", err)
	}
	if _, err := fmt.Fprintln(out, text.String()); err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return nil
}

type exportCmd struct {
	remote
	selection
}

// Run writes to standard output.
func (c *exportCmd) Run(ctx context.Context, l *ledger) error {
	return c.run(ctx, *l, safetext.Stdout())
}

func (c *exportCmd) run(ctx context.Context, l ledger, out io.Writer) error {
	answer, err := c.ask(ctx, http.MethodGet, string(l)+"/export", c.query(time.Now()), nil)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Close() }()
	if _, err := io.Copy(out, answer); err != nil {
		return fmt.Errorf("the export is cut short: %w", err)
	}
	return nil
}

// deciding is what retry, accept and discard have in common.
type deciding struct {
	remote
	selection
	IDs []string `arg:"" help:"Ids of messages, as ls shows them." name:"id" optional:""`
	All bool     `help:"All messages of the ledger."`
}

// decide asks for each id, or for all that is selected, and writes what became of them.
func (d *deciding) decide(ctx context.Context, l ledger, verb, reason string, out io.Writer) error {
	query := d.query(time.Now())
	ways := 0
	for _, given := range []bool{len(d.IDs) > 0, len(query) > 0, d.All} {
		if given {
			ways++
		}
	}
	if ways != 1 {
		return settings.WithExitCode(errors.New(
			"name messages by their ids, or select them by --class and --older-than, or say --all"), settings.ExitUsage)
	}
	body := map[string]any{}
	if reason != "" {
		body["reason"] = reason
	}
	if len(d.IDs) == 0 {
		for name := range query {
			body[name] = query.Get(name)
		}
		if d.All {
			body["all"] = true
		}
		var answer map[string]json.RawMessage
		if err := d.askJSON(ctx, http.MethodPost, string(l)+"/"+verb, nil, body, &answer); err != nil {
			return err
		}
		return d.writeAll(out, answer)
	}
	total := map[string]int{}
	for _, id := range d.IDs {
		var done map[string]int
		if err := d.askJSON(ctx, http.MethodPost, string(l)+"/"+url.PathEscape(id)+"/"+verb, nil, body,
			&done); err != nil {
			return fmt.Errorf("message %.60q, after %v: %w", id, total, err)
		}
		for name, n := range done {
			total[name] += n
		}
	}
	return d.writeDone(out, total)
}

// writeAll writes what became of many messages, and which of them are damaged.
func (d *deciding) writeAll(out io.Writer, answer map[string]json.RawMessage) error {
	if d.Output != "table" {
		return writeValue(out, answer)
	}
	done, corrupt := map[string]int{}, []string(nil)
	for name, text := range answer {
		var err error
		if name == "corrupt" {
			err = json.Unmarshal(text, &corrupt)
		} else {
			var n int
			err = json.Unmarshal(text, &n)
			done[name] = n
		}
		if err != nil {
			return fmt.Errorf("read the service's answer: %w", err)
		}
	}
	if err := d.writeDone(out, done); err != nil {
		return err
	}
	for _, id := range corrupt {
		if _, err := fmt.Fprintf(
			out,
			"damaged, left as it is: entry %s: stop the service and run activity check\n",
			id,
		); err != nil {
			return fmt.Errorf("write the answer: %w", err)
		}
	}
	return nil
}

func (d *deciding) writeDone(out io.Writer, done map[string]int) error {
	if d.Output != "table" {
		return writeValue(out, done)
	}
	for _, name := range []string{"retried", "accepted", "discarded", "counted", "duplicates", "still_parked"} {
		if n, found := done[name]; found {
			if _, err := fmt.Fprintln(out, n, name); err != nil {
				return fmt.Errorf("write the answer: %w", err)
			}
		}
	}
	return nil
}

type retryCmd struct {
	deciding
	Reason string `help:"Kept in the record of the act."`
}

// Run writes what became of the messages to standard output.
func (c *retryCmd) Run(ctx context.Context, l *ledger) error {
	return c.run(ctx, *l, safetext.Stdout())
}

func (c *retryCmd) run(ctx context.Context, l ledger, out io.Writer) error {
	verb := "accept"
	if l == ledger(activity.ParkedLedger) {
		verb = "retry"
	}
	return c.decide(ctx, l, verb, c.Reason, out)
}

type discardCmd struct {
	deciding
	Reason string `help:"Why; kept in the record of the act." required:""`
}

// Run writes how many were discarded to standard output.
func (c *discardCmd) Run(ctx context.Context, l *ledger) error {
	return c.run(ctx, *l, safetext.Stdout())
}

func (c *discardCmd) run(ctx context.Context, l ledger, out io.Writer) error {
	return c.decide(ctx, l, "discard", c.Reason, out)
}
